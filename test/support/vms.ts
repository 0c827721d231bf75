import { testTree } from './kernels.ts'
import { klab, type KlabOptions } from './klab.ts'

/** VMs of one test, removed with it. */
export class TestVms implements AsyncDisposable {
  readonly #names: string[] = []
  readonly #prefix = `t${process.pid}-${Math.random().toString(36).slice(2, 6)}-`

  /** A name that no other test has. */
  name(suffix: string): string {
    const name = `${this.#prefix}${suffix}`
    this.#names.push(name)
    return name
  }

  /** Starts a VM on the kernel of the tests. */
  async start(suffix: string, ...options: string[]): Promise<string> {
    const name = this.name(suffix)
    const started = await klab(['start', '-q', name, '--tree', testTree(), ...options])
    if (started.code !== 0) throw new Error(`klab start failed:\n${started.stderr}`)
    return name
  }

  async exec(name: string, argv: readonly string[], options: KlabOptions = {}) {
    return await klab(['exec', name, '--', ...argv], options)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const name of this.#names) await klab(['rm', '--force', name])
  }
}

interface Listed {
  readonly name: string
  readonly state: string
  readonly runId: string
  readonly outcome?: { readonly kind: string; readonly reason?: string }
  readonly keeper?: { readonly pid: number }
  readonly qemu?: { readonly pid: number }
  readonly daemons?: Readonly<Record<string, { readonly pid: number }>>
}

/** What `klab ps` says of a VM. */
export async function listed(name: string): Promise<Listed | undefined> {
  const all = JSON.parse((await klab(['ps', '--json'])).stdout) as Listed[]
  return all.find((vm) => vm.name === name)
}
