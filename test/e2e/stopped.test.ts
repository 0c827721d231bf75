import { once } from 'node:events'
import { existsSync, lstatSync, mkdtempSync, readlinkSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, describe, expect, test } from 'vitest'

import { processesEndingWith, processIdentity } from '../../src/host/index.ts'
import { TEST_HOME } from '../support/home.ts'
import { testTree } from '../support/kernels.ts'
import { klab, startKlab, type KlabResult } from '../support/klab.ts'
import { processesNaming } from '../support/processes.ts'
import { listed, TestVms } from '../support/vms.ts'

const dir = mkdtempSync(join(tmpdir(), 'klab-stopped-'))
afterAll(() => rmSync(dir, { recursive: true }))

/** Whatever is stopped, a command comes to its end by itself long before this. */
const LIMIT_MS = 40_000

/** What a command does when something that it needs is stopped. */
type Needs = 'nothing' | 'keeper' | 'qemu'

/** Every command that has to do with a VM; `@` is its name. */
const COMMANDS: readonly (readonly [line: string, needs: Needs])[] = [
  ['ps', 'nothing'],
  ['stats', 'nothing'],
  ['logs @', 'nothing'],
  ['template ls', 'nothing'],
  ['runs prune', 'nothing'],
  ['snapshot ls @', 'nothing'],
  ['status @', 'keeper'],
  ['console @', 'keeper'],
  ['exec @ -- true', 'qemu'],
  ['shell @', 'qemu'],
  ['attach @', 'qemu'],
  ['ssh-proxy @', 'qemu'],
  ['cp /etc/hostname @:/tmp/x', 'qemu'],
  [`cp @:/proc/version ${dir}/version`, 'qemu'],
  ['pause @', 'qemu'],
  ['resume @', 'qemu'],
  ['monitor @ info status', 'qemu'],
  ['qmp @ query-status', 'qemu'],
  [`dump @ -o ${dir}/dump`, 'qemu'],
  ['dmesg @', 'qemu'],
  ['inspect @', 'qemu'],
  ['debug @ -- -batch', 'qemu'],
  ['snapshot @ one', 'qemu'],
  ['fork @ @-fork', 'qemu'],
]

async function on(name: string, line: string): Promise<KlabResult> {
  const args = line.split(' ').map((word) => word.replace('@', name))
  return await klab(args, { timeoutMs: LIMIT_MS, input: '' })
}

/** What is wrong with an end; nothing if it is as it should be. */
function wrongWith(
  { code, stderr }: KlabResult,
  { isNeeded }: { readonly isNeeded: boolean },
): string | undefined {
  if (code === null) return 'it had to be killed'
  if (stderr.includes('bug in klab')) return stderr
  if (!isNeeded) return code === 0 ? undefined : `${code}: ${stderr}`
  if (code !== 125) return `${code}: ${stderr}`
  return /\(process \d+\) is stopped; kill -CONT \d+/.test(stderr) ? undefined : stderr
}

describe.each(['keeper', 'qemu'] as const)('a %s that is stopped', (victim) => {
  test('is named by each command that needs it, and no other waits for it', async () => {
    await using vms = new TestVms()
    const name = await vms.start('stopped', '--root', 'none', '--memory', '256M')
    const pid = (await listed(name))?.[victim]?.pid ?? 0
    process.kill(pid, 'SIGSTOP')
    const wrong: string[] = []
    for (const [line, needs] of COMMANDS) {
      const isNeeded = needs === 'qemu' || needs === victim
      const found = wrongWith(await on(name, line), { isNeeded })
      if (found !== undefined) wrong.push(`${line}: ${found}`)
    }
    process.kill(pid, 'SIGCONT')
    expect(wrong).toEqual([])
    // Nobody has harmed it.
    expect((await on(name, 'status @')).stdout).toMatch(/running[^]*guest: answers/)
  }, 300_000)

  test.each(['stop --force', 'rm --force'])('does not survive klab %s', async (line) => {
    await using vms = new TestVms()
    const name = await vms.start('forced', '--root', 'none', '--memory', '256M')
    const vm = await listed(name)
    const runId = vm?.runId ?? ''
    process.kill(vm?.[victim]?.pid ?? Number.NaN, 'SIGSTOP')
    const { code, stderr } = await klab([...line.split(' '), name], { timeoutMs: 5_000 })
    expect([code, stderr]).toEqual([0, ''])
    expect(processesNaming(runId)).toEqual([])
    expect(existsSync(join(TEST_HOME, 'run', runId))).toBe(false)
    const after = line.startsWith('rm') ? undefined : 'stopped'
    expect((await listed(name))?.state).toBe(after)
  })
})

const VIRTIOFS = ['--transport', 'virtiofs'] as const

