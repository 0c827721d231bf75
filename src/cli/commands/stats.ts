import type { Command } from 'commander'
import { setTimeout as sleep } from 'node:timers/promises'

import { formatBytes, shown } from '../../base/index.ts'
import { vms } from '../../lab/index.ts'
import { currentPaths } from '../lab.ts'
import { table } from '../render/table.ts'
import { out } from '../render/print.ts'

const SAMPLE_MS = 1_000

export function addStatsCommand(program: Command, finish: (code: number) => void): void {
  program
    .command('stats')
    .summary('what running VMs take')
    .description('what running VMs take, measured over a second; again and again on a terminal')
    .argument('[vm...]', 'VMs (default: all that run)')
    .option('--once', 'measure once')
    .option('--json', 'measure once and print JSON')
    .action(async (names: string[], flags: { once?: boolean; json?: boolean }) => {
      await watch(names, flags)
      finish(0)
    })
}

async function watch(
  names: readonly string[],
  { once, json }: { once?: boolean; json?: boolean },
): Promise<void> {
  const isLive = out.isTerminal && !once && !json
  for (;;) {
    const rows = await measure(names)
    if (json) out.json(rows)
    else {
      const lines = rows.map((row) => [
        row.name,
        `${row.cpuPercent.toFixed(0)} %`,
        formatBytes(row.memoryKiB * 1024),
        formatBytes(row.diskBytes),
      ])
      if (isLive) out.part(shown`\u001b[H\u001b[2J`)
      out.line(table(['name', 'cpu', 'memory', 'disk'], lines))
    }
    if (!isLive) return
  }
}

async function measure(names: readonly string[]) {
  const [paths, { usageOf, VmRegistry }] = await Promise.all([currentPaths(), vms()])
  const registry = new VmRegistry(paths)
  const chosen = names.length > 0 ? names.map((name) => registry.getLive(name)) : registry.list()
  const before = chosen.map((vm) => ({ vm, usage: usageOf(paths, vm), at: performance.now() }))
  await sleep(SAMPLE_MS)
  return before.flatMap(({ vm, usage: first, at }) => {
    const usage = usageOf(paths, vm)
    if (!first || !usage) return []
    const cpuPercent = ((usage.cpuMs - first.cpuMs) / (performance.now() - at)) * 100
    return [{ name: vm.name, cpuPercent, ...usage }]
  })
}
