import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'

import { runOk } from '../../src/host/index.ts'
import { testTree } from '../support/kernels.ts'
import { klab, startKlab } from '../support/klab.ts'
import { TestVms } from '../support/vms.ts'

const dir = mkdtempSync(join(tmpdir(), 'klab-crash-'))
afterAll(() => rmSync(dir, { recursive: true }))

/** A console of test/console, without the lines that say what is in it. */
function recorded(name: string): Buffer {
  const file = readFileSync(`test/console/${name}`)
  return file.subarray(file.indexOf('\n\n') + 2)
}

function written(name: string, content: Buffer): string {
  const path = join(dir, name)
  writeFileSync(path, content)
  return path
}

describe('klab crash parse', () => {
  test('names the reports of a log, and says where they are', async () => {
    const log = recorded('two-reports')
    const { code, stdout } = await klab(['crash', 'parse', '--json', written('two', log)])
    expect(code).toBe(0)
    const [{ reports }] = JSON.parse(stdout)
    expect(reports.map(({ title }: { title: string }) => title)).toEqual([
      'WARNING in lkdtm_WARNING',
      'kernel BUG in lkdtm_BUG',
    ])
    expect(reports[1].circumstances).toMatchObject({ command: 'sh', taint: 'GW' })
    expect(log.subarray(reports[1].start, reports[1].stop).toString()).toContain('kernel BUG at')
  })

  test('reads compressed logs and stdin, and can make a report an exit code', async () => {
    const packed = written('kasan.gz', gzipSync(recorded('kasan')))
    const file = await klab(['crash', 'parse', '--exit-code', packed])
    expect(file).toMatchObject({ code: 100, stderr: '' })
    expect(file.stdout).toContain('KASAN: use-after-free Write in lkdtm_WRITE_AFTER_FREE')
    const clean = await klab(['crash', 'parse', '--exit-code', '-'], {
      input: recorded('clean-boot').toString('latin1'),
    })
    expect(clean).toMatchObject({ code: 0, stdout: '-: no reports\n', stderr: '' })
  })

  test.each([
    [
      'truncated',
      () => written('cut.gz', gzipSync(recorded('kasan')).subarray(0, 1000)),
      /cut\.gz/,
    ],
    ['foreign', () => process.execPath, /is no log: it is an ELF file/],
    [
      'encrypted',
      () => written('secret', randomBytes(100_000)),
      /secret is no log: it is not text/,
    ],
    ['absent', () => join(dir, 'absent'), /cannot read the log .*absent: there is no such file/],
    ['a directory', () => dir, /is a directory/],
  ])('says what is wrong with a file that is %s', async (_, make, said) => {
    const { code, stdout, stderr } = await klab(['crash', 'parse', make()])
    expect({ code, stdout }).toEqual({ code: 125, stdout: '' })
    expect(stderr.trim()).toMatch(said)
    expect(stderr.trim().split('\n').length).toBe(1)
  })
})

test('runs that see the same crash are counted together', async () => {
  const script = 'echo WARNING > /sys/kernel/debug/provoke-crash/DIRECT'
  const ids: string[] = []
  for (const more of ['', '; true']) {
    const { code, stdout } = await klab([
      ...['run', '-q', '--json', '--user', 'root', '--tree', testTree()],
      ...['--', 'sh', '-c', script + more],
    ])
    expect(code).toBe(100)
    ids.push(JSON.parse(stdout).id)
  }
  const list = JSON.parse((await klab(['crash', 'ls', '--json'])).stdout)
  const crash = list.find(({ title }: { title: string }) => title === 'WARNING in lkdtm_WARNING')
  expect(crash.runs).toBeGreaterThanOrEqual(2)
  const runs = JSON.parse((await klab(['crash', 'runs', '--json', crash.fingerprint])).stdout)
  expect(runs.map(({ id }: { id: string }) => id)).toEqual(expect.arrayContaining(ids))
  const shown = await klab(['crash', 'show', crash.fingerprint.slice(0, 8)])
  expect(shown.stdout).toMatch(/^WARNING in lkdtm_WARNING\n/)
  expect(shown.stdout).toContain('RIP: 0010:lkdtm_WARNING+0x')
  expect((await klab(['crash', 'show', 'no such title'])).stderr).toContain('klab crash ls')
})

