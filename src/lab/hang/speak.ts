import { setImmediate, setTimeout as sleep } from 'node:timers/promises'

import { formatDuration, messageOf } from '../../base/index.ts'
import { waitingTasks, type SymbolTable, type WaitingTask } from '../../crash/index.ts'
import type { Kernel } from '../../kernel/index.ts'
import type { Vm } from '../../vm/index.ts'
import type { Lab } from '../session/context.ts'
import type { OnEvent } from '../outcome/events.ts'
import type { CpuPlace, Hang } from '../outcome/hang.ts'
import { systemMapOf } from '../symbols/symbolizer.ts'
import { placesOfCpus } from './registers.ts'
import { sysrq, type Askable } from './sysrq.ts'
import { tasksInMemory } from './tasks-in-memory.ts'

const SYSRQ_MS = 1_500
const NMI_MS = 2_000
const QUIET_MS = 300
const MAX_LINES = 20_000

/** All of it; with QEMU itself at a standstill nothing ever answers. Multiplied by slowness. */
const LIMIT_MS = 20_000

/** As it is found out. */
interface Findings {
  readonly steps: string[]
  cpus: readonly CpuPlace[]
  tasks: readonly WaitingTask[]
}

interface Place {
  readonly lab: Lab
  readonly runDir: string
  readonly onEvent: OnEvent
}

/** Whom to ask, and what is known of it. */
interface Asked extends Place {
  readonly stuck: Askable
  readonly kernel: Kernel
}

/**
 * Makes a VM that hangs speak, from the gentle to the rough: registers of its virtual CPUs, tasks and backtraces by SysRq, tasks from its memory where that
 * tells none, an NMI that makes the kernel panic with a backtrace. All that the kernel says is on the console then. The VM is of no use afterwards.
 */
export async function makeSpeak(stuck: Askable, kernel: Kernel, place: Place): Promise<Hang> {
  place.onEvent({ kind: 'note', message: 'no sign of life: asking the kernel where it is' })
  stuck.vm.provoke()
  const findings: Findings = { steps: [], cpus: [], tasks: [] }
  const asked = ask({ ...place, stuck, kernel }, findings).then(() => true)
  const limit = LIMIT_MS * stuck.slowness
  const isDone = await Promise.race([asked, sleep(limit, false, { ref: false })])
  if (!isDone) findings.steps.push(`given up after ${formatDuration(limit)}: QEMU does not answer`)
  return { ...findings, steps: [...findings.steps] }
}

async function ask({ stuck, kernel, lab, runDir }: Asked, findings: Findings): Promise<void> {
  const { vm, slowness } = stuck
  const { vmlinux } = kernel
  const { steps } = findings
  const lines: string[] = []
  vm.console.addReader({
    lines: (more) => {
      if (lines.length < MAX_LINES) lines.push(...more)
    },
  })
  let table: SymbolTable | undefined
  try {
    if (vmlinux !== undefined) table = await systemMapOf(vmlinux)
    findings.cpus = await placesOfCpus(vm, table)
    const places = findings.cpus.map(({ cpu, at }) => `CPU ${cpu} ${at}`)
    steps.push(`registers: ${places.join(', ')}`)
  } catch (error) {
    steps.push(`registers: ${messageOf(error)}`)
  }
  // What it says before it is asked is no answer.
  lines.length = 0
  const asked = await sysrq(stuck)
  await quiet(vm, SYSRQ_MS * slowness)
  steps.push(lines.length === 0 ? `${asked}: no answer` : asked)
  findings.tasks = waitingTasks(lines)
  if (findings.tasks.length === 0 && vmlinux !== undefined && table) {
    try {
      const dirs = { cacheDir: lab.paths.cache, runDir }
      const found = await tasksInMemory(vm, { vmlinux, table }, dirs)
      if (found) steps.push(`memory: tasks that wait: ${found.length}`)
      findings.tasks = found ?? []
    } catch (error) {
      steps.push(`memory: ${messageOf(error)}`)
    }
  }
  steps.push(await nmi(vm))
  await quiet(vm, NMI_MS * slowness)
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
  const over = vm.ended.then(() => true)
  let isOver: boolean
  do isOver = await Promise.race([sleep(QUIET_MS, false, { ref: false }), over])
  while (!isOver && Date.now() < until && Date.now() - vm.console.lastByteAt < QUIET_MS)
  // Its last bytes may not have been read yet.
  if (isOver) await setImmediate()
}
