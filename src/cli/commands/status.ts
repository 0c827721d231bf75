import type { Command } from 'commander'

import { hasFields, isStringList } from '../../base/index.ts'
import { describeOutcome, vms } from '../../lab/index.ts'
import { currentPaths } from '../lab.ts'
import { describePort } from '../render/status.ts'
import { few } from '../render/few.ts'
import { out } from '../render/print.ts'

const HELP = `
Exit codes: 0 it runs, or is paused; 3 it is stopped, or being started; 125 there is no such VM.

Examples:
  klab status box
  klab status box >/dev/null || klab start box`

export function addStatusCommand(program: Command, finish: (code: number) => void): void {
  program
    .command('status <vm>')
    .summary('one VM: does it run, does its guest answer')
    .description(
      'one VM: whether it runs, whether its guest answers, what its kernel complained of',
    )
    .option('--json', 'as JSON')
    .addHelpText('after', HELP)
    .action(async (name: string, flags: { json?: boolean }) => finish(await status(name, flags)))
}

/** Exit code 0 for one that runs, 3 for one that does not, as systemctl has it. */
async function status(name: string, { json }: { json?: boolean }): Promise<number> {
  const [paths, { askFor, VmRegistry }] = await Promise.all([currentPaths(), vms()])
  const vm = new VmRegistry(paths).get(name)
  const isUp = vm.state === 'running' || vm.state === 'paused'
  const said = isUp
    ? await askFor(paths, vm, { request: { do: 'status' }, check: isStatus })
    : undefined
  if (json) {
    out.json({ ...vm, ...said })
    return isUp ? 0 : 3
  }
  const lines = [
    `${vm.name}: ${vm.state}`,
    `kernel: ${vm.kernel}`,
    ...(isUp ? (vm.published ?? []) : []).map((port) => `port: ${describePort(port)}`),
    ...(said?.why === undefined ? [] : [said.why]),
    ...(said ? [`guest: ${said.agent ? 'answers' : 'does not answer'}`] : []),
    ...few(said?.reports.map((title) => `report: ${title}`) ?? []),
    ...(vm.outcome ? [`last outcome: ${describeOutcome(vm.outcome)}`] : []),
    `run: ${vm.runId}`,
  ]
  for (const line of lines) out.line(line)
  return isUp ? 0 : 3
}

function isStatus(
  value: unknown,
): value is { qemu: string; agent: boolean; why?: string; reports: readonly string[] } {
  return (
    hasFields(value, { qemu: 'string', agent: 'boolean' }) &&
    ['string', 'undefined'].includes(typeof value['why']) &&
    isStringList(value['reports'])
  )
}
