import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { TEST_HOME } from '../support/home.ts'
import { testTree } from '../support/kernels.ts'
import { klab, startKlab } from '../support/klab.ts'
import { listed, TestVms } from '../support/vms.ts'

/** Takes the options of drgn 0.2, and asks the VM how it is. */
const DRGN = `#!${process.execPath}
const [first, socket, ...rest] = process.argv.slice(2)
if (first === '--help') {
  console.log('usage: drgn [-c PATH | --qemu ADDRESS]')
} else {
  console.log(first, 'SOCKET', rest[0])
  console.log(rest[1])
  const qmp = require('node:net').connect(socket)
  let text = ''
  qmp.on('data', (data) => {
    text += data
    const lines = text.split('\\n')
    if (lines.length < 4) return
    console.log(lines[1] + '\\n' + lines[2])
    qmp.destroy()
  })
  qmp.write('{"execute": "qmp_capabilities"} {"execute": "query-status"}')
}
`

const dir = mkdtempSync(join(tmpdir(), 'klab-dump-'))
afterAll(() => rmSync(dir, { recursive: true }))

/** The time and the text of each line; the console has a caller too. */
function said(log: string): string[] {
  return log
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.replace(/^\[ *([\d.]+)\](?:\[ *\w+\])? /, '$1 '))
}

describe.each(['elf', 'kdump'])('a dump in the format %s', (format) => {
  const path = join(dir, `dump.${format}`)
  let log: string
  let after: string
  let facts: { release?: string; format: string; bytes: number }

  beforeAll(async () => {
    await using vms = new TestVms()
    const name = await vms.start('dumped', '--memory', '256M')
    await vms.exec(name, ['sh', '-c', 'echo "said in the guest" > /dev/kmsg'])
    log = (await vms.exec(name, ['dmesg'])).stdout
    const dumped = await klab(['dump', name, '-o', path, '--format', format, '--json'])
    facts = JSON.parse(dumped.stdout)
    after = (await vms.exec(name, ['echo', 'alive'])).stdout
  })

  test('tells its kernel, and is for its owner alone', () => {
    expect(facts).toMatchObject({ format, release: expect.stringContaining('-klab') })
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(facts.bytes).toBe(statSync(path).size)
    // And the VM goes on.
    expect(after).toBe('alive\n')
  })

  test('gives the log of the kernel back', async () => {
    const { code, stdout, stderr } = await klab(['dmesg', path])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const before = said(log)
    expect(before.some((line) => line.endsWith(' said in the guest'))).toBe(true)
    // The kernel may have said more since.
    expect(said(stdout).slice(0, before.length)).toEqual(before)
  })

  test('says so when it is cut off', async () => {
    const cut = join(dir, `cut.${format}`)
    for (const bytes of [5000, 100_000, statSync(path).size - 1_000_000]) {
      writeFileSync(cut, readFileSync(path).subarray(0, bytes))
      const { code, stdout, stderr } = await klab(['dmesg', cut])
      // What is needed may be in the part that is there.
      if (code === 0) expect(stdout).toContain('Linux version')
      else expect(stderr).toMatch(/^klab: cannot read the dump .*\n$/)
    }
  })

  test('is never believed', async () => {
    const damaged = join(dir, `damaged.${format}`)
    const original = readFileSync(path).subarray(0, 8 * 1024 * 1024)
    for (let seed = 1; seed <= 12; seed++) {
      const bytes = Buffer.from(original)
      // In what says where things are: the headers.
      for (let change = 0; change < 6; change++)
        bytes[(seed * 7919 + change * 104_729) % 4096] = (seed * 31 + change * 17) & 0xff
      writeFileSync(damaged, bytes)
      const { code, stderr } = await klab(['dmesg', damaged])
      expect([0, 125]).toContain(code)
      expect(stderr).not.toContain('bug in klab')
      expect(stderr.split('\n').length).toBeLessThanOrEqual(2)
    }
    truncateSync(damaged, 10)
    expect((await klab(['dmesg', damaged])).stderr).toContain('too few for a dump')
  })
})

