import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'

import { setTimeout as sleep } from 'node:timers/promises'

import { InfraError } from '../../base/index.ts'
import { run, runInteractive } from '../../host/index.ts'
import type { Kernel } from '../../kernel/index.ts'
import { kernelOffset } from '../hang/kernel-offset.ts'
import type { Paths } from '../session/paths.ts'
import { mapText, systemMapOf } from '../symbols/symbolizer.ts'
import { ask, gdbSocket } from '../vms/control.ts'
import { agentOf } from '../vms/exec.ts'
import type { NamedVm } from '../vms/registry.ts'
import { symbolsOfVm } from './symbols-of-vm.ts'

export interface DebugRequest {
  /** Symbols to stop at. */
  readonly breaks: readonly string[]
  /** Further arguments for gdb. */
  readonly args: readonly string[]
  readonly onNote: (message: string) => void
}

/** Runs gdb on a VM in our terminal, with the right symbols. Returns its exit code. Throws InfraError. */
export async function debugVm(paths: Paths, vm: NamedVm, request: DebugRequest): Promise<number> {
  const { kernel, vmlinux } = await symbolsOfVm(paths, vm)
  const isHeld = vm.request.vm.start === 'held' && vm.state === 'starting'
  // One that has not begun is where it was linked: it got nokaslr.
  const offset = isHeld ? 0n : await kaslrOffset(paths, vm, kernel)
  const socket = isHeld ? gdbSocket(paths, vm) : String(await ask(paths, vm, { do: 'gdb' }))
  if (offset !== 0n)
    request.onNote(`the kernel is loaded at an offset of 0x${offset.toString(16)} (KASLR)`)
  const exit = runInteractive('gdb', [
    ...gdbArguments({
      vmlinux,
      tree: kernel.manifest?.tree,
      socket,
      offset,
      isHeld,
      breaks: request.breaks,
    }),
    ...request.args,
  ])
  if (exit.kind === 'exited') return exit.code
  if (exit.kind === 'killed') return 128
  throw new InfraError(
    'GDB',
    `gdb cannot be started (${exit.reason}); install it: klab doctor --fix`,
  )
}

/** Pure. */
function gdbArguments(parts: {
  readonly vmlinux: string
  readonly tree: string | undefined
  readonly socket: string
  readonly offset: bigint
  readonly isHeld: boolean
  readonly breaks: readonly string[]
}): string[] {
  const { vmlinux, tree, socket, offset, isHeld, breaks } = parts
  const load =
    offset === 0n ? `file ${vmlinux}` : `symbol-file -o 0x${offset.toString(16)} ${vmlinux}`
  const commands = [
    'set confirm off',
    'set pagination off',
    load,
    // The places in DWARF are relative to the tree.
    ...(tree !== undefined && existsSync(tree) ? [`directory ${tree}`] : []),
    `target remote ${socket}`,
    // Before the first instruction there is no memory that a breakpoint could be written to.
    ...breaks.map((symbol) => `${isHeld ? 'hbreak' : 'break'} ${symbol}`),
    ...(breaks.length > 0 ? ['continue'] : []),
  ]
  // The kernel's own scripts (vmlinux-gdb.py) are beside it, where it has them.
  const safe = ['-iex', `add-auto-load-safe-path ${dirname(vmlinux)}`]
  return ['-q', ...safe, ...commands.flatMap((command) => ['-ex', command])]
}

/** By how much a running kernel is away from where it was linked. */
async function kaslrOffset(paths: Paths, vm: NamedVm, kernel: Kernel): Promise<bigint> {
  const isFixed =
    vm.request.vm.machine.parameters.includes('nokaslr') ||
    (kernel.config !== undefined && kernel.config.get('RANDOMIZE_BASE') !== 'y')
  if (isFixed) return 0n
  const seen = await offsetInMemory(paths, vm, kernel)
  if (seen !== undefined) return seen
  const linked = await linkedAddress(kernel)
  const running = await Promise.race([
    runningAddress(paths, vm),
    sleep(AGENT_PATIENCE_MS, undefined, { ref: false }),
  ])
  if (linked !== undefined && running !== undefined) return running - linked
  throw new InfraError(
    'KASLR',
    `the kernel of ${vm.name} is at a random address, and its guest does not say which; start it with --append nokaslr`,
  )
}

/** A guest that stands still, or hangs, does not answer. */
const AGENT_PATIENCE_MS = 5_000

/** Without asking the guest; undefined where its symbols are not known, or none of its CPUs has the kernel mapped. */
async function offsetInMemory(
  paths: Paths,
  vm: NamedVm,
  { vmlinux = '' }: Kernel,
): Promise<bigint | undefined> {
  const table = await systemMapOf(vmlinux)
  if (!table) return undefined
  const { machine } = vm.request.vm
  const cpus = Array.from({ length: machine.cpus }, (_, cpu) => cpu)
  const execute = (command: string, args: Readonly<Record<string, unknown>>) =>
    ask(paths, vm, { do: 'qmp', command, args })
  return await kernelOffset(execute, { arch: machine.arch, table, cpus })
}

async function linkedAddress({ vmlinux = '' }: Kernel): Promise<bigint | undefined> {
  const map = join(dirname(vmlinux), 'System.map')
  const { stdout } = existsSync(map) ? { stdout: mapText(map) } : await run('nm', [vmlinux])
  return addressIn(stdout)
}

async function runningAddress(paths: Paths, vm: NamedVm): Promise<bigint | undefined> {
  using agent = await agentOf(paths, vm)
  let found: bigint | undefined
  let text = ''
  await agent.get('/proc/kallsyms', (chunk) => {
    // The first symbols are enough, and a hostile guest's are not kept.
    if (found === undefined && text.length < 1_000_000)
      found = addressIn((text += chunk.toString('latin1')))
  })
  return found
}

/** The address of _text in a list of symbols; 0 is one that is hidden. */
function addressIn(symbols: string): bigint | undefined {
  const [, digits] = /^([0-9a-f]+) [Tt] _text$/m.exec(symbols) ?? []
  const address = BigInt(`0x${digits ?? '0'}`)
  return address === 0n ? undefined : address
}
