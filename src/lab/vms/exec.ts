import { interruptOf } from '../../base/index.ts'
import { Agent, type ExecEnd, type ExecRequest } from '../../guest/index.ts'
import { feed } from '../life/command.ts'
import type { Interrupts, Terminal } from '../session/terminal.ts'
import { describeOutcome, exitCodeOf } from '../outcome/outcome.ts'
import type { Paths } from '../session/paths.ts'
import { commandOutcome } from '../outcome/verdict.ts'
import { converse } from './control.ts'
import type { NamedVm } from './registry.ts'

/** The agent of a running VM, by way of its keeper. Disposing of it leaves the VM alone. */
export async function agentOf(paths: Paths, vm: NamedVm): Promise<Agent & Disposable> {
  const { socket } = await converse(paths, vm, { do: 'agent' })
  const agent = new Agent(socket)
  return Object.assign(agent, { [Symbol.dispose]: () => void socket.destroy() })
}

/** Runs a command in a running VM until it, the VM or the user ends it. */
export async function execIn(
  paths: Paths,
  vm: NamedVm,
  request: ExecRequest,
  { terminal, interrupts }: { terminal: Terminal; interrupts: Interrupts },
): Promise<ExecEnd> {
  using agent = await agentOf(paths, vm)
  const execution = agent.exec(request, { stdout: terminal.stdout, stderr: terminal.stderr })
  interrupts.onSignal((signal) => execution.signal(signal))
  terminal.onResize?.((rows, cols) => execution.resize(rows, cols))
  void feed(execution, terminal.stdin)
  return await Promise.race([
    execution.ended,
    new Promise<ExecEnd>((resolve) => {
      interrupts.stop.addEventListener('abort', () => {
        const signal = interruptOf(interrupts.stop)
        // The keeper hangs the command up when we are gone.
        resolve({ kind: 'signalled', signal, maxRssKiB: 0, cpuMs: 0 })
      })
    }),
  ])
}

/** What to exit with after a command in a running VM, and what to say beyond that, if anything. */
export function execOutcome(
  end: ExecEnd,
  command: string,
): { exitCode: number; why: string | undefined } {
  const outcome = commandOutcome(end, command)
  const exitCode = exitCodeOf(outcome)
  return { exitCode, why: outcome.kind === 'exited' ? undefined : describeOutcome(outcome) }
}