test('what makedumpfile filters and packs is read as well', async () => {
  const [whole, packed] = [join(dir, 'whole'), join(dir, 'packed')]
  await using vms = new TestVms()
  await klab(['dump', await vms.start('filtered', '--memory', '128M'), '-o', whole])
  expect(spawnSync('makedumpfile', ['-l', '-d', '31', whole, packed]).status).toBe(0)
  expect(statSync(packed).size).toBeLessThan(statSync(whole).blocks * 512)
  expect((await klab(['dmesg', packed])).stdout).toBe((await klab(['dmesg', whole])).stdout)
  const inspected = await Promise.all([whole, packed].map((path) => klab(['inspect', path])))
  expect(inspected[0]?.stdout).toMatch(/^tasks: \d+/m)
  expect(inspected[1]?.stdout).toBe(inspected[0]?.stdout)
})

test('what is no dump, and no VM, is said', async () => {
  expect((await klab(['dmesg', process.execPath])).stderr).toContain('no core dump')
  expect((await klab(['dmesg', join(dir, 'absent')])).stderr).toContain('there is no such file')
  expect((await klab(['dmesg', dir])).stderr).toMatch(/cannot (?:open|read) the dump/)
  expect((await klab(['dump', 'no-such-vm'])).code).toBe(125)
})

test('a dump that finds no room leaves nothing', async () => {
  await using vms = new TestVms()
  const name = await vms.start('no-room', '--memory', '128M')
  const { code, stderr } = await klab(['dump', name, '-o', '/proc/dump'])
  expect(code).toBe(125)
  expect(stderr).toMatch(/^klab: .*\n$/)
})

