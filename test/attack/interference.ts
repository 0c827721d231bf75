import { readdirSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

import { oneOf, type Random } from '../support/random.ts'
import { signal } from './arena.ts'
import { commandsOn, type Command } from './command-table.ts'
import type { Attacked, Attacker, Kind } from './kind.ts'
import { leftovers } from './leftovers.ts'
import { peopleHere } from './people.ts'
import type { Running } from './roles.ts'
import { Stage } from './stage.ts'

type Blow = 'SIGKILL' | 'SIGSTOP'

/** A process is killed, or stopped, at any moment of any command. */
export function interference(blow: Blow): Kind {
  const done = blow === 'SIGKILL' ? 'killed' : 'stopped'
  return {
    about: `one process of klab ${done} at a random moment of a random command`,
    row: 8,
    begin: async (random) => {
      const person = oneOf(peopleHere(), random)
      const transport = random() < 0.7 || person !== 'root' ? '9p' : 'virtiofs'
      const stage = await Stage.make(person, transport)
      return new Interference(stage, blow, await crashOn(stage))
    },
  }
}

/** A crash for the commands that want one; a name of none where guests cannot be told to crash. */
async function crashOn(stage: Stage): Promise<string> {
  if (!stage.hasRoot) return 'none'
  const warn = 'echo WARNING > /sys/kernel/debug/provoke-crash/DIRECT'
  const run = ['run', '-q', '--user', 'root', ...stage.vmOptions, '--', 'sh', '-c', warn]
  await stage.must(run, [100])
  const { stdout } = await stage.must(['crash', 'ls', '--json'])
  const [first] = JSON.parse(stdout) as { fingerprint: string }[]
  return first?.fingerprint ?? 'none'
}

class Interference implements Attacker {
  readonly #stage: Stage
  readonly #blow: Blow
  readonly #commands: readonly Command[]

  constructor(stage: Stage, blow: Blow, crash: string) {
    this.#stage = stage
    this.#blow = blow
    this.#commands = commandsOn(stage, crash)
  }

  async attack(random: Random): Promise<Attacked> {
    const stage = this.#stage
    await stage.set()
    const command = oneOf(this.#commands, random)
    const moment = Math.round(random() * command.ms)
    const victim = await this.#strike(command, { moment, random })
    if (this.#blow === 'SIGKILL') await stage.goesOn()
    else await this.#afterStop(victim)
    const { person } = stage.arena
    const what = `${this.#blow} of ${victim?.role ?? 'nobody'}, ${moment} ms into klab ${command.line}, as ${person}`
    const slowestMs = stage.slowestMs
    return { what, sort: victim?.role ?? 'too late', hits: stage.take(), slowestMs }
  }

  /** Starts the command, hits somebody, and waits for its end. */
  async #strike(
    { args, ms }: Command,
    { moment, random }: { readonly moment: number; readonly random: Random },
  ): Promise<Running | undefined> {
    const { arena } = this.#stage
    const going = arena.start(args)
    await Promise.race([sleep(moment), going.ended])
    const all = arena.running()
    // Each role as often as another, however many it has.
    const roles = [...new Set(all.map(({ role }) => role))].toSorted()
    const role = roles.length === 0 ? undefined : oneOf(roles, random)
    const victim = all.find((one) => one.role === role)
    if (victim) signal(victim.pid, this.#blow)
    const isIt = victim?.role === 'klab' || victim?.role === 'helper'
    if (isIt && this.#blow === 'SIGSTOP') {
      await sleep(Math.min(ms, 1_000))
      signal(victim.pid, 'SIGCONT')
    }
    const result = await going.ended
    const wasKilled = isIt && this.#blow === 'SIGKILL' && result.code !== 125
    if (!wasKilled) this.#stage.judge(args, result)
    return victim
  }

  /** What is stopped is taken away all the same. */
  async #afterStop(victim: Running | undefined): Promise<void> {
    const stage = this.#stage
    for (const { name } of await stage.listed()) await stage.force(['rm', '--force', name])
    if (victim) signal(victim.pid, 'SIGCONT')
    await stage.goesOn()
  }

  /** The next copy takes away what a killed one has left. */
  async #copyAgain(): Promise<void> {
    const stage = this.#stage
    if (!stage.hasRoot) return
    await stage.set()
    await stage.must(['cp', 'box:/etc/apt', `${stage.arena.out}/`])
    for (const name of readdirSync(stage.arena.out))
      if (name.startsWith('.klab-')) stage.hits.push(`${name} is left where klab cp was to write`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stage[Symbol.asyncDispose]()
  }

  /** What is there when a row of attacks is over. */
  async end(): Promise<string[]> {
    await this.#copyAgain()
    await this.#stage.clear()
    return [...this.#stage.take(), ...(await leftovers(this.#stage))]
  }
}
