import type { FoundReport } from '../../crash/index.ts'
import type { Agent, ExecRequest } from '../../guest/index.ts'
import type { Outcome } from '../outcome/outcome.ts'
import { outcomeOf, type Ending } from '../outcome/verdict.ts'
import type { ExecParts } from '../session/session.ts'
import { followCommand, startCommand, type Surroundings } from './command.ts'

/** A guest in which commands are run while its kernel is watched. */
export interface Guest extends Surroundings {
  readonly agent: Agent
  /** How many complaints of its kernel have counted so far. */
  readonly mark: () => Promise<number>
  /** Those since then; late ones are waited for. */
  readonly since: (mark: number, graceMs: number) => Promise<readonly FoundReport[]>
  /** Throws InfraError when a command that was asked for does not come to start. */
  readonly untilStarted: (started: Promise<void>) => Promise<void>
}

/** Runs a command in a guest that goes on afterwards, and judges it as a run is judged. */
export async function execIn(
  guest: Guest,
  request: ExecRequest,
  { terminal, interrupts, limits, graceMs }: ExecParts,
): Promise<Outcome> {
  // First: a command may end the VM before anybody could ask.
  const mark = await guest.mark()
  const command = startCommand(guest.agent, request, terminal)
  await guest.untilStarted(command.execution.started)
  const ending = await followCommand(guest, command, { terminal, limits, interrupts })
  const reports = await reportsOf(ending, () => guest.since(mark, graceMs), mark)
  return outcomeOf(ending, reports[0], String(request.argv[0]))
}

async function reportsOf(
  ending: Ending,
  since: () => Promise<readonly FoundReport[]>,
  mark: number,
): Promise<readonly FoundReport[]> {
  if (ending.kind === 'stopped') return []
  // Nobody is left to be asked; it has told all.
  if (ending.kind === 'over') return ending.reports.slice(mark)
  return await since()
}
