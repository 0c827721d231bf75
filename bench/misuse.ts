// npm run bench:misuse -- KERNEL [--record DIR] [NAME…]: each misuse of test/misuse in a VM of its own, and whom klab blames for it: it should be
// the function that did it. KERNEL is the id of one that klab built with CONFIG_MODULES, best with the debug profile. Prints a Markdown table.
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { LogReader, type FoundReport } from '../src/crash/index.ts'
import { KLAB } from './places.ts'

const MODULE = mkdtempSync(join(tmpdir(), 'klab-misuse-'))
const [kernel = '', ...rest] = process.argv.slice(2)
const record = rest[0] === '--record' ? rest[1] : undefined
const wanted = record === undefined ? rest : rest.slice(2)

/** finit_module(2), for machines without insmod. */
const INSMOD =
  'open my $f, "<", $ARGV[0] or die; $a = $ARGV[1]; exit(syscall(313, fileno($f), $a, 0) != 0)'
const IMPATIENT = [
  ...['watchdog_thresh=2', 'sysctl.kernel.hung_task_timeout_secs=3'],
  ...['rcupdate.rcu_cpu_stall_timeout=5', 'sysctl.kernel.hung_task_all_cpu_backtrace=0'],
].flatMap((parameter) => ['--append', parameter])

function klab(args: readonly string[]): string {
  const { stdout, stderr, error } = spawnSync(KLAB, args, { encoding: 'utf8' })
  if (error) throw error
  if (stdout === '') throw new Error(stderr)
  return stdout
}

/** The console of a VM in which it was done; of a run that names nothing, all names. */
function consoleOf(name: string): string {
  const load = ['perl', '-e', INSMOD, join(MODULE, 'misuse.ko'), `run=${name}`]
  const limits = ['--idle-timeout', '30s', '--on-crash', 'continue', '--timeout', '40s']
  const args = ['run', '-q', '--json', '--user', 'root', '--kernel', kernel, ...limits]
  const script = ['sh', '-c', '"$@"; sleep 2', 'sh', ...load]
  const { consolePath } = JSON.parse(klab([...args, ...IMPATIENT, '--', ...script])) as {
    consolePath: string
  }
  return readFileSync(consolePath, 'latin1')
}

function reportsIn(log: string): FoundReport[] {
  const found: FoundReport[] = []
  const reader = new LogReader((report) => found.push(report))
  reader.push(Buffer.from(log, 'latin1'))
  reader.end()
  return found
}

/** The first report in the form of test/console, without the place of the module. */
function recorded(log: string, { start, stop }: FoundReport): string {
  const text = log.slice(start, stop).replaceAll('\r', '').replaceAll(MODULE, '/misuse')
  const heads = reportsIn(text).map(
    ({ kind = 'other', title, damage, panicked }) =>
      `# ${kind}: ${title}${damage ? ` (damaged: ${damage})` : ''}${panicked ? ' (panicked)' : ''}`,
  )
  return `${heads.join('\n')}\n\n${text}`
}

cpSync(join(import.meta.dirname, '../test/misuse'), MODULE, { recursive: true })
process.once('exit', () => rmSync(MODULE, { recursive: true }))
const build = klab(['kernel', 'show', kernel, '--build-dir']).trim()
const made = spawnSync('make', ['-C', build, `M=${MODULE}`, 'modules'], { encoding: 'utf8' })
if (made.status !== 0) throw new Error(made.stderr)
if (record !== undefined) mkdirSync(record, { recursive: true })

const names = [...consoleOf('').matchAll(/misuse: (\w+)\r?$/gm)].map(([, name = '']) => name)
console.log('| misuse | klab says | to blame |\n|---|---|---|')
let right = 0
let all = 0
for (const name of names.filter((one) => wanted.length === 0 || wanted.includes(one))) {
  const log = consoleOf(name)
  const [first] = reportsIn(log)
  const isRight = first?.title.includes(`misuse_${name}`) ?? false
  all++
  if (isRight) right++
  console.log(`| ${name} | ${first?.title ?? 'no complaint'} | ${isRight ? 'yes' : '**no**'} |`)
  if (record !== undefined && first)
    writeFileSync(join(record, `misuse-${name}`), recorded(log, first))
}
console.log(`\n${right} of ${all} name the function that did it`)
