import { closeSync, openSync, readdirSync, truncateSync, writeSync } from 'node:fs'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { TEST_HOME } from '../support/home.ts'
import { packageOf, testTree } from '../support/kernels.ts'
import { klab, startKlab } from '../support/klab.ts'

/** A cache of templates that no other test touches: machines of another size have other templates. */
const memory = '431M'
const options = ['--tree', testTree(), '--memory', memory]
const run = (...argv: string[]) => klab(['run', '-v', '--no-stdin', ...options, '--', ...argv])

interface Shown {
  readonly key: string
  readonly machine: { readonly memoryMiB: number }
}

async function ours(): Promise<Shown[]> {
  const all = JSON.parse((await klab(['template', 'ls', '--json'])).stdout) as Shown[]
  return all.filter(({ machine }) => machine.memoryMiB === 431)
}

async function removeOurs(): Promise<void> {
  for (const { key } of await ours()) await klab(['template', 'rm', key])
}

beforeAll(removeOurs)
afterAll(removeOurs)

describe('a template', () => {
  test('is made by the first run and cloned by the next', async () => {
    await removeOurs()
    const first = await run('true')
    expect(first).toMatchObject({ code: 0, stderr: expect.stringMatching(/template \w+ made/) })
    const second = await run('true')
    expect(second).toMatchObject({ code: 0, stderr: expect.stringMatching(/restore after/) })
    expect(second.stderr).not.toMatch(/made|kernel after/)
    const [template] = await ours()
    const shown = JSON.parse((await klab(['template', 'show', template?.key ?? ''])).stdout)
    expect(shown).toMatchObject({ key: template?.key, machine: { memoryMiB: 431 } })
  })

  test('is not used by --fresh', async () => {
    const fresh = await klab(['run', '-v', '--fresh', ...options, '--', 'true'])
    expect(fresh).toMatchObject({ code: 0, stderr: expect.stringMatching(/kernel after/) })
    expect(fresh.stderr).not.toMatch(/restore/)
  })

  test.each([
    ['state', 'cut short', (path: string) => truncateSync(path, 1000)],
    ['memory', 'cut short', (path: string) => truncateSync(path, 4096)],
    ['memory', 'written to', scribble],
    ['template.json', 'cut short', (path: string) => truncateSync(path, 10)],
    ['template.json', 'overwritten', (path: string) => writeFileSync(path, '{"key": 1}')],
    ['console.log', 'removed', (path: string) => rmSync(path)],
  ])('whose %s was %s is made anew, and the run succeeds', async (file, _what, damage) => {
    await run('true')
    const [template] = await ours()
    damage(join(TEST_HOME, 'cache/templates', template?.key ?? '', file))
    const result = await run('echo', 'fine')
    expect(result).toMatchObject({ code: 0, stdout: 'fine\n' })
    expect(result.stderr).toMatch(/template \w+ made/)
  })

  test('that QEMU does not take is discarded, and the run succeeds', async () => {
    await run('true')
    const [template] = await ours()
    const dir = join(TEST_HOME, 'cache/templates', template?.key ?? '')
    // As another QEMU might have left it: sound files, of which the state is none.
    const { createHash } = await import('node:crypto')
    const { readFileSync } = await import('node:fs')
    const garbage = Buffer.alloc(60_000, 'x')
    writeFileSync(join(dir, 'state'), garbage)
    const facts = JSON.parse(readFileSync(join(dir, 'template.json'), 'utf8'))
    const stateSha256 = createHash('sha256').update(garbage).digest('hex')
    writeFileSync(join(dir, 'template.json'), JSON.stringify({ ...facts, stateSha256 }))
    const result = await run('echo', 'fine')
    expect(result).toMatchObject({ code: 0, stdout: 'fine\n' })
    expect(result.stderr).toMatch(/template \w+ discarded: .*\n(.*\n)*.*template \w+ made/)
  })

  test('is kept when it is not at fault: Ctrl-C at any moment, a port that is taken (R14)', async () => {
    const connected = ['run', '-v', '--no-stdin', ...options, '--net', 'user']
    expect((await klab([...connected, '--', 'true'])).code).toBe(0)
    const before = (await ours()).map(({ key }) => key)
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const taken = await klab([...connected, '--publish', `${port}:80`, '--', 'true'])
    expect(taken).toMatchObject({ code: 125, stdout: '' })
    expect(taken.stderr).toContain(`${port}`)
    server.close()
    for (const ms of [50, 150, 200, 250, 300, 350, 450]) {
      const child = startKlab([...connected, '--', 'sleep', '60'])
      child.stdout?.resume()
      child.stderr?.resume()
      const ended = once(child, 'close')
      await sleep(ms)
      child.kill('SIGINT')
      child.kill('SIGINT')
      await ended
    }
    expect((await ours()).map(({ key }) => key)).toEqual(before)
    expect((await klab([...connected, '--', 'true'])).stderr).toMatch(/restore after/)
  })

  test('is made once by two klabs at the same time', async () => {
    await removeOurs()
    const results = await Promise.all([run('true'), run('true'), run('true')])
    expect(results.map(({ code }) => code)).toEqual([0, 0, 0])
    expect(results.filter(({ stderr }) => /template \w+ made/.test(stderr))).toHaveLength(1)
  })

  test('is pruned by size, and the next run makes it again', async () => {
    await run('true')
    const home = mkdtempSync(join(tmpdir(), 'klab-prune-'))
    expect((await klab(['template', 'prune', '--size', 'much'])).code).toBe(2)
    rmSync(home, { recursive: true })
    await removeOurs()
    expect(await ours()).toEqual([])
    expect(readdirSync(join(TEST_HOME, 'cache/templates')).some((n) => n.includes('making'))).toBe(
      false,
    )
    expect((await run('true')).code).toBe(0)
  })

  test('of a modular kernel of the distribution is cloned as well', async () => {
    const kernel = packageOf('linux-image-amd64') ?? ''
    const args = ['run', '-v', '--no-stdin', '--kernel', kernel, '--', 'uname', '-r']
    await klab(args)
    const second = await klab(args)
    expect(second).toMatchObject({ code: 0, stdout: expect.stringMatching(/amd64\n$/) })
    expect(second.stderr).toMatch(/restore after/)
  })

  test('that cannot be is said, and the VM boots', async () => {
    const kernel = packageOf('linux-image-cloud-amd64') ?? ''
    const booted = await klab(['run', '-v', '--no-stdin', '--kernel', kernel, '--', 'uname', '-r'])
    expect(booted).toMatchObject({ code: 0, stdout: expect.stringContaining('cloud-amd64') })
    expect(booted.stderr).toMatch(/not cloning a template: its kernel has no 9p/)
  })
})

