import { once } from 'node:events'

import { outcomeOf, type Ending } from '../outcome/verdict.ts'
import type { Outcome } from '../outcome/outcome.ts'
import type { ReportLog } from '../outcome/report-log.ts'
import type { Living, Purpose } from './living.ts'

/** From what ended a VM's life to its outcome: what hangs is asked, what crashed is dumped or kept; then QEMU ends, or when its user says so (`stop`). */
export async function conclude(
  living: Living,
  ending: Ending,
  { hold, stop }: Pick<Purpose, 'hold' | 'stop'>,
): Promise<Outcome> {
  const { booted, reports, dump, request } = living
  const { vm } = booted
  const { onCrash } = request.judge
  const enough = aborted(stop)
  closeReports(living, ending)
  let last = ending
  if (hold && onCrash === 'pause' && isWorthALook(ending, reports)) await hold(living)
  else if (isStandstill(ending) && !reports.first)
    last = await Promise.race([explained(living, ending), enough.then(() => ending)])
  if (onCrash === 'dump' && reports.first) await Promise.race([dump.write(vm), vm.ended, enough])
  vm.kill()
  await dump.settled()
  if (request.stays) await vm.ended
  vm.console.close()
  reports.end('all')
  return outcomeOf(last, reports.first, request.argv[0])
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, 'abort')
}

/** What our own ending of the VM cuts off tells nothing, nor what a silent kernel is made to say. */
function closeReports({ reports, request }: Living, ending: Ending): void {
  const isLast = request.judge.onCrash === 'pause' && isTheCommands(ending)
  if (ending.kind === 'report' || isLast) reports.end('complete')
  if (isStandstill(ending)) reports.end('all')
}

function isTheCommands({ kind }: Ending): boolean {
  return kind === 'command' || kind === 'up-again'
}

type Standstill = Extract<Ending, { kind: 'silence' | 'timeout' }>

/** It goes on, but nothing comes of it. */
function isStandstill(ending: Ending): ending is Standstill {
  return ending.kind === 'silence' || ending.kind === 'timeout'
}

async function explained(living: Living, ending: Standstill): Promise<Ending> {
  const { lab, booted, request, dump, runDir, onEvent } = living
  if (request.judge.onCrash === 'dump') await dump.write(booted.vm)
  const stuck = { vm: booted.vm, agent: booted.boots.agent, slowness: booted.slowness }
  const { makeSpeak } = await import('../hang/speak.ts')
  return { ...ending, hang: await makeSpeak(stuck, request.kernel, { lab, runDir, onEvent }) }
}

/** Whether a VM is held for somebody to look at: it is there, and something is wrong with it. */
function isWorthALook(ending: Ending, reports: ReportLog): boolean {
  switch (ending.kind) {
    case 'report':
    case 'silence':
      return true
    case 'command':
    case 'timeout':
    case 'dismissed':
    case 'rebooted':
    case 'up-again':
      return reports.first !== undefined
    case 'vm':
    case 'broken':
    case 'agent':
    case 'over':
    case 'unbooted':
    case 'stopped':
      return false
  }
}
