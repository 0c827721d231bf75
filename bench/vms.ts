import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { inTurns, median, seconds, timed, type Row } from './measure.ts'

interface Bench {
  readonly klab: string
  readonly env: NodeJS.ProcessEnv
  readonly id: string
  readonly tree: string
  readonly dir: string
  readonly add: (row: Row) => void
}

/** Templates, clones, and VMs that stay. */
export async function vms(bench: Bench): Promise<void> {
  clones(bench)
  await makingTemplates(bench)
  await repeats(bench)
  await staying(bench)
  await manyVms(bench)
  await copies(bench)
}

/** From QEMU's start to the agent's answer. */
function clones({ klab, env, id, add }: Bench): void {
  const phases = Array.from({ length: 15 }, () => {
    const args = ['run', '-q', '--no-stdin', '--json', '--kernel', id, '--', 'true']
    return JSON.parse(
      execFileSync(klab, args, { env, stdio: ['ignore', 'pipe', 'ignore'] }).toString(),
    ).phases as Record<string, number>
  })
  const ms = median(phases.map(({ agent = Number.NaN }) => agent))
  add({ what: 'clone start, QEMU to agent', ours: seconds(ms), limit: '0.060 s', met: ms <= 60 })
}

/** A kernel parameter that no template knows: the first run makes one. */
async function makingTemplates({ klab, env, id, add }: Bench): Promise<void> {
  const run = (...options: string[]) =>
    timed([klab, 'run', '-q', '--no-stdin', '--kernel', id, ...options, '--', 'true'], { env })
  let number = 0
  const [firstMs = 0, coldMs = 0] = await inTurns(
    5,
    () => run('--append', `bench=${process.pid}.${number++}`),
    () => run('--fresh'),
  )
  const more = firstMs - coldMs
  const baseline = `${seconds(firstMs)} first, ${seconds(coldMs)} cold`
  add({
    what: 'making a template, beyond a cold run',
    ours: seconds(more),
    baseline,
    limit: '0.300 s',
    met: more <= 300,
  })
}

async function repeats({ klab, env, id, add }: Bench): Promise<void> {
  const args = ['run', '-q', '--kernel', id, '--repeat', '100', '--jobs', '2', '--', 'true']
  const ms = await timed([klab, ...args], { env })
  add({ what: '100 repeats, 2 at a time', ours: seconds(ms), limit: '16 s', met: ms <= 16_000 })
}

async function staying({ klab, env, id, add }: Bench): Promise<void> {
  const name = `bench-${process.pid}`
  execFileSync(klab, ['start', '-q', name, '--kernel', id], { env, stdio: 'ignore' })
  try {
    const stats = JSON.parse(execFileSync(klab, ['stats', '--json', name], { env }).toString())
    const mib = stats[0].memoryKiB / 1024
    add({
      what: 'memory of an idle clone beyond its template',
      ours: `${mib.toFixed(0)} MiB`,
      limit: '80 MiB',
      met: mib <= 80,
    })
    const exec = () => timed([klab, 'exec', name, '--', 'true'], { env })
    await exec()
    const [ms = 0] = await inTurns(11, exec)
    add({
      what: '`klab exec` on a running VM',
      ours: seconds(ms),
      limit: '0.150 s',
      met: ms <= 150,
    })
  } finally {
    execFileSync(klab, ['rm', '--force', name], { env })
  }
}

const MANY = 50

async function manyVms({ klab, env, id, add }: Bench): Promise<void> {
  const names = Array.from({ length: MANY }, (_, n) => `bench-${process.pid}-${n}`)
  const options = ['--kernel', id, '--memory', '256M', '--cpus', '1']
  try {
    for (const name of names)
      execFileSync(klab, ['start', '-q', name, ...options], { env, stdio: 'ignore' })
    const [ms = 0] = await inTurns(11, () => timed([klab, 'ps'], { env }))
    add({
      what: `\`klab ps\` with ${MANY} VMs`,
      ours: seconds(ms),
      limit: '0.150 s',
      met: ms <= 150,
    })
  } finally {
    execFileSync(klab, ['rm', '--force', ...names], { env })
  }
}

async function copies({ klab, env, id, tree, dir, add }: Bench): Promise<void> {
  const name = `bench-${process.pid}-cp`
  const options = ['--kernel', id, '--memory', '6G']
  execFileSync(klab, ['start', '-q', name, ...options], { env, stdio: 'ignore' })
  try {
    const bytes = 1024 * 1024 * 1024
    const file = join(dir, 'big')
    writeFileSync(file, Buffer.alloc(bytes, 7))
    const inMs = await timed([klab, 'cp', '-q', file, `${name}:/tmp/big`], { env })
    const outMs = await timed([klab, 'cp', '-q', `${name}:/tmp/big`, join(dir, 'back')], { env })
    for (const [what, ms] of [
      ['cp of 1 GiB into a VM', inMs],
      ['cp of 1 GiB out of a VM', outMs],
    ] as const) {
      const rate = bytes / 1e6 / (ms / 1000)
      add({ what, ours: `${rate.toFixed(0)} MB/s`, limit: '100 MB/s', met: rate >= 100 })
    }
    rmSync(file)
    rmSync(join(dir, 'back'))
    execFileSync(klab, ['exec', name, '--', 'rm', '/tmp/big'], { env })
    await copyTree({ klab, env, tree, dir, add }, name)
  } finally {
    execFileSync(klab, ['rm', '--force', name], { env })
  }
}

/** A kernel tree into a VM, and from one directory to another of this machine. */
async function copyTree(
  { klab, env, tree, dir, add }: Omit<Bench, 'id'>,
  name: string,
): Promise<void> {
  const here = join(dir, 'tree')
  mkdirSync(here)
  const script = 'tar -C "$1" -cf - . | tar -C "$2" -xpf -'
  const hostMs = await timed(['sh', '-c', script, 'sh', tree, here])
  const ms = await timed([klab, 'cp', '-q', tree, `${name}:/tmp/tree`], { env })
  add({
    what: 'cp of a kernel tree into a VM',
    ours: seconds(ms),
    baseline: `${seconds(hostMs)} tar | tar`,
    ratio: ms / hostMs,
    limit: '3.00',
    met: ms / hostMs <= 3,
  })
}