describe('two clones of one template', () => {
  test('never have the same random bytes, ids, or names made of them', async () => {
    const script = [
      'head -c 32 /dev/urandom | od -An -tx1 | tr -d " \\n"; echo',
      'cat /proc/sys/kernel/random/boot_id /proc/sys/kernel/random/uuid /etc/machine-id',
      'hostname',
      'mktemp -u /tmp/XXXXXXXXXX',
      // The address-space layout and the stack canary's seed come from the same source.
      'grep -m 1 "\\[stack\\]" /proc/self/maps | cut -d - -f 1',
    ].join('; ')
    const results = await Promise.all(
      Array.from({ length: 6 }, () => klab(['run', '-q', ...options, '--', 'sh', '-c', script])),
    )
    const lines = results.map(({ stdout }) => stdout.trim().split('\n'))
    expect(lines.map((own) => own.length)).toEqual([7, 7, 7, 7, 7, 7])
    for (let row = 0; row < 7; row++)
      expect(new Set(lines.map((own) => own[row])).size, `row ${row}`).toBe(6)
  })

  test('inherit nothing from each other', async () => {
    await run('sh', '-c', 'echo left > /tmp/left-behind; echo left > /run/left-behind')
    const next = await run('sh', '-c', 'ls /tmp/left-behind /run/left-behind 2>&1; date +%s')
    expect(next.stdout).not.toMatch(/^\/(tmp|run)\/left/m)
    // And the clock is that of now, not of the template.
    const seconds = Number(next.stdout.trim().split('\n').at(-1))
    expect(Math.abs(seconds - Date.now() / 1000)).toBeLessThan(20)
  })
})

test('--repeat runs pristine clones, and sums up', async () => {
  const script =
    'test ! -e /tmp/seen && touch /tmp/seen && exit $((0x$(head -c 1 /etc/machine-id) % 2 * 7))'
  const repeated = await klab(
    ['run', '--repeat', '8', '--jobs', '2', '--json', ...options, '--', 'sh', '-c', script],
    { timeoutMs: 120_000 },
  )
  const summary = JSON.parse(repeated.stdout)
  expect(summary).toMatchObject({ asked: 8, runs: 8 })
  const counts = summary.outcomes.reduce(
    (sum: number, { count }: { count: number }) => sum + count,
    0,
  )
  expect(counts).toBe(8)
  expect(summary.outcomes.every(({ what }: { what: string }) => /^exited [07]$/.test(what))).toBe(
    true,
  )
  expect(repeated.code).toBe(summary.passed === 8 ? 0 : 7)
})

test('--until-failure stops at the first', async () => {
  const repeated = await klab(
    ['run', '--repeat', '50', '--until-failure', '--json', ...options, '--', 'false'],
    { timeoutMs: 60_000 },
  )
  expect(JSON.parse(repeated.stdout)).toMatchObject({ asked: 50, runs: 1, passed: 0, exitCode: 1 })
  expect(repeated.code).toBe(1)
})

/** Changes a page in the middle, as a stray program might. */
function scribble(path: string): void {
  const file = openSync(path, 'r+')
  writeSync(file, Buffer.alloc(4096, 'x'), 0, 4096, 16 * 1024 * 1024)
  closeSync(file)
}
