import { setTimeout as sleep } from 'node:timers/promises'

import { interruptOf } from '../../base/index.ts'
import type { Agent, Execution, ExecRequest } from '../../guest/index.ts'
import type { Booted } from '../boot/boot.ts'
import type { Ending, ReportLog } from '../outcome/verdict.ts'
import type { Interrupts, Terminal } from '../session/terminal.ts'

export interface CommandLimits {
  readonly timeoutMs: number | null
  readonly idleTimeoutMs: number | null
  readonly graceMs: number
  /** A report of the kernel is the end, or the command goes on after it. */
  readonly endsByReport: boolean
}

/** The guest's user space answers within this, or it hangs; multiplied by slowness. */
const HEARTBEAT_LIMIT_MS = 30_000
const HEARTBEAT_EVERY_MS = 5_000
/** A report that has begun when the grace is over gets this long to end. */
const REPORT_GRACE_MS = 2_000

/** A command that the guest was asked to start. */
export interface Command {
  readonly execution: Execution
  /** When it last printed something, or was asked for (Date.now()). */
  readonly lastOutputAt: () => number
}

/** Asks for a command; its output goes to the terminal. */
export function startCommand(agent: Agent, request: ExecRequest, terminal: Terminal): Command {
  let lastOutputAt = Date.now()
  const noticing = (sink: Terminal['stdout']) => (chunk: Buffer) => {
    lastOutputAt = Date.now()
    return sink(chunk)
  }
  const execution = agent.exec(request, {
    stdout: noticing(terminal.stdout),
    stderr: noticing(terminal.stderr),
  })
  return { execution, lastOutputAt: () => lastOutputAt }
}

/** Stays with a command in a booted VM until it, the VM, a limit or the user ends it. */
export async function followCommand(
  booted: Booted,
  { execution, lastOutputAt }: Command,
  parts: {
    readonly terminal: Terminal
    readonly limits: CommandLimits
    readonly interrupts: Interrupts
    readonly reports: ReportLog
  },
): Promise<Ending> {
  const { vm } = booted
  const { terminal, limits, interrupts, reports } = parts
  await vm.reach('command', execution.started)
  interrupts.onSignal((signal) => execution.signal(signal))
  terminal.onResize?.((rows, cols) => execution.resize(rows, cols))
  const input = feed(execution, terminal.stdin)
  const over = new AbortController()
  try {
    const ending = await Promise.race<Ending>([
      execution.ended.then(async (end) =>
        end.kind === 'lost' ? await lostEnding(booted) : { kind: 'command', end },
      ),
      vm.ended.then((end) => ({ kind: 'vm', end })),
      brokenProtocol(booted),
      timeLimit(limits.timeoutMs, over.signal),
      silence(
        booted,
        () => Math.max(lastOutputAt(), vm.console.lastByteAt),
        limits.idleTimeoutMs,
        over.signal,
      ),
      stopped(interrupts.stop),
      ...(limits.endsByReport ? [reports.crashed.then((): Ending => ({ kind: 'report' }))] : []),
    ])
    if (ending.kind === 'command') await waitForLateReports(booted, limits.graceMs, reports)
    return ending
  } finally {
    over.abort()
    void input
  }
}

/** Settles when the guest breaks the protocol, even while its output waits for a slow reader. */
async function brokenProtocol({ agent }: Booted): Promise<Ending> {
  const error = await agent.closed
  return error ? { kind: 'agent', error } : await new Promise<never>(() => undefined)
}

/** The channel is closed: either the guest did something wrong, or QEMU is about to be gone, which says more. */
export async function lostEnding({ vm, agent }: Booted): Promise<Ending> {
  const error = await agent.closed
  if (error) return { kind: 'agent', error }
  const end = await Promise.race([vm.ended, sleep(2_000, undefined, { ref: false })])
  return end ? { kind: 'vm', end } : { kind: 'agent', error: undefined }
}

export async function feed(
  execution: Execution,
  stdin: AsyncIterable<Uint8Array> | undefined,
): Promise<void> {
  try {
    for await (const chunk of stdin ?? []) await execution.send(chunk)
  } catch {
    // Our own input broke off: for the command it ends here.
  }
  execution.endInput()
}

async function timeLimit(limitMs: number | null, over: AbortSignal): Promise<Ending> {
  await pause(limitMs ?? Number.POSITIVE_INFINITY, over)
  return { kind: 'timeout', limitMs: limitMs ?? 0 }
}

/** Ends when nothing was said for too long, or the agent no longer answers. */
async function silence(
  { agent, slowness }: Booted,
  lastOutputAt: () => number,
  idleTimeoutMs: number | null,
  over: AbortSignal,
): Promise<Ending> {
  let lastPongAt = Date.now()
  let isAsking = false
  const every = Math.min(HEARTBEAT_EVERY_MS, (idleTimeoutMs ?? HEARTBEAT_EVERY_MS) / 4)
  while (!over.aborted) {
    await pause(every, over)
    if (!isAsking) {
      isAsking = true
      // One that fails is a VM that has ended, which is noticed elsewhere.
      void agent.ping().then(
        () => {
          lastPongAt = Date.now()
          isAsking = false
        },
        () => undefined,
      )
    }
    const idleMs = Date.now() - lastOutputAt()
    if (idleTimeoutMs !== null && idleMs >= idleTimeoutMs)
      return { kind: 'silence', silentMs: idleMs }
    const unansweredMs = Date.now() - lastPongAt
    if (unansweredMs > HEARTBEAT_LIMIT_MS * slowness)
      return { kind: 'silence', silentMs: unansweredMs }
  }
  return { kind: 'silence', silentMs: 0 }
}

function stopped(stop: AbortSignal): Promise<Ending> {
  return new Promise((resolve) => {
    const settle = () => resolve({ kind: 'stopped', signal: interruptOf(stop) })
    if (stop.aborted) settle()
    else stop.addEventListener('abort', settle, { once: true })
  })
}

/** A kernel may complain just after the command has ended; the console's last bytes may still be on their way. */
async function waitForLateReports(
  { vm }: Booted,
  graceMs: number,
  reports: ReportLog,
): Promise<void> {
  await Promise.race([sleep(graceMs, undefined, { ref: false }), vm.ended])
  const until = Date.now() + REPORT_GRACE_MS
  while (
    reports.scanner.isInside &&
    Date.now() < until &&
    Date.now() - vm.console.lastByteAt < 300
  ) {
    await Promise.race([sleep(50, undefined, { ref: false }), vm.ended])
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (ms > 2 ** 31 - 1) {
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
    return
  }
  await sleep(ms, undefined, { signal }).catch(() => undefined)
}
