import { setTimeout as sleep } from 'node:timers/promises'

import type { SymbolTable } from '../../crash/index.ts'
import { archFacts, type Arch, type Vm } from '../../vm/index.ts'
import type { CpuPlace } from '../outcome/hang.ts'
import { kernelOffset } from './kernel-offset.ts'

/** A single look may find a CPU in an interrupt that has nothing to do with it. */
const SAMPLES = 7
const BETWEEN_MS = 30

/** Where each virtual CPU was most of the time, with the symbols of its kernel where they are known. The guest is not asked. Throws InfraError. */
export async function placesOfCpus(vm: Vm, table: SymbolTable | undefined): Promise<CpuPlace[]> {
  const name = table && (await namer(vm, table))
  const samples: CpuPlace[] = []
  for (let sample = 0; sample < SAMPLES; sample++) {
    if (sample > 0) await sleep(BETWEEN_MS)
    samples.push(...(await sampled(vm, name)))
  }
  const ofCpus = Map.groupBy(samples, ({ cpu }) => cpu)
  return [...ofCpus].map(([cpu, seen]) => ({ cpu, at: mostFrequent(seen.map(({ at }) => at)) }))
}

/** Names addresses of the kernel where it is now; those of one that is nowhere to be seen stay as they are. */
async function namer(
  vm: Vm,
  table: SymbolTable,
): Promise<((address: bigint) => string | undefined) | undefined> {
  // In the kernel it is mapped, in user space only without page table isolation.
  const cpus = (await look(vm)).toSorted((a, b) => a.level - b.level).map(({ cpu }) => cpu)
  const offset = await kernelOffset((command, args) => vm.qmp.execute(command, args), {
    ...{ arch: vm.arch, table, cpus },
  })
  if (offset === undefined) return undefined
  return (address) => table.nameOf(address - offset)
}

/** The first of those in the function in which most are. */
function mostFrequent(places: readonly string[]): string {
  const groups = [...Map.groupBy(places, (at) => at.replace(/\+0x.*$/, '')).values()]
  return groups.toSorted((a, b) => b.length - a.length)[0]?.[0] ?? ''
}

/** Where each virtual CPU is now. */
async function sampled(
  vm: Vm,
  name: ((address: bigint) => string | undefined) | undefined,
): Promise<CpuPlace[]> {
  const { monitor, idle } = archFacts(vm.arch)
  return (await look(vm)).map(({ cpu, pc, flags, level, halted }) => {
    const inKernel = level < monitor.userLevel
    const place = inKernel ? (name?.(pc) ?? `0x${pc.toString(16)}`) : 'user space'
    const off = inKernel && (flags & monitor.interruptsOn) === 0 ? ', interrupts off' : ''
    const isIdle = halted || idle.test(place)
    return { cpu, at: isIdle ? 'idle' : `in ${place}${off}` }
  })
}

interface CpuState {
  readonly cpu: number
  readonly pc: bigint
  readonly flags: number
  readonly level: number
  readonly halted: boolean
}

/** The registers of all virtual CPUs (QEMU's monitor: info registers -a). */
async function look(vm: Vm): Promise<CpuState[]> {
  const said = await vm.qmp.execute('human-monitor-command', {
    'command-line': 'info registers -a',
  })
  return readCpus(String(said), vm.arch)
}

/** What the monitor says of each virtual CPU. One whose registers it does not show is left out. Pure. */
export function readCpus(said: string, arch: Arch): CpuState[] {
  const { monitor } = archFacts(arch)
  return said
    .split(/^CPU#/m)
    .slice(1)
    .flatMap((one) => {
      const pc = monitor.pc.exec(one)?.[1]
      if (pc === undefined) return []
      const shown = monitor.flags.exec(one)?.[1]
      const flags = shown === undefined ? monitor.interruptsOn : Number.parseInt(shown, 16)
      const level = Number.parseInt(monitor.level.exec(one)?.[1] ?? '0', 16)
      const cpu = Number.parseInt(one, 10)
      return [{ cpu, pc: BigInt(`0x${pc}`), flags, level, halted: monitor.halted.test(one) }]
    })
}