describe('--on-crash', () => {
  const provoke = (what: string) => `echo ${what} > /sys/kernel/debug/provoke-crash/DIRECT`
  const crashing = (what: string, ...options: string[]) =>
    klab([
      ...['run', '-q', '--json', '--user', 'root', '--tree', testTree(), ...options, '--'],
      ...['sh', '-c', `${provoke(what)}; sleep 1; echo reached >&2`],
    ])

  test('ends the run when the report is complete, or lets it go on', async () => {
    const stopped = await crashing('WARNING')
    expect(stopped).toMatchObject({ code: 100, stderr: '' })
    const gone = await crashing('WARNING', '--on-crash', 'continue')
    expect(gone).toMatchObject({ code: 100, stderr: 'reached\n' })
    const allowed = await crashing('WARNING', '--allow-report', 'lkdtm_WARNING')
    expect(allowed).toMatchObject({ code: 0, stderr: 'reached\n' })
  })

  test.each(['PANIC', 'WARNING'])('dumps memory: %s', async (what) => {
    const { code, stdout } = await crashing(what, '--on-crash', 'dump')
    expect(code).toBe(100)
    const { consolePath } = JSON.parse(stdout)
    const { stdout: reports } = await klab([
      ...['dmesg', '--reports', join(dirname(consolePath), 'vmcore')],
    ])
    expect(reports).toMatch(
      what === 'PANIC' ? /kernel panic: dumptest/ : /WARNING in lkdtm_WARNING/,
    )
  })

  test.each(['PANIC', 'WARNING'])('leaves a VM that stays for inspection: %s', async (what) => {
    await using vms = new TestVms()
    const name = await vms.start('paused', '--on-crash', 'pause', '--memory', '128M')
    const exec = vms.exec(name, ['sh', '-c', `${provoke(what)}; sleep 60`])
    await vi.waitFor(
      async () => {
        const { qemu } = JSON.parse((await klab(['status', '--json', name])).stdout)
        expect(qemu).toMatch(/guest-panicked|paused/)
      },
      { timeout: 30_000, interval: 200 },
    )
    const path = join(dir, `${what}.dump`)
    expect((await klab(['dump', name, '-o', path])).code).toBe(0)
    expect((await klab(['dmesg', path])).stdout).toContain('lkdtm: Performing direct entry')
    await klab(['stop', '--force', name])
    await exec
  })

  test.each([
    ['PANIC', 'its name', /^panic +.* dumptest$/m],
    ['WARNING', 'Ctrl-C', /^tasks: \d+/m],
  ])('lets a run stand still for inspection: %s, ended by %s', async (what, by, seen) => {
    const run = startKlab([
      ...['run', '--user', 'root', '--tree', testTree(), '--on-crash', 'pause', '--'],
      ...['sh', '-c', `${provoke(what)}; sleep 60`],
    ])
    let said = ''
    run.stderr?.on('data', (chunk: Buffer) => (said += chunk.toString()))
    const over = once(run, 'exit')
    const name = await vi.waitFor(
      () => {
        const [, found] = /it stands still as (run-\w+):/.exec(said) ?? []
        if (found === undefined) throw new Error(said)
        return found
      },
      { timeout: 60_000, interval: 100 },
    )
    const inspected = await klab(['inspect', name])
    expect(inspected.stdout).toMatch(seen)
    if (by === 'Ctrl-C') run.kill('SIGINT')
    else expect((await klab(['rm', '--force', name])).code).toBe(0)
    expect((await over)[0]).toBe(100)
    expect((await klab(['ps', '--json'])).stdout).not.toContain(name)
  })

  test('is one of the words', async () => {
    const { code, stderr } = await klab(['run', '--on-crash', 'faint', '--', 'true'])
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: 'klab: --on-crash faint is not stop, continue, dump or pause\n',
    })
    const pause = ['--on-crash', 'pause']
    const often = await klab(['run', ...pause, '--repeat', '2', '--', 'true'])
    expect(often).toMatchObject({ code: 2 })
    expect(often.stderr).toContain('not with --repeat')
  })
})