/** A run of a command that says when it goes on, and then waits; what stops it is told its QEMU and daemons. */
async function interferedRun(
  options: readonly string[],
  interfere: (run: Awaited<ReturnType<typeof listed>>) => void,
) {
  const args = ['run', '--tree', testTree(), '--memory', '256M', ...options]
  const child = startKlab([...args, '--', 'sh', '-c', 'echo goes on; sleep 300; cat /etc/passwd'])
  let stderr = ''
  child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  if (child.stdout) await once(child.stdout, 'data')
  const id = await announced(child.pid ?? 0)
  interfere(await listed(id))
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, stderr }
}

async function announced(pid: number): Promise<string> {
  for (let tries = 0; tries < 100; tries++) {
    const all = JSON.parse((await klab(['ps', '--json'])).stdout) as {
      name: string
      keeper?: { pid: number }
    }[]
    const found = all.find(({ keeper }) => keeper?.pid === pid)
    if (found) return found.name
  }
  throw new Error('the run is in no list')
}

const daemonOf = (run: Awaited<ReturnType<typeof listed>>) =>
  Object.values(run?.daemons ?? {})[0]?.pid

/** What is done to which process of a run, and what klab says of it. */
const INTERFERENCE = [
  {
    ...{ what: 'its QEMU is stopped', options: [], signal: 'SIGSTOP', victim: 'qemu' },
    said: /QEMU \(process \d+\) is stopped/,
  },
  {
    ...{ what: 'virtiofsd is killed', options: VIRTIOFS, signal: 'SIGKILL', victim: 'daemon' },
    said: /virtiofsd, which serves \/, ended: killed by SIGKILL/,
  },
  {
    ...{ what: 'virtiofsd is stopped', options: VIRTIOFS, signal: 'SIGSTOP', victim: 'daemon' },
    said: /virtiofsd, which serves \/ \(process \d+\) is stopped/,
  },
] as const

describe('a run is lost, and says why, when', () => {
  test.each(INTERFERENCE)('$what', async ({ options, signal, victim, said }) => {
    const { code, stderr } = await interferedRun(options, (run) =>
      process.kill((victim === 'qemu' ? run?.qemu?.pid : daemonOf(run)) ?? 0, signal),
    )
    expect([code, stderr]).toEqual([125, expect.stringMatching(said)])
  })
})

test('a keeper that is stopped while its VM comes up is named, and gone', async () => {
  await using vms = new TestVms()
  const name = vms.name('coming')
  const started = klab(['start', name, '--tree', testTree(), '--root', 'none', '--fresh'])
  const keeper = await keeperOf(name)
  process.kill(keeper, 'SIGSTOP')
  expect(await started).toMatchObject({
    code: 125,
    stderr: expect.stringContaining(`the keeper of ${name} (process ${keeper}) is stopped`),
  })
  expect([await listed(name), processIdentity(keeper)]).toEqual([undefined, undefined])
})

test('Ctrl-C ends a start whose keeper does not', async () => {
  await using vms = new TestVms()
  const name = vms.name('ended')
  const child = startKlab(['start', name, '--tree', testTree(), '--root', 'none', '--fresh'])
  child.stderr?.resume()
  const keeper = await keeperOf(name)
  process.kill(keeper, 'SIGSTOP')
  child.kill('SIGINT')
  await once(child, 'exit')
  expect([await listed(name), processIdentity(keeper)]).toEqual([undefined, undefined])
})

/** The process that keeps a VM, as soon as there is one. */
async function keeperOf(name: string): Promise<number> {
  const link = join(TEST_HOME, 'state/vms/by-name', name)
  for (let tries = 0; tries < 1_000; tries++) {
    const id = lstatSync(link, { throwIfNoEntry: false }) && basename(readlinkSync(link))
    const [pid] = id === undefined ? [] : processesEndingWith(['keep', id])
    if (pid !== undefined) return pid
    await sleep(10)
  }
  throw new Error(`nobody keeps ${name}`)
}

test('a switch that is stopped is named by whoever comes to its segment', async () => {
  await using vms = new TestVms()
  const segment = `stopped${process.pid}`
  const net = ['--root', 'none', '--net', `lab:${segment}`]
  await vms.start('first', ...net)
  const socket = join(TEST_HOME, 'run/segments', segment, 'switch')
  const [pid = 0] = processesEndingWith(['switch', socket])
  process.kill(pid, 'SIGSTOP')
  const second = await klab(['start', vms.name('second'), '--tree', testTree(), ...net])
  process.kill(pid, 'SIGCONT')
  expect(second).toMatchObject({
    code: 125,
    stderr: expect.stringContaining(`the switch of lab:${segment} (process ${pid}) is stopped`),
  })
  await vms.start('third', ...net)
})
