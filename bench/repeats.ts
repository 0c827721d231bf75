import { execFileSync, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { readFileSync } from 'node:fs'

import { HOME, KLAB, TREE } from './places.ts'

// How the memory of one klab grows over many runs: npm run bench:repeats -- [COUNT] (10000). It must be flat after 500.
const count = Number(process.argv[2] ?? 10_000)
const SAMPLE_EVERY = 250
/** V8 collects when it likes: between two samples it may hold so much more. */
const SLACK_MIB = 24

const env = { ...process.env, KLAB_HOME: HOME }
const id = execFileSync(KLAB, ['build', '-q', '--tree', TREE], { env }).toString().trim()
const args = ['run', '--events', '--kernel', id, '--repeat', String(count), '--jobs', '2']
const child = spawn(KLAB, [...args, '--', 'true'], { env, stdio: ['ignore', 'pipe', 'inherit'] })

const samples: { runs: number; rssMiB: number }[] = []
let runs = 0
for await (const line of createInterface({ input: child.stdout })) {
  if (!line.includes('"kind":"end"')) continue
  runs++
  if (runs % SAMPLE_EVERY === 0) sample()
}
const after = samples.filter((one) => one.runs > 500)
const first = after.slice(0, 3).map(({ rssMiB }) => rssMiB)
const last = after.slice(-3).map(({ rssMiB }) => rssMiB)
const grown = Math.max(...last) - Math.max(...first)
console.log(
  `${runs} runs; after the first 500 memory grew by ${grown.toFixed(0)} MiB (limit ${SLACK_MIB})`,
)
process.exitCode = grown <= SLACK_MIB && runs === count ? 0 : 1

function sample(): void {
  const status = readFileSync(`/proc/${child.pid}/status`, 'latin1')
  const rssMiB = Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0) / 1024
  samples.push({ runs, rssMiB })
  console.log(`${runs} runs: ${rssMiB.toFixed(0)} MiB`)
}
