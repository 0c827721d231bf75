import { setTimeout as sleep } from 'node:timers/promises'

import { interruptOf } from '../../base/index.ts'
import type { Agent, Execution, ExecRequest } from '../../guest/index.ts'
import type { Peer } from '../../host/index.ts'
import type { Ending } from '../outcome/verdict.ts'
import type { Interrupts, Terminal } from '../session/terminal.ts'
import type { Limits } from '../spec/run-request.ts'
import { silence } from './silence.ts'
import { standstill } from './standstill.ts'

/** A command that the guest was asked to start. */
export interface Command {
  readonly execution: Execution
  /** When it last printed something, or was asked for (Date.now()). */
  readonly lastOutputAt: () => number
}

/** What a command runs in, as far as its end is concerned: a VM of ours, or one behind a keeper. */
export interface Surroundings {
  readonly agent: Pick<Agent, 'ping'>
  /** Whom it hangs on, on this machine. */
  readonly peer: Peer
  /** Deadlines are multiplied by it. */
  readonly slowness: number
  /** Settles when there is no VM any more, or no guest that could be trusted. */
  readonly over: Promise<Ending>
  /** When the console last said something (Date.now()). */
  readonly lastConsoleAt: () => number
  /** The VM stands still because somebody wants it to, or its guest is on its way up. */
  readonly isPaused?: () => boolean
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

/** Stays with a command until it, its surroundings, a limit or the user ends it. */
export async function followCommand(
  { agent, peer, slowness, over, lastConsoleAt, isPaused }: Surroundings,
  { execution, lastOutputAt }: Command,
  parts: {
    readonly terminal: Terminal
    readonly limits: Limits
    readonly interrupts: Interrupts
  },
): Promise<Ending> {
  const { terminal, limits, interrupts } = parts
  interrupts.onSignal((signal) => execution.signal(signal))
  terminal.begin?.()
  terminal.onResize?.((rows, cols) => execution.resize(rows, cols))
  void feed(execution, terminal.stdin)
  const done = new AbortController()
  const heard = () => Math.max(lastOutputAt(), lastConsoleAt())
  try {
    return await Promise.race<Ending>([
      execution.ended.then((end) => (end.kind === 'lost' ? over : { kind: 'command', end })),
      over,
      timeLimit(limits.timeoutMs, done.signal),
      silence(
        { agent, slowness, heard, ...(isPaused && { isPaused }) },
        limits.idleTimeoutMs,
        done.signal,
      ),
      standstill(peer, done.signal),
      stopped(interrupts.stop),
    ])
  } finally {
    done.abort()
  }
}

/** Settles when a guest that is still to do something for us does not answer any more, or the user has waited long enough. */
export async function whileItAnswers(
  { agent, peer, slowness, isPaused }: Surroundings,
  stop: AbortSignal,
  done: AbortSignal,
): Promise<Extract<Ending, { kind: 'silence' | 'broken' | 'stopped' }>> {
  const listened = { agent, slowness, heard: Date.now, ...(isPaused && { isPaused }) }
  return await Promise.race([silence(listened, null, done), standstill(peer, done), stopped(stop)])
}

/** Gives a command what it reads, to the end of it. */
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

/** Settles when the time is up; with null, never. */
export async function timeLimit(limitMs: number | null, done: AbortSignal): Promise<Ending> {
  await pause(limitMs ?? Number.POSITIVE_INFINITY, done)
  return { kind: 'timeout', limitMs: limitMs ?? 0 }
}

function stopped(stop: AbortSignal): Promise<Extract<Ending, { kind: 'stopped' }>> {
  return new Promise((resolve) => {
    const settle = () => resolve({ kind: 'stopped', signal: interruptOf(stop) })
    if (stop.aborted) settle()
    else stop.addEventListener('abort', settle, { once: true })
  })
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  // Node fires at once for delays over 2^31-1 ms.
  if (ms <= 2 ** 31 - 1) await sleep(ms, undefined, { signal }).catch(() => undefined)
  else await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
}
