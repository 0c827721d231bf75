import { readFileSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'

import { interruptOf, messageOf, newId } from '../../base/index.ts'
import type { ExecRequest } from '../../guest/index.ts'
import type { Kernel } from '../../kernel/index.ts'
import type { PhaseTimings, Vm } from '../../vm/index.ts'
import { bootFailed } from '../outcome/boot-outcome.ts'
import { boot, type Booted } from '../boot/boot.ts'
import type { BootRequest } from '../boot/boot-plan.ts'
import { chooseKernel, lastingName } from '../kernels/choose-kernel.ts'
import { followCommand, startCommand, type Command } from '../life/command.ts'
import { CrashDump } from '../life/crash-dump.ts'
import type { Lab } from '../session/context.ts'
import type { LabEvent, OnEvent } from '../outcome/events.ts'
import { findUser, guestEnvironment } from '../session/guest-user.ts'
import { exitCodeOf, signalName, type Outcome } from '../outcome/outcome.ts'
import { parseNet } from '../spec/net-request.ts'
import type { Interrupts, Terminal } from '../session/terminal.ts'
import type { RunRequest } from '../spec/run-request.ts'
import { withPhase } from '../life/with-phase.ts'
import { InputRecord } from '../history/run-input.ts'
import { RunRecord } from '../history/run-record.ts'
import { copyShareBack } from '../host-view/share-copy.ts'
import { parseShare, type Share } from '../spec/shares.ts'
import { outcomeOf, ReportLog, type Ending } from '../outcome/verdict.ts'

export interface RunResult {
  readonly id: string
  readonly outcome: Outcome
  readonly exitCode: number
  readonly durationMs: number
  readonly phases: PhaseTimings
  readonly peakMemoryKiB: number | undefined
  readonly consolePath: string
  readonly kernel: string
  readonly release: string | undefined
}

/** One command in one fresh VM, recorded. Throws KlabError when it does not come to a VM at all. */
export async function runInVm(
  lab: Lab,
  request: RunRequest,
  terminal: Terminal,
  interrupts: Interrupts,
  onEvent: OnEvent,
): Promise<RunResult> {
  checkRequest(lab, request)
  const kernel = await chooseKernel(lab, request.choice, interrupts.stop, onEvent)
  return await runOnKernel(lab, request, { kernel, terminal, interrupts, onEvent })
}

/** Throws UsageError for what cannot be, before a kernel is built for it. */
export function checkRequest(lab: Lab, request: RunRequest): void {
  for (const share of request.machine.shares) parseShare(share, lab.cwd)
  parseNet(request.machine.net, request.machine.publish)
  execRequest(lab, request)
}

/** As runInVm, when the kernel is there. */
export async function runOnKernel(
  lab: Lab,
  request: RunRequest,
  parts: {
    readonly kernel: Kernel
    readonly terminal: Terminal
    readonly interrupts: Interrupts
    readonly onEvent: OnEvent
  },
): Promise<RunResult> {
  const { kernel, interrupts, onEvent } = parts
  const shares = request.machine.shares.map((text) => parseShare(text, lab.cwd))
  const net = parseNet(request.machine.net, request.machine.publish)
  const exec = execRequest(lab, request)
  const id = newId()
  const runDir = join(lab.paths.state, 'runs', id)
  await mkdir(runDir, { recursive: true, mode: 0o700 })
  onEvent({ kind: 'run', id, dir: runDir })
  const record = new RunRecord(lab, {
    ...{ id, runDir, kernel, machine: request.machine },
    lastingName: lastingName(lab, request.choice, kernel),
    argv: exec.argv.map(String),
    request,
    onNote: (message) => onEvent({ kind: 'note', message }),
  })
  const input = new InputRecord(runDir)
  const { stdin } = parts.terminal
  const isKept = stdin !== undefined && !request.tty
  const terminal = isKept ? { ...parts.terminal, stdin: input.keep(stdin) } : parts.terminal
  record.begin()
  const startedAt = performance.now()
  const reports = new ReportLog(request.allowReports, onEvent)
  const { onCrash } = request
  const dump = new CrashDump(runDir, onEvent)
  let phases: PhaseTimings = {}
  let peak: number | undefined
  let outcome: Outcome
  try {
    const recorded = (event: LabEvent) => {
      if (event.kind === 'phase') {
        phases = withPhase(phases, event)
      }
      onEvent(event)
    }
    const { machine, fresh, crowded = false, agentPath } = request
    let command: Command | undefined
    let isUp = false
    const bootRequest: BootRequest = {
      ...{ id, kernel, machine, shares, net, runDir, fresh, crowded },
      stop: interrupts.stop,
      // What a kernel says while it boots belongs to its run as well.
      consoleReaders: [reports.reader],
      onEntering: (agent) => {
        command = startCommand(agent, exec, terminal)
      },
      ...(agentPath !== undefined && { agentPath }),
      onSilence: async (vm) => {
        reports.end('all')
        if (onCrash === 'dump') await dump.write(vm)
      },
      onPanic: async (vm) => {
        if (onCrash === 'dump') await dump.write(vm)
        if (onCrash === 'pause' && isUp) {
          // What it has said is all that it says.
          reports.end('all')
          return 'stay'
        }
        if (onCrash !== 'continue') void reports.endWithPanic(vm)
        return 'go on'
      },
    }
    await using booted = await bootOrStop(lab, bootRequest, interrupts, recorded)
    const { vm } = booted
    isUp = true
    command ??= startCommand(booted.agent, exec, terminal)
    let ending = await commandEnding(booted, command, {
      ...{ request, shares, terminal, interrupts, reports },
    })
    // What our own ending of the VM cuts off tells nothing, nor what a silent kernel is made to say.
    const isLast = onCrash === 'pause' && ending.kind === 'command'
    if (ending.kind === 'report' || isLast) reports.end('complete')
    if (ending.kind === 'silence') reports.end('all')
    peak = peakMemoryKiB(vm)
    if (onCrash === 'pause' && isWorthALook(ending, reports)) {
      interrupts.onSignal(undefined)
      terminal.release?.()
      const { holdForInspection } = await import('../vms/held-run.ts')
      const crashed = { ...{ id, request, kernel }, booted, reports }
      await holdForInspection(lab, crashed, interrupts.stop, onEvent)
    } else if (ending.kind === 'silence' && !reports.first) {
      if (onCrash === 'dump') await dump.write(vm)
      const { makeSpeak } = await import('../hang/speak.ts')
      const hang = await makeSpeak(booted, kernel, { lab, runDir, onEvent })
      ending = { ...ending, hang }
    }
    if (onCrash === 'dump' && reports.first) await Promise.race([dump.write(vm), vm.ended])
    vm.kill()
    vm.console.close()
    reports.end('all')
    outcome = outcomeOf(ending, reports.first, String(exec.argv[0]))
  } catch (error) {
    reports.end('all')
    const failed = bootOutcome(error)
    if (!failed) {
      record.abandon(messageOf(error))
      throw error
    }
    outcome =
      reports.first && failed.kind === 'lost' ? { kind: 'crashed', report: reports.first } : failed
  }
  await rm(join(runDir, 'initramfs'), { force: true })
  const result: RunResult = {
    id,
    outcome,
    exitCode: exitCodeOf(outcome),
    durationMs: Math.round(performance.now() - startedAt),
    phases,
    peakMemoryKiB: peak,
    consolePath: join(runDir, 'console.log'),
    kernel: kernel.origin,
    release: kernel.release,
  }
  await record.end({ ...result, input: request.tty ? 'typed' : input.kept }, reports.all)
  const { exitCode, durationMs } = result
  onEvent({ kind: 'outcome', outcome, exitCode, durationMs })
  return result
}

/** Whether a VM is held for somebody to look at: it is there, and something is wrong with it. */
function isWorthALook(ending: Ending, reports: ReportLog): boolean {
  switch (ending.kind) {
    case 'report':
    case 'silence':
      return true
    case 'command':
    case 'timeout':
      return reports.first !== undefined
    case 'vm':
    case 'agent':
    case 'stopped':
      return false
  }
}

class Stopped extends Error {}

/** Boots, unless the user ends it first. */
async function bootOrStop(
  lab: Lab,
  request: BootRequest,
  { stop }: Interrupts,
  onEvent: OnEvent,
): Promise<Booted> {
  const booting = boot(lab, request, onEvent)
  const stopped = new Promise<never>((_, reject) => {
    const settle = () => reject(new Stopped(String(interruptOf(stop))))
    if (stop.aborted) settle()
    else stop.addEventListener('abort', settle, { once: true })
  })
  try {
    return await Promise.race([booting, stopped])
  } catch (error) {
    // A VM that comes up after all is not wanted any more.
    if (error instanceof Stopped)
      void booting.then((booted) => booted[Symbol.asyncDispose]()).catch(() => undefined)
    throw error
  }
}

async function commandEnding(
  booted: Booted,
  command: Command,
  parts: {
    request: RunRequest
    shares: readonly Share[]
    terminal: Terminal
    interrupts: Interrupts
    reports: ReportLog
  },
) {
  const { request, terminal, interrupts, reports } = parts
  const { timeout, idleTimeout } = request.machine
  const { graceMs, onCrash } = request
  const endsByReport = onCrash !== 'continue'
  const limits = { timeoutMs: timeout, idleTimeoutMs: idleTimeout, graceMs, endsByReport }
  const ending = await followCommand(booted, command, { terminal, limits, interrupts, reports })
  if (ending.kind === 'command')
    await Promise.race([keepWrites(booted, parts.shares), booted.vm.ended])
  return ending
}

/** What the command has written to rw shares becomes the host's. */
async function keepWrites(
  { agent, copiesShares }: Booted,
  shares: readonly Share[],
): Promise<void> {
  const written = shares.filter(({ mode }) => mode === 'rw')
  if (written.length === 0) return
  if (copiesShares) for (const share of written) await copyShareBack(agent, share)
  else await agent.sync().catch(() => undefined)
}

/** The outcome of a boot that failed or was stopped; undefined for an error that is none. */
function bootOutcome(error: unknown): Outcome | undefined {
  if (!(error instanceof Stopped)) return bootFailed(error)
  const number = Number(error.message)
  return { kind: 'signalled', signal: signalName(number), number }
}

function execRequest(lab: Lab, request: RunRequest): ExecRequest {
  const user = findUser(request.user)
  const argv = request.argv.length > 0 ? request.argv : [user.shell, ...(request.tty ? ['-i'] : [])]
  return {
    argv,
    env: guestEnvironment(lab.env, user, [...lab.config.run.env, ...request.env]),
    cwd: request.machine.root === 'host' ? (request.cwd ?? lab.cwd) : (request.cwd ?? '/'),
    user: user.ids,
    ...(request.tty && { tty: request.tty }),
  }
}

/** The most memory QEMU ever had (VmHWM of proc_pid_status(5)). */
function peakMemoryKiB({ pid }: Vm): number | undefined {
  try {
    const match = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
    return match ? Number(match[1]) : undefined
  } catch {
    return undefined
  }
}
