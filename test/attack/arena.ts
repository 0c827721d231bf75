import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

import { TEST_HOME } from '../support/home.ts'
import { testTree } from '../support/kernels.ts'
import { klab, type KlabResult } from '../support/klab.ts'
import { processesNaming } from '../support/processes.ts'
import { asPerson, giveTo, programFor, type Person } from './people.ts'
import { roleOf, stateOf, type Running } from './roles.ts'

/** A command of klab that goes on. */
export interface Going {
  readonly child: ChildProcess
  /** Its end; with no code if it had to be killed after the time that it was given. */
  readonly ended: Promise<KlabResult>
}

/** A home of klab for attacks alone, so that all processes and files of it are known by its name. */
export class Arena implements AsyncDisposable {
  readonly place: string
  readonly person: Person
  readonly kernel: string
  readonly #program: string

  private constructor(place: string, person: Person, kernel: string) {
    this.place = place
    this.person = person
    this.kernel = kernel
    this.#program = programFor(person, place)
  }

  /** Makes one with a kernel in its cache. */
  static async make(person: Person): Promise<Arena> {
    const place = mkdtempSync('/tmp/klab-attack-')
    const arena = new Arena(place, person, await attackedKernel())
    for (const part of ['accelerator', 'qemu', `kernels/${arena.kernel}`])
      cpSync(join(TEST_HOME, 'cache', part), join(arena.home, 'cache', part), { recursive: true })
    for (const dir of [join(arena.home, 'cache'), arena.home]) chmodSync(dir, 0o700)
    mkdirSync(arena.out)
    giveTo(person, place)
    chmodSync(place, 0o755)
    return arena
  }

  get home(): string {
    return join(this.place, 'home')
  }

  /** Where what is copied out goes. */
  get out(): string {
    return join(this.place, 'out')
  }

  /** Starts a command; it is killed when its time is over. */
  start(args: readonly string[], timeoutMs = 60_000): Going {
    const [file = '', ...rest] = asPerson(this.person, [this.#program, ...args])
    const child = spawn(file, rest, {
      cwd: this.place,
      env: { PATH: process.env['PATH'], HOME: this.place, KLAB_HOME: this.home, LC_ALL: 'C.UTF-8' },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    return { child, ended: endOf(child, { timeoutMs, others: () => this.#told() }) }
  }

  /** Who lives, and whether he is stopped: for whom a command that does not end may be waiting. */
  #told(): string {
    return this.running()
      .map(({ pid, role }) => `${role} ${pid} ${stateOf(pid)}`)
      .join(', ')
  }

  async klab(args: readonly string[], timeoutMs?: number): Promise<KlabResult> {
    return await this.start(args, timeoutMs).ended
  }

  /** All processes of this home, and what they are. */
  running(): Running[] {
    return processesNaming(this.home).flatMap((pid) => roleOf(Number(pid)) ?? [])
  }

  /** What still runs when all had time to end. */
  async left(ms: number): Promise<Running[]> {
    const until = performance.now() + ms
    while (performance.now() < until && this.running().length > 0) await sleep(50)
    return this.running()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (let tries = 0; tries < 50 && this.running().length > 0; tries++) {
      for (const { pid } of this.running()) signal(pid, 'SIGKILL')
      await sleep(50)
    }
    rmSync(this.place, { recursive: true, force: true, maxRetries: 5 })
  }
}

/** Sends a signal to what may have ended. */
export function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name)
  } catch {
    return false
  }
}

/** What it prints is read as long as it lives: who outlives it may hold its pipes. */
async function endOf(
  child: ChildProcess,
  { timeoutMs, others }: { readonly timeoutMs: number; readonly others: () => string },
): Promise<KlabResult> {
  const said = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const)
    child[name]?.on('data', (chunk: Buffer) => (said[name] += chunk.toString()))
  let late = ''
  const timer = setTimeout(() => {
    late = `it had not ended after ${timeoutMs} ms; there are ${others()}\n`
    child.kill('SIGKILL')
  }, timeoutMs)
  const [code, by] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null]
  clearTimeout(timer)
  await Promise.race([once(child, 'close'), sleep(500)])
  for (const stream of [child.stdout, child.stderr]) stream?.destroy()
  const stderr = late + said.stderr
  return { code, signal: by, stdout: said.stdout, stderr, output: Buffer.from(said.stdout) }
}

let kernel: Promise<string> | undefined

/** The kernel of the tests. */
async function attackedKernel(): Promise<string> {
  kernel ??= klab(['build', '--json', '--tree', testTree()]).then(
    ({ stdout }) => (JSON.parse(stdout) as { id: string }).id,
  )
  return await kernel
}
