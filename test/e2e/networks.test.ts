import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, describe, expect, test } from 'vitest'

import { runOk } from '../../src/host/index.ts'
import { runInVm } from '../../src/lab/run/run.ts'
import { TEST_HOME } from '../support/home.ts'
import { testTree } from '../support/kernels.ts'
import { klab } from '../support/klab.ts'
import { testLab, testRequest, uninterrupted } from '../support/request.ts'
import { TestVms } from '../support/vms.ts'

const run = (options: readonly string[], ...argv: string[]) =>
  klab(['run', '--no-stdin', '--tree', testTree(), ...options, '--', ...argv])

/** perl is in every Debian; python takes seconds to start when it is emulated. */
const SERVE = `use IO::Socket::INET; $s = IO::Socket::INET->new(Listen => 5, LocalPort => 80, ReuseAddr => 1) or die;
print "up\\n"; $| = 1; while ($c = $s->accept) { print $c "from the guest\\n"; close $c }`
const FETCH = `use IO::Socket::INET; $s = IO::Socket::INET->new(PeerAddr => $ARGV[0], Timeout => 5) or die "no\\n"; print <$s>`

describe('the network of a VM', () => {
  test('is none unless asked for', async () => {
    const result = await run([], 'ls', '/sys/class/net')
    expect(result.stdout).not.toContain('eth0')
  })

  test('of the user reaches this machine, restricted it does not', async () => {
    const server = createServer((socket) => socket.end('from the host\n')).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as { port: number }
    const fetch = ['perl', '-e', FETCH, `10.0.2.2:${port}`]
    expect(await run(['--net', 'user'], ...fetch)).toMatchObject({ stdout: 'from the host\n' })
    expect(await run(['--net', 'restrict'], ...fetch)).toMatchObject({ stdout: '' })
    server.close()
  })

  test('publishes ports, chooses free ones, and never the same', async () => {
    await using vms = new TestVms()
    const [a, b] = [vms.name('a'), vms.name('b')]
    const ports = await Promise.all(
      [a, b].map(async (name) => {
        const options = ['--net', 'user', '--publish', '0:80', '--tree', testTree()]
        const { stderr } = await klab(['start', name, ...options])
        return Number(/127\.0\.0\.1:(\d+) is port 80/.exec(stderr)?.[1])
      }),
    )
    expect(new Set(ports).size).toBe(2)
    // Also later, and for programs.
    const status = await klab(['status', a])
    expect(status.stdout).toContain(`port: tcp 127.0.0.1:${ports[0]} is port 80 of the guest\n`)
    expect(JSON.parse((await klab(['status', a, '--json'])).stdout)).toMatchObject({
      published: [{ protocol: 'tcp', address: '127.0.0.1', hostPort: ports[0], guestPort: 80 }],
    })
    const serving = klab(['exec', a, '--', 'perl', '-e', SERVE])
    let said = ''
    for (let tries = 0; said === '' && tries < 40; tries++) {
      await sleep(250)
      said = await fetchHere(ports[0] ?? 0)
    }
    expect(said).toBe('from the guest\n')
    const taken = await run(['--net', 'user', '--publish', `${ports[0]}:80`], 'true')
    expect(taken).toMatchObject({ code: 125, stderr: expect.stringContaining('another VM') })
    await klab(['rm', '--force', a])
    await serving
  })

  test('of a lab joins its own VMs, by name, and no others', async () => {
    await using vms = new TestVms()
    const red = `red${process.pid}`
    const blue = `blue${process.pid}`
    const [a1, a2, b1, b2] = await Promise.all([
      vms.start('a1', '--net', `lab:${red}`),
      vms.start('a2', '--net', `lab:${red}`),
      vms.start('b1', '--net', `lab:${blue}`),
      vms.start('b2', '--net', `lab:${blue}`),
    ])
    const ping = (from: string, to: string) =>
      klab(['exec', '--user', 'root', from, '--', 'ping', '-c', '2', '-W', '5', to])
    for (const [from, to] of [
      [a1, a2],
      [a2, a1],
      [b1, b2],
      [b2, b1],
    ] as const)
      expect(await ping(from, to)).toMatchObject({
        code: 0,
        stdout: expect.stringContaining(' 0% packet loss'),
      })
    expect((await ping(a1, b1)).code).not.toBe(0)
    // A segment is no leftover of a run, however old it is.
    const old = new Date(Date.now() - 3_600_000)
    utimesSync(join(TEST_HOME, 'run', 'segments'), old, old)
    await klab(['runs'])
    const a3 = await vms.start('a3', '--net', `lab:${red}`)
    expect((await ping(a3, a1)).code).toBe(0)
    const address = /inet (\S+)\//.exec(
      (await klab(['exec', '--user', 'root', b1, '--', 'ip', '-4', 'addr', 'show', 'eth0'])).stdout,
    )?.[1]
    expect((await ping(a1, address ?? '')).code).not.toBe(0)
  })

  test('of a lab begins when its VM does: a template that has to be made first is not waited for by its switch', async () => {
    const home = homeWithoutTemplates()
    const lab = await testLab(home)
    const segment = join(home, 'run/segments/late')
    const { vm, ...asked } = await testRequest(lab, ['true'], { net: 'lab:late' })
    const moments: [string, boolean][] = []
    const { outcome } = await runInVm(
      lab,
      { ...asked, vm: { ...vm, start: 'clone' } },
      {
        terminal: { stdout: () => undefined, stderr: () => undefined },
        interrupts: uninterrupted(),
        onEvent: (event) => {
          if (event.kind === 'template') moments.push([event.action, existsSync(segment)])
        },
      },
    )
    expect(outcome).toEqual({ kind: 'exited', code: 0 })
    expect(moments).toEqual([['made', false]])
    expect(existsSync(segment)).toBe(true)
  })

  test('of a lab joins two VMs that were started at once, before there was a template for them', async () => {
    const env = { KLAB_HOME: homeWithoutTemplates() }
    const names = ['first', 'second']
    const options = ['--tree', testTree(), '--net', 'lab:fresh']
    const started = names.map((name) => klab(['start', '-q', name, ...options], { env }))
    expect(await Promise.all(started)).toMatchObject([{ code: 0 }, { code: 0 }])
    const ping = ['ping', '-c', '2', '-W', '5']
    for (const [from = '', to = ''] of [names, names.toReversed()])
      expect(
        await klab(['exec', '--user', 'root', from, '--', ...ping, to], { env }),
      ).toMatchObject({ code: 0, stdout: expect.stringContaining(' 0% packet loss') })
    for (const name of names) await klab(['rm', '--force', name], { env })
  })

  test('carries on when a guest fills every channel with garbage', async () => {
    await using vms = new TestVms()
    const segment = `noisy${process.pid}`
    const [evil, a, b] = await Promise.all(
      ['evil', 'a', 'b'].map((name) => vms.start(name, '--net', `lab:${segment}`)),
    )
    const dir = mkdtempSync(join(tmpdir(), 'klab-noise-'))
    await runOk('gcc', ['-static', '-O1', '-o', join(dir, 'noise'), 'test/support/noise.c'])
    await klab(['cp', '-q', join(dir, 'noise'), `${evil}:/tmp/noise`])
    const noise = await klab(['exec', '--user', 'root', evil ?? '', '--', '/tmp/noise', '4'])
    expect(noise.code).toBe(0)
    expect(Number(/(\d+) frames/.exec(noise.stdout)?.[1])).toBeGreaterThan(100)
    const ping = await klab([
      'exec',
      '--user',
      'root',
      a ?? '',
      '--',
      'ping',
      '-c',
      '2',
      '-W',
      '5',
      b ?? '',
    ])
    expect(ping).toMatchObject({ code: 0 })
    expect((await klab(['exec', evil ?? '', '--', 'echo', 'still'])).stdout).toBe('still\n')
    expect((await klab(['status', evil ?? ''])).code).toBe(0)
    rmSync(dir, { recursive: true })
  })

  test.each([
    [['--net', 'nonsense'], 2, 'none of'],
    [['--net', 'lab:'], 2, 'none of'],
    [['--publish', '80:80'], 2, 'needs --net user'],
    [['--net', 'user', '--publish', 'x'], 2, 'is not'],
    [['--net', 'user', '--publish', '99999:1'], 2, 'is not'],
    [['--net', 'bridge=nosuchbridge'], 125, 'there is no bridge'],
  ])('%j is refused before a boot', async (options, code, text) => {
    const result = await run(options, 'true')
    expect(result).toMatchObject({ code, stderr: expect.stringContaining(text) })
    expect(result.stderr).not.toMatch(/exited/)
  })
})

const homes: string[] = []
afterAll(() => {
  for (const home of homes) rmSync(home, { recursive: true, force: true })
})

/** A KLAB_HOME with the kernels of the tests, and no template of any. */
function homeWithoutTemplates(): string {
  const home = mkdtempSync('/tmp/klab-fresh-')
  homes.push(home)
  mkdirSync(join(home, 'cache'))
  const cache = join(TEST_HOME, 'cache')
  for (const name of readdirSync(cache).filter((one) => one !== 'templates'))
    symlinkSync(join(cache, name), join(home, 'cache', name))
  return home
}

async function fetchHere(port: number): Promise<string> {
  const { connect } = await import('node:net')
  const socket = connect(port, '127.0.0.1')
  let text = ''
  socket.setTimeout(3_000, () => socket.destroy())
  try {
    for await (const chunk of socket) text += String(chunk)
  } catch {
    // Not up yet.
  }
  return text
}
