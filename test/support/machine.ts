import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { Agent, AGENT, initramfs } from '../../src/guest/index.ts'
import { nativeProgram } from '../../src/host/index.ts'
import {
  acceleratorVerdict,
  PLAIN,
  startVm,
  type BootSpec,
  type Machine,
  type Vm,
  type VmOptions,
} from '../../src/vm/index.ts'
import { TEST_HOME } from './home.ts'
import { testTree } from './kernels.ts'
import { klab } from './klab.ts'

const CACHE = join(TEST_HOME, 'cache')
const QEMU = '/usr/bin/qemu-system-x86_64'
const ROOT = 'trans=virtio,version=9p2000.L,msize=512000,access=any,cache=loose'

/** The image of the kernel of the tests. */
export async function testImage(): Promise<string> {
  const built = await klab(['build', '--json', '--tree', testTree()])
  return join(CACHE, 'kernels', (JSON.parse(built.stdout) as { id: string }).id, 'image')
}

/** A VM of a machine, with this machine as its root, and no more of klab than a VM and its agent. */
export class BareVm implements AsyncDisposable {
  readonly vm: Vm
  readonly dir: string
  #agent: Agent | undefined

  constructor(vm: Vm, dir: string) {
    this.vm = vm
    this.dir = dir
  }

  /** Boots one whose root is mounted. */
  static async start(...asked: Parameters<typeof BareVm.boot>): Promise<BareVm> {
    const bare = await BareVm.boot(...asked)
    await bare.enter(bare.vm.agentSocket)
    return bare
  }

  /** Starts one that nothing was said to. */
  static async boot(
    image: string,
    machine: Partial<Machine>,
    change: Partial<Omit<VmOptions, 'spec'>> & { readonly spec?: Partial<BootSpec> } = {},
  ): Promise<BareVm> {
    const dir = await mkdtemp(join(tmpdir(), 'klab-bare-'))
    const initrd = join(dir, 'initramfs')
    await writeFile(initrd, initramfs(await readFile(await nativeProgram(AGENT, CACHE)), []))
    const { tscKHz, kvm } = await acceleratorVerdict({ qemu: QEMU, arch: 'x86_64' }, CACHE)
    const spec: BootSpec = {
      qemu: QEMU,
      machine: { ...PLAIN, arch: 'x86_64', type: 'q35', cpus: 2, memoryMiB: 512, ...machine },
      accelerator: kvm ? { kind: 'kvm' } : { kind: 'tcg', tscKHz },
      ...{ image, initrd, parameters: [], net: [] },
      exports: [{ transport: '9p', tag: 'klab.root', path: '/', readOnly: true }],
      ...{ pvpanic: true, vmcoreinfo: true, sandbox: true },
      ...change.spec,
    }
    const vm = await startVm({
      ...{ runDir: dir, socketDir: join(dir, 's'), confinement: {}, cacheDir: CACHE },
      ...{ slowness: 10, bootTimeoutMs: 120_000, consoleReaders: [], onPhase: () => undefined },
      ...change,
      spec,
    })
    return new BareVm(vm, dir)
  }

  /** Waits for the agent of a boot. */
  async greet(socket: Socket): Promise<Agent> {
    const agent = new Agent(socket)
    await this.vm.reach('agent', agent.ready())
    return agent
  }

  /** As greet, and gives the guest its root. */
  async enter(socket: Socket): Promise<void> {
    this.#agent = await this.greet(socket)
    this.#agent.greet('bare', randomBytes(16), Date.now())
    const root = { transport: '9p', tag: 'klab.root', target: 'root', mode: 'cow' } as const
    await this.vm.reach('root', this.#agent.mount({ ...root, options: ROOT }))
  }

  /** Lets a shell of root run a script, and returns what it says on either stream. */
  async sh(script: string): Promise<string> {
    const said: Buffer[] = []
    const take = (chunk: Buffer) => void said.push(Buffer.from(chunk))
    const user = { uid: 0, gid: 0, groups: [] }
    const argv = ['sh', '-c', script]
    const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' }
    const command = this.#agent?.exec({ argv, env, cwd: '/', user }, { stdout: take, stderr: take })
    await command?.ended
    return Buffer.concat(said).toString()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.vm[Symbol.asyncDispose]()
    await rm(this.dir, { recursive: true })
  }
}
