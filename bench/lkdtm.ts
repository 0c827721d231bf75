// npm run bench:lkdtm [-- KERNEL [TRIGGER…]]: each crash that LKDTM offers, in a VM of its own, and what klab calls it. Prints a Markdown table.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

import { HOME, KLAB, TREE } from './places.ts'

const DIRECT = '/sys/kernel/debug/provoke-crash/DIRECT'
const env = { ...process.env, KLAB_HOME: HOME }
const which = process.argv[2] === undefined ? ['--tree', TREE] : ['--kernel', process.argv[2]]

/** The kernel's own detectors speak after seconds, not after minutes. */
const IMPATIENT = [
  ...['watchdog_thresh=2', 'sysctl.kernel.hung_task_timeout_secs=3'],
  ...['rcupdate.rcu_cpu_stall_timeout=5', 'sysctl.kernel.hung_task_all_cpu_backtrace=0'],
].flatMap((parameter) => ['--append', parameter])

function run(script: string) {
  const { status, stdout } = spawnSync(
    KLAB,
    [
      ...['run', '-q', '--json', '--user', 'root', '--idle-timeout', '20s', ...IMPATIENT, ...which],
      ...['--', 'sh', '-c', script],
    ],
    { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] },
  )
  const { outcome, consolePath } = JSON.parse(stdout) as {
    outcome: Record<string, unknown>
    consolePath: string
  }
  const said = readFileSync(consolePath, 'latin1').matchAll(/lkdtm: (.*)/g)
  return { status, outcome, said: [...said].at(-1)?.[1]?.trim() ?? '' }
}

function describe(outcome: Record<string, unknown>, said: string): string {
  switch (outcome['kind']) {
    case 'crashed':
      return (outcome['report'] as { title: string }).title
    case 'hung': {
      const { cpus = [], tasks = [] } = (outcome['hang'] ?? {}) as {
        cpus?: { at: string }[]
        tasks?: { state: string; function?: string }[]
      }
      const busy = cpus.map(({ at }) => at).filter((at) => at !== 'idle')
      const waiting = tasks
        .filter(({ state }) => state === 'D')
        .map((task) => `waits in ${task.function}`)
      return `hung: ${[...busy, ...waiting].join('; ') || 'nothing to be seen'}`
    }
    case 'exited':
      return `no complaint; LKDTM: ${said.slice(0, 90)}`
    default:
      return JSON.stringify(outcome).slice(0, 120)
  }
}

const listed = spawnSync(KLAB, ['run', '-q', '--user', 'root', ...which, '--', 'cat', DIRECT], {
  env,
  encoding: 'utf8',
}).stdout
const wanted = process.argv.slice(3)
const triggers = listed
  .split('\n')
  .filter(
    (line) => /^[A-Z][A-Z0-9_]+$/.test(line) && (wanted.length === 0 || wanted.includes(line)),
  )
console.log('| trigger | klab says |\n|---|---|')
for (const trigger of triggers) {
  const { outcome, said } = run(`echo ${trigger} > ${DIRECT}; sleep 1`)
  console.log(`| ${trigger} | ${describe(outcome, said)} |`)
}