describe('source lines', () => {
  // A program stands in for a kernel: the same symbols, the same debug information.
  const source = join(dir, 'kernel.c')
  const vmlinux = join(dir, 'vmlinux')
  const banner = 'Linux version 6.1.0-test '
  let log: string

  beforeAll(async () => {
    writeFileSync(
      source,
      `static inline __attribute__((always_inline)) int innermost(volatile int *p)
{
	return *p;
}
const char banner[] = "${banner}";
__attribute__((noinline)) int broken(volatile int *p)
{
	return innermost(p) + 1;
}
int main(void)
{
	return broken((int *)banner) + 2;
}
`,
    )
    await runOk('gcc', ['-g', '-O1', '-o', vmlinux, source])
    const symbols = (await runOk('nm', ['-n', vmlinux])).trim().split('\n')
    const at = symbols.findIndex((line) => line.endsWith(' broken'))
    const address = (index: number) => BigInt(`0x${symbols[index]?.split(' ')[0]}`)
    const size = (address(at + 1) - address(at)).toString(16)
    log = [
      'BUG: kernel NULL pointer dereference, address: 0000000000000000',
      'CPU: 0 PID: 1 Comm: test Not tainted 6.1.0-test #1',
      `RIP: 0010:broken+0x0/0x${size}`,
      'Call Trace:',
      ' <TASK>',
      ` broken+0x1/0x${size}`,
      ' elsewhere+0x1/0x2 [module]',
      ' </TASK>',
      '---[ end trace 0000000000000000 ]---',
      '',
    ].join('\n')
  })

  test('of each function, inlined ones too', async () => {
    const path = written('oops', Buffer.from(log))
    for (let round = 0; round < 2; round++) {
      const { code, stdout, stderr } = await klab(['crash', 'parse', '--vmlinux', vmlinux, path])
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
      expect(stdout).toMatch(
        / innermost \S*kernel\.c:3 \[inline\]\nRIP: 0010:broken\+0x0\/0x\w+ \S*kernel\.c:8\n/,
      )
      expect(stdout).toContain(' elsewhere+0x1/0x2 [module]\n')
    }
  })

  test('are refused from a kernel that is another one', async () => {
    const path = written('other', Buffer.from(log.replace('6.1.0-test', '6.1.1-other')))
    const other = join(dir, 'vmlinux-other')
    await runOk('cp', [vmlinux, other])
    const { code, stderr } = await klab(['crash', 'parse', '--vmlinux', other, path])
    expect(code).toBe(125)
    expect(stderr).toContain('is of 6.1.0-test, and the report is of 6.1.1-other')
  })
})

describe('klab logs analyse', () => {
  test('counts what a log says, with its reports and the stages of its boot', async () => {
    const log = written('panic', recorded('two-reports'))
    const { code, stdout } = await klab(['logs', 'analyse', '--json', log])
    expect(code).toBe(0)
    const [{ lines, reports, patterns }] = JSON.parse(stdout)
    expect(lines).toBe(recorded('two-reports').toString('latin1').trimEnd().split('\n').length)
    expect(reports).toContainEqual({ title: 'kernel BUG in lkdtm_BUG', count: 1 })
    expect(patterns[0]).toMatchObject({ class: 'error' })
    const boot = await klab(['logs', 'analyse', written('boot', recorded('clean-boot'))])
    expect(boot.stdout).toMatch(/^boot\n(?:.*\n)* .*init starts$/m)
  })

  test('tells what is new in the second of two', async () => {
    const one = written('one', Buffer.from('a: ready\nb: failed 1\n'))
    const other = written('other', gzipSync('a: ready\nb: failed 2\nc: timed out\n'))
    const { stdout } = await klab(['logs', 'analyse', '--compare', '--json', one, other])
    const { added, gone, changed } = JSON.parse(stdout)
    expect({ gone, changed }).toEqual({ gone: [], changed: [] })
    expect(added).toMatchObject([{ pattern: 'c: timed out', class: 'error', first: { line: 3 } }])
    const wrong = await klab(['logs', 'analyse', '--compare', one])
    expect(wrong).toMatchObject({ code: 2, stderr: 'klab: --compare takes two logs, and not 1\n' })
    const absent = await klab(['logs', 'analyse', join(dir, 'absent')])
    expect(absent.stderr).toMatch(/^klab: cannot read the log .*absent/)
  })
})
