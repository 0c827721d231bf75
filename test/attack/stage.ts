import type { KlabResult } from '../support/klab.ts'
import { complaintAbout } from '../support/damage.ts'
import { Arena } from './arena.ts'
import type { Person } from './people.ts'

/** What klab says of a VM. */
interface Listed {
  readonly name: string
  readonly state: 'starting' | 'running' | 'paused' | 'stopped'
}

/** A command may end as whatever it runs ends, or be told no; never otherwise. */
const CODES = [0, 2, 3, 100, 124, 125, 126, 127]

/** How long --force may take, with what a busy machine needs to start klab. */
const FORCE_MS = 10_000

/** An arena with VMs that stay, a snapshot, a crash: something for every command. */
export class Stage implements AsyncDisposable {
  readonly arena: Arena
  /** Of a VM that sees this machine's files. */
  readonly #transport: '9p' | 'virtiofs'
  readonly hits: string[] = []
  slowestMs = 0

  private constructor(arena: Arena, transport: '9p' | 'virtiofs') {
    this.arena = arena
    this.#transport = transport
  }

  static async make(person: Person, transport: '9p' | 'virtiofs'): Promise<Stage> {
    return new Stage(await Arena.make(person), transport)
  }

  /** Whether this person's guests may see this machine. */
  get hasRoot(): boolean {
    return this.arena.person !== 'bare'
  }

  get vmOptions(): string[] {
    // One CPU each: a series of runs waits until there are CPUs beside the VMs that stay.
    return ['--kernel', this.arena.kernel, '--memory', '256M', '--cpus', '1']
  }

  /** Sees to it that the VMs are there and run; that is what a user would do next. */
  async set(): Promise<void> {
    const there = new Map((await this.listed()).map(({ name, state }) => [name, state]))
    for (const name of there.keys())
      if (name !== 'box' && name !== 'still') await this.force(['rm', '--force', name])
    if (this.hasRoot) await this.#setVm('box', there, ['--transport', this.#transport])
    await this.#setVm('still', there, ['--root', 'none'])
    const snapshots = await this.arena.klab(['snapshot', 'ls', 'still'])
    if (!/\bone\b/.test(snapshots.stdout)) await this.must(['snapshot', 'still', 'one'])
  }

  async #setVm(name: string, there: ReadonlyMap<string, string>, options: readonly string[]) {
    const state = there.get(name)
    if (state === 'starting') await this.force(['rm', '--force', name])
    if (state === 'paused') await this.must(['resume', name])
    if (state === 'stopped') await this.must(['start', name])
    if (state === undefined || state === 'starting')
      await this.must(['start', '-q', name, ...this.vmOptions, ...options])
  }

  async listed(): Promise<readonly Listed[]> {
    const { code, stdout, stderr } = await this.arena.klab(['ps', '--json'])
    if (code === 0) return JSON.parse(stdout) as Listed[]
    this.hits.push(`klab ps: ${code}: ${stderr}`)
    return []
  }

  /** A command that has to work. */
  async must(args: readonly string[], codes: readonly number[] = [0]): Promise<KlabResult> {
    const result = await this.arena.klab(args)
    const bad = complaintAbout(result, CODES)
    if (bad !== undefined) this.#hit(args, bad, result)
    else if (!codes.includes(result.code ?? -1)) this.#hit(args, 'it has to work', result)
    return result
  }

  /** A command that may fail, with a sentence. */
  judge(args: readonly string[], result: KlabResult): void {
    const bad = complaintAbout(result, CODES)
    if (bad !== undefined) this.#hit(args, bad, result)
  }

  /** A command that has to work, whatever was done, and soon. */
  async force(args: readonly string[]): Promise<void> {
    const startedAt = performance.now()
    const result = await this.arena.klab(args, FORCE_MS)
    this.slowestMs = Math.max(this.slowestMs, performance.now() - startedAt)
    const isGone = /there is no VM/.test(result.stderr)
    if (result.code !== 0 && !isGone) this.#hit(args, 'it has to work', result)
  }

  #hit(args: readonly string[], why: string, { code, signal, stderr }: KlabResult): void {
    const said = stderr.trim().split('\n').slice(0, 6).join('\n    ')
    this.hits.push(`klab ${args.join(' ')}: ${why} (${code ?? signal})\n    ${said}`)
  }

  /** The next run works, and every VM that is said to run does. */
  async goesOn(): Promise<void> {
    const command = this.hasRoot ? ['--', 'true'] : ['--root', 'none', '--', '/none']
    const codes = this.hasRoot ? [0] : [127]
    await this.must(['run', '-q', '--no-stdin', ...this.vmOptions, ...command], codes)
    for (const { name, state } of await this.listed())
      if (state === 'running') await this.must(['exec', name, '--', 'true'], [0, 126, 127])
  }

  /** All is taken away, and gone. */
  async clear(): Promise<void> {
    for (const { name } of await this.listed()) await this.force(['rm', '--force', name])
    // A switch waits for others to come, and helpers of the dead need a moment.
    for (const { pid, role } of await this.arena.left(15_000))
      this.hits.push(`${role} (process ${pid}) is left when all VMs are removed`)
  }

  /** The hits since it was asked last. */
  take(): string[] {
    return this.hits.splice(0)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.arena[Symbol.asyncDispose]()
  }
}
