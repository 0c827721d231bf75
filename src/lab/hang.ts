import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

import { messageOf } from '../base/index.ts'
import { SymbolTable, waitingTasks, type WaitingTask } from '../crash/index.ts'
import type { Kernel } from '../kernel/index.ts'
import type { Vm } from '../vm/index.ts'
import type { Booted } from './boot.ts'
import { kernelOffset } from './kernel-offset.ts'

/** What a VM that hangs was made to say. */
export interface Hang {
  /** What was done, in its order, and what came of it. */
  readonly steps: readonly string[]
  /** Where each virtual CPU was. */
  readonly cpus: readonly { readonly cpu: number; readonly at: string }[]
  /** Who waits for what. */
  readonly tasks: readonly WaitingTask[]
}

const PING_MS = 500
const SYSRQ_MS = 1_500
const NMI_MS = 2_000
const QUIET_MS = 300
const MAX_LINES = 20_000

/**
 * Makes a VM that hangs speak, from the gentle to the rough: registers of its virtual CPUs, tasks and backtraces by SysRq if its user space
 * answers, an NMI that makes the kernel panic with a backtrace. All of it is on the console then. The VM is of no use afterwards.
 */
export async function makeSpeak(booted: Booted, kernel: Kernel): Promise<Hang> {
  const { vm, slowness } = booted
  const steps: string[] = []
  const lines: string[] = []
  vm.console.addReader({
    lines: (more) => {
      if (lines.length < MAX_LINES) lines.push(...more)
    },
  })
  const cpus = await registers(vm, kernel).catch((error: unknown) => {
    steps.push(`registers: ${messageOf(error)}`)
    return []
  })
  if (cpus.length > 0)
    steps.push(`registers: ${cpus.map(({ cpu, at }) => `CPU ${cpu} ${at}`).join(', ')}`)
  steps.push(await sysrq(booted))
  await quiet(vm, SYSRQ_MS * slowness)
  steps.push(await nmi(vm))
  await quiet(vm, NMI_MS * slowness)
  return { steps, cpus, tasks: waitingTasks(lines) }
}

/** A single look may find a CPU in an interrupt that has nothing to do with it. */
const SAMPLES = 7
const BETWEEN_MS = 30

/** Where each virtual CPU was most of the time. */
async function registers(vm: Vm, { vmlinux }: Kernel): Promise<Hang['cpus']> {
  const table = vmlinux === undefined ? undefined : await symbols(vmlinux)
  const name = table && (await namer(vm, table))
  const samples: Hang['cpus'][number][] = []
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
  const inKernel = (await look(vm)).filter(({ rip }) => isKernel(rip))
  const offset = await kernelOffset(
    vm,
    table,
    inKernel.map(({ cpu }) => cpu),
  )
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
): Promise<Hang['cpus']> {
  return (await look(vm)).map(({ cpu, rip, flags, halted }) => {
    const inKernel = isKernel(rip)
    const place = inKernel ? (name?.(rip) ?? `0x${rip.toString(16)}`) : 'user space'
    const off = inKernel && (flags & INTERRUPTS_ON) === 0 ? ', interrupts off' : ''
    const isIdle =
      halted || /^(?:default_idle|native_safe_halt|pv_native_safe_halt|acpi_\w*idle)/.test(place)
    return { cpu, at: isIdle ? 'idle' : `in ${place}${off}` }
  })
}

/** IF of the flags. */
const INTERRUPTS_ON = 0x200

function isKernel(rip: bigint): boolean {
  return rip >> 63n === 1n
}

interface CpuState {
  readonly cpu: number
  readonly rip: bigint
  readonly flags: number
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
      const cpu = Number.parseInt(one, 10)
      return [{ cpu, rip: BigInt(`0x${rip}`), flags, halted: /HLT=1/.test(one) }]
    })
}

async function symbols(vmlinux: string): Promise<SymbolTable | undefined> {
  const map = join(dirname(vmlinux), 'System.map')
  return existsSync(map) ? new SymbolTable((await readFile(map, 'utf8')).split('\n')) : undefined
}

/** w: blocked tasks, d: locks that are held (lockdep), l: backtraces of active CPUs (Documentation/admin-guide/sysrq.rst). */
async function sysrq({ vm, agent, slowness }: Booted): Promise<string> {
  const alive = await Promise.race([
    agent.ping().then(() => true),
    sleep(PING_MS * slowness, false, { ref: false }),
    vm.ended.then(() => false),
  ]).catch(() => false)
  if (!alive) return 'SysRq: user space does not answer'
  const script = 'for key in w d l; do echo $key > /proc/sysrq-trigger; done'
  const user = { uid: 0, gid: 0, groups: [0] }
  const execution = agent.exec(
    { argv: ['/bin/sh', '-c', script], env: {}, cwd: '/', user },
    { stdout: () => undefined, stderr: () => undefined },
  )
  const end = await Promise.race([
    execution.ended,
    sleep(SYSRQ_MS * slowness, undefined, { ref: false }),
  ])
  if (end?.kind === 'exited' && end.code === 0)
    return 'SysRq: blocked tasks, held locks, backtraces of CPUs'
  return `SysRq: ${end === undefined ? 'no new process runs' : 'it could not be asked for'}`
}

/** With unknown_nmi_panic=1 (kernel-parameters.ts) an NMI is a panic, also with interrupts off. */
async function nmi(vm: Vm): Promise<string> {
  try {
    await vm.qmp.execute('inject-nmi')
    return 'NMI: sent, for a panic with a backtrace'
  } catch (error) {
    return `NMI: ${messageOf(error)}`
  }
}

/** Waits until the console has said all that it has to say. */
async function quiet(vm: Vm, limitMs: number): Promise<void> {
  const until = Date.now() + limitMs
  do await Promise.race([sleep(QUIET_MS, undefined, { ref: false }), vm.ended])
  while (Date.now() < until && Date.now() - vm.console.lastByteAt < QUIET_MS)
}
