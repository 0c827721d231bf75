import { setTimeout as sleep } from 'node:timers/promises'

import type { SymbolTable } from '../../crash/index.ts'
import type { Vm } from '../../vm/index.ts'
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
  const offset = await kernelOffset((command, args) => vm.qmp.execute(command, args), table, cpus)
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
  return (await look(vm)).map(({ cpu, rip, flags, level, halted }) => {
    const inKernel = level < USER
    const place = inKernel ? (name?.(rip) ?? `0x${rip.toString(16)}`) : 'user space'
    const off = inKernel && (flags & INTERRUPTS_ON) === 0 ? ', interrupts off' : ''
    const isIdle =
      halted || /^(?:default_idle|native_safe_halt|pv_native_safe_halt|acpi_\w*idle)/.test(place)
    return { cpu, at: isIdle ? 'idle' : `in ${place}${off}` }
  })
}

/** IF of the flags. */
const INTERRUPTS_ON = 0x200

/** The privilege level of user space. */
const USER = 3

interface CpuState {
  readonly cpu: number
  readonly rip: bigint
  readonly flags: number
  readonly level: number
  readonly halted: boolean
}

/** The registers of all virtual CPUs (QEMU's monitor: info registers -a). */
async function look(vm: Vm): Promise<CpuState[]> {
  const said = await vm.qmp.execute('human-monitor-command', {
    'command-line': 'info registers -a',
  })
  return String(said)
    .split(/^CPU#/m)
    .slice(1)
    .flatMap((one) => {
      const rip = /RIP=([0-9a-f]+)/.exec(one)?.[1]
      if (rip === undefined) return []
      const flags = Number.parseInt(/RFL=([0-9a-f]+)/.exec(one)?.[1] ?? '200', 16)
      const level = Number(/CPL=(\d)/.exec(one)?.[1] ?? 0)
      const cpu = Number.parseInt(one, 10)
      return [{ cpu, rip: BigInt(`0x${rip}`), flags, level, halted: /HLT=1/.test(one) }]
    })
}