describe('klab inspect', () => {
  const path = join(dir, 'inspected')

  beforeAll(async () => {
    await using vms = new TestVms()
    const name = await vms.start('inspected', '--memory', '256M')
    const waiting = 'exec sh -c "echo HUNG_TASK > /sys/kernel/debug/provoke-crash/DIRECT"'
    // Its shell has to come as far as that first.
    const until = 'until grep -q HUNG_TASK /proc/$!/wchan; do sleep 0.1; done'
    await vms.exec(name, ['sh', '-c', `(${waiting}) > /dev/null 2>&1 & ${until}`])
    await klab(['dump', name, '-o', path])
  })

  test('tells what tasks wait for, and what CPUs do', async () => {
    const { code, stdout, stderr } = await klab(['inspect', path, '--json'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const { release, state } = JSON.parse(stdout)
    expect(release).toContain('-klab')
    expect(state.cpus).toHaveLength(2)
    expect(state.stacks).toHaveLength(1)
    expect(state.stacks[0].task).toMatchObject({ command: 'sh', state: 'D', isKernel: false })
    expect(state.stacks[0].stack.join('\n')).toMatch(/ lkdtm_HUNG_TASK\+0x\w+\/0x\w+\n/)
    expect(state.stacks[0].stack.at(-1)).toMatch(/ entry_SYSCALL_64_after_hwframe\+/)
    const names = state.tasks.map(({ command }: { command: string }) => command)
    expect(names).toEqual(expect.arrayContaining(['swapper/0', 'init', 'kthreadd', 'sh']))
    expect(state.memory.total).toBeGreaterThan(200 * 1024 * 1024)
    expect(state.memory.free).toBeLessThan(state.memory.total)
  })

  test('without a vmlinux tells when the log ends, and no uptime', async () => {
    const env = { KLAB_HOME: join(dir, 'empty') }
    const { code, stdout } = await klab(['inspect', path], { env })
    expect(code).toBe(0)
    expect(stdout).toMatch(/^last line \S+ after the boot$/m)
    expect(stdout).not.toContain('uptime')
    expect(JSON.parse((await klab(['inspect', path, '--json'], { env })).stdout)).toMatchObject({
      lastLine: expect.any(Number),
    })
  })

  test('does not open crash where it must fail: on a kernel without debug information', async () => {
    expect(await klab(['inspect', path, '--with', 'crash'])).toMatchObject({
      code: 125,
      stderr: expect.stringMatching(
        /^klab: crash needs debug information, and \S+ has none: .*\n$/,
      ),
    })
  })

  test('reads the memory of a VM that runs', async () => {
    await using vms = new TestVms()
    const name = await vms.start('live', '--memory', '128M')
    const { code, stdout } = await klab(['inspect', name, '--tasks'])
    expect(code).toBe(0)
    expect(stdout).toMatch(/^CPU 1: swapper\/1 \(0\)\n(?: .*\n)* do_idle\+/m)
    expect(stdout).toMatch(/^2 +2 +S +\[kthreadd\]$/m)
    expect((await vms.exec(name, ['echo', 'alive'])).stdout).toBe('alive\n')
  })

  test('opens a debugger on it, with its symbols', async () => {
    const input = 'x/s &linux_banner\ninfo threads\nquit\n'
    const { code, stdout } = await klab(['inspect', path, '--with', 'gdb'], { input })
    expect(code).toBe(0)
    expect(stdout).toMatch(/<linux_banner>:\s+"Linux version \d/)
    expect(stdout).toMatch(/ LWP 2 /)
    const unknown = await klab(['inspect', path, '--with', 'spoon'])
    expect(unknown).toMatchObject({
      code: 2,
      stderr: 'klab: --with spoon is not crash, drgn or gdb\n',
    })
  })

  test('lets drgn look into a VM that runs, by a QMP of its own', async () => {
    await using vms = new TestVms()
    const name = await vms.start('looked-at', '--memory', '128M')
    // drgn is no package of Debian 12: this one says what it is given, and what it finds there.
    const bin = join(dir, 'bin')
    mkdirSync(bin, { recursive: true })
    writeFileSync(join(bin, 'drgn'), DRGN, { mode: 0o755 })
    const { code, stdout } = await klab(['inspect', name, '--with', 'drgn'], {
      env: { PATH: `${bin}:${process.env['PATH']}` },
    })
    expect(code).toBe(0)
    const [args, symbols, , answer = ''] = stdout.split('\n')
    expect(args).toBe('--qemu SOCKET -s')
    expect(symbols).toMatch(/\/vmlinux$/)
    expect(JSON.parse(answer)).toMatchObject({ return: { status: 'running' } })
    expect((await vms.exec(name, ['echo', 'alive'])).stdout).toBe('alive\n')
  })

  test('refuses the symbols of another kernel, and what is neither dump nor VM', async () => {
    const other = await klab(['inspect', path, '--vmlinux', '/bin/true'])
    expect(other.code).toBe(125)
    expect(other.stderr).toMatch(
      /^klab: \/bin\/true is of another kernel than .*: its build id is \w+, that of the dump is \w+\n$/,
    )
    expect((await klab(['inspect', path, '--vmlinux', dir])).stderr).toMatch(/^klab: .*\n$/)
    expect((await klab(['inspect', 'no-such-vm'])).stderr).toContain('no dump and no VM')
    expect((await klab(['inspect', process.execPath])).stderr).toContain('no core dump')
  })
})

describe('the log of a VM', () => {
  const vms = new TestVms()
  let name = ''
  let runDir = ''
  /** Copies of its memory among the files of its run. */
  const copies = () => readdirSync(runDir).filter((file) => file.startsWith('.klab-'))

  beforeAll(async () => {
    name = await vms.start('spoken', '--memory', '512M')
    runDir = join(TEST_HOME, 'state/runs', (await listed(name))?.runId ?? '')
    await vms.exec(name, ['sh', '-c', 'head -c 150M /dev/urandom > /dev/shm/full'])
    await klab(['exec', '--user', 'root', name, '--', 'sh', '-c', 'echo guest speaks > /dev/kmsg'])
  })
  afterAll(async () => await vms[Symbol.asyncDispose]())

  test('is read from its memory, also when its guest does nothing', async () => {
    await klab(['pause', name])
    const { code, stdout, stderr } = await klab(['dmesg', name])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/^\[.*Linux version 6[^]* guest speaks$/m)
    expect(copies()).toEqual([])
    expect(await listed(name)).toMatchObject({ state: 'paused' })
    await klab(['resume', name])
    expect((await vms.exec(name, ['echo', 'alive'])).stdout).toBe('alive\n')
  })

  test('is analysed on its console', async () => {
    const { code, stdout } = await klab(['logs', 'analyse', name])
    expect(code).toBe(0)
    expect(stdout.startsWith(`${runDir}/console.log: `)).toBe(true)
    const both = await klab(['logs', 'analyse', '--compare', name, name])
    expect(both.stdout).toMatch(/new in the second: none/)
  })

  test('is that of a file with its name, where there is one', async () => {
    const cwd = mkdtempSync(join(dir, 'cwd-'))
    writeFileSync(join(cwd, name), 'a line\nanother\n')
    expect((await klab(['dmesg', name], { cwd })).stderr).toContain('too few for a dump')
    const { stdout } = await klab(['logs', 'analyse', name], { cwd })
    expect(stdout).toMatch(new RegExp(`^${name}: 2 lines`))
    expect((await klab(['dmesg', `./${name}`])).stderr).toContain('there is no such file')
  })

  test.each(['dmesg', 'inspect', 'dump'])(
    'Ctrl-C in klab %s leaves no copy of the memory, and the VM goes on',
    async (command) => {
      const cwd = mkdtempSync(join(dir, 'stopped-'))
      const child = startKlab([command, name], { cwd })
      const ended = once(child, 'close')
      const begun = () =>
        [...readdirSync(cwd), ...copies().flatMap((copy) => readdirSync(join(runDir, copy)))]
          .length > 0
      while (!begun() && child.exitCode === null) await sleep(5)
      child.kill('SIGINT')
      expect(await ended).toEqual([130, null])
      expect([copies(), readdirSync(cwd)]).toEqual([[], []])
      // QEMU cannot be kept from writing all of it, into what is no file any more.
      for (let tries = 0; (await listed(name))?.state === 'paused' && tries < 300; tries++)
        await sleep(50)
      expect((await vms.exec(name, ['echo', 'alive'])).stdout).toBe('alive\n')
    },
  )

  test('that is stopped, and of none, is told with what there is instead', async () => {
    await klab(['stop', '--force', name])
    const { code, stderr } = await klab(['dmesg', name])
    expect(code).toBe(125)
    expect(stderr).toMatch(
      /^klab: \S+ does not run, and has left no dump of its memory .*; klab runs show \w+ --console shows what it printed\n$/,
    )
    expect((await klab(['logs', 'analyse', name])).code).toBe(0)
    for (const command of [['dmesg'], ['logs', 'analyse']])
      expect(await klab([...command, 'no-such'])).toMatchObject({
        ...{ code: 125 },
        stderr:
          'klab: no-such is no file and no VM, and there is no run no-such; klab runs lists them\n',
      })
  })
})

test('the log of a run is found by its id, while it goes on and after it has crashed', async () => {
  const panic = 'read go; echo PANIC > /sys/kernel/debug/provoke-crash/DIRECT'
  const child = startKlab(
    [
      ...['run', '--events', '--tree', testTree(), '--memory', '256M', '--on-crash', 'dump'],
      ...['--user', 'root', '--', 'sh', '-c', `echo from the run > /dev/kmsg; ${panic}`],
    ],
    { input: '' },
  )
  child.stderr?.resume()
  let events = ''
  child.stdout?.on('data', (chunk: Buffer) => {
    events += chunk.toString()
  })
  const ended = once(child, 'close')
  const id = () => /"kind":"run","id":"(\w+)"/.exec(events)?.[1] ?? ''
  while (id() === '' || !(await listed(`run-${id()}`))) await sleep(20)
  // It is in the list while its command begins.
  let live = ''
  while (!live.includes('from the run')) live = (await klab(['dmesg', `run-${id()}`])).stdout
  expect(live).toContain('Linux version')
  expect(live).not.toContain('Kernel panic')
  child.stdin?.end('go\n')
  expect(await ended).toEqual([100, null])
  for (const name of [id(), `run-${id()}`, id().slice(0, 7)]) {
    expect((await klab(['dmesg', name])).stdout).toContain('Kernel panic')
    expect((await klab(['logs', 'analyse', name])).stdout).toMatch(
      /\nreports\n[^]*(?:panic|lkdtm)/i,
    )
  }
})
