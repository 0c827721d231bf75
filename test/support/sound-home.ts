import { execFileSync } from 'node:child_process'
import {
  copyFileSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'

import { digest, KERNEL_PARTS } from '../../src/kernel/ready-made/manifest.ts'
import { TEST_HOME } from './home.ts'
import { testTree } from './kernels.ts'
import { klab, type KlabOptions, type KlabResult } from './klab.ts'
import { processesNaming } from './processes.ts'

/** A directory for KLAB_HOME in which there is one of everything, and copies of it to be damaged. */
export class SoundHome implements Disposable {
  readonly #place: string
  /** What the commands need to name something of it. */
  names: Names = { kernel: '', run: '', crash: '', template: '' }

  constructor(place: string) {
    this.#place = place
  }

  /** KLAB_HOME. */
  get path(): string {
    return join(this.#place, 'home')
  }

  get #sound(): string {
    return join(this.#place, 'sound')
  }

  async klab(args: readonly string[], options: KlabOptions = {}): Promise<KlabResult> {
    const env = { KLAB_HOME: this.path, ...options.env }
    return await klab(args, { cwd: this.#place, timeoutMs: 60_000, ...options, env })
  }

  /** Makes one of everything: a kernel, templates, runs, a crash with its dump, a VM that stays, a snapshot, keys, settings. */
  async fill(): Promise<void> {
    mkdirSync(join(this.path, 'cache/kernels'), { recursive: true })
    const built = await klab(['build', '--json', '--tree', testTree()])
    const { id: kernel } = JSON.parse(built.stdout) as { id: string }
    for (const part of ['accelerator', `kernels/${kernel}`])
      cpSync(join(TEST_HOME, 'cache', part), join(this.path, 'cache', part), { recursive: true })
    noteParts(join(this.path, 'cache/kernels', kernel))
    const run = ['run', '-q', '--kernel', kernel, '--memory', '512M']
    const crash = 'echo WARNING > /sys/kernel/debug/provoke-crash/DIRECT'
    for (const args of [
      ['config', 'set', '--user', 'machine.cpus', '2'],
      [...run, '--', 'sh', '-c', 'echo out; echo err >&2'],
      [...run, '--user', 'root', '--on-crash', 'dump', '--', 'sh', '-c', crash],
      ['start', '-q', 'box', '--kernel', kernel, '--memory', '256M', '--root', 'none'],
      ['snapshot', 'box', 'one'],
      ['stop', 'box'],
      ['ssh-config'],
    ])
      await this.#made(args)
    const listed = async <T>(...args: string[]) =>
      JSON.parse((await this.klab([...args, '--json'])).stdout) as T
    const [crashed] = await listed<{ fingerprint: string }[]>('crash', 'ls')
    const [first] = await listed<{ id: string }[]>('runs', '--command', 'err')
    const [template] = await listed<{ key: string }[]>('template', 'ls')
    this.names = {
      ...{ kernel, run: first?.id ?? '', crash: crashed?.fingerprint ?? '' },
      template: template?.key ?? '',
    }
    await this.klab(['crash', 'show', this.names.crash])
    renameSync(this.path, this.#sound)
  }

  async #made(args: readonly string[]): Promise<void> {
    const { code, stderr } = await this.klab(args)
    // The one of the crash.
    if (code !== 0 && code !== 100) throw new Error(`klab ${args.join(' ')}: ${code}\n${stderr}`)
  }

  /** A copy to be damaged, at the place where the sound one was made: templates know their kernel by its path and inode. */
  renew(): void {
    this.#endAll()
    rmSync(this.path, { recursive: true, force: true })
    execFileSync('cp', ['-al', this.#sound, this.path])
    // What is written in place must be its own.
    const state = join(this.path, 'state')
    for (const name of readdirSync(state).filter((file) => file.startsWith('klab.db'))) {
      rmSync(join(state, name))
      copyFileSync(join(this.#sound, 'state', name), join(state, name))
    }
  }

  /** A VM that was restored lives on, with a home that is not there any more. */
  #endAll(): void {
    for (const pid of processesNaming(this.path))
      try {
        process.kill(Number(pid), 'SIGKILL')
      } catch {
        // QEMU ends with its keeper.
      }
  }

  [Symbol.dispose](): void {
    this.#endAll()
    rmSync(this.#place, { recursive: true, force: true })
  }
}

/** As a klab of today collects a kernel: the tests' may be older. */
function noteParts(dir: string): void {
  const path = join(dir, 'manifest.json')
  const files = Object.fromEntries(
    KERNEL_PARTS.map((part) => {
      const content = readFileSync(join(dir, part))
      return [part, { bytes: content.length, sha256: digest(content) }]
    }),
  )
  const manifest: object = JSON.parse(readFileSync(path, 'utf8'))
  writeFileSync(path, JSON.stringify({ ...manifest, files }))
}

export interface Names {
  readonly kernel: string
  readonly run: string
  readonly crash: string
  readonly template: string
}
