import { createHash, randomBytes } from 'node:crypto'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'

import { testTree } from '../support/kernels.ts'
import { klab } from '../support/klab.ts'
import { TestVms } from '../support/vms.ts'

const run = (argv: readonly string[], input?: string | Buffer | AsyncIterable<Uint8Array>) =>
  klab(['run', '-q', '--tree', testTree(), '--', ...argv], input === undefined ? {} : { input })

describe('a command in a VM', () => {
  test('has its own stdin, stdout, stderr and exit code', async () => {
    const result = await run(['sh', '-c', 'cat; echo complaint >&2; exit 7'], 'data\n')
    expect(result).toMatchObject({ code: 7, stdout: 'data\n', stderr: 'complaint\n' })
  })

  test('gives its exit code, also one that klab itself uses', async () => {
    const codes = [0, 1, 2, 99, 100, 124, 125, 126, 127, 128, 130, 255]
    for (const code of codes) expect((await run(['sh', '-c', `exit ${code}`])).code).toBe(code)
  })

  test('gives every exit code from 0 to 255', async () => {
    // In one VM: the way of a code is the same, and 256 VMs would take minutes.
    await using vms = new TestVms()
    const name = await vms.start('codes')
    const all = Array.from({ length: 256 }, (_, code) => code)
    const seen: (number | null)[] = []
    for (const code of all) seen.push((await vms.exec(name, ['sh', '-c', `exit ${code}`])).code)
    expect(seen).toEqual(all)
  })

  test.each([
    ['TERM', 143],
    ['KILL', 137],
    ['SEGV', 139],
  ])('ended by SIG%s exits %d', async (signal, code) => {
    const result = await klab(['run', '--tree', testTree(), '--', 'sh', '-c', `kill -${signal} $$`])
    expect(result.code).toBe(code)
    expect(result.stderr).toContain(`ended by SIG${signal}`)
  })

  test('reads 1 GiB from stdin without losing a byte', async () => {
    const block = randomBytes(1024 * 1024)
    const hash = createHash('sha256')
    for (let n = 0; n < 1024; n++) hash.update(block)
    async function* gibibyte() {
      for (let n = 0; n < 1024; n++) yield block
    }
    const result = await run(['sha256sum'], gibibyte())
    expect(result.stdout).toBe(`${hash.digest('hex')}  -\n`)
  })

  test('prints every byte there is', async () => {
    const all = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))
    const result = await run(['cat'], Buffer.concat([all, all, all]))
    expect(result.output.equals(Buffer.concat([all, all, all]))).toBe(true)
  })

  test('takes arguments of 100 KB, and any characters', async () => {
    const long = 'x'.repeat(100_000)
    const result = await run([
      'printf',
      '%s|',
      long,
      "a 'quoted' $word",
      'new\nline',
      'ünïcode',
      '',
    ])
    expect(result.stdout).toBe(`${long}|a 'quoted' $word|new\nline|ünïcode||`)
  })

  test('that does not exist is 127, that is not executable 126', async () => {
    const missing = await klab(['run', '--tree', testTree(), '--', '/no/such/program'])
    expect(missing.code).toBe(127)
    expect(missing.stderr).toContain('command not found in the guest')
    const plain = await klab(['run', '--tree', testTree(), '--', '/etc/passwd'])
    expect(plain.code).toBe(126)
    expect(plain.stderr).toContain('not executable')
  })

  test('four at once do not meet', async () => {
    const results = await Promise.all(
      [1, 2, 3, 4].map((n) => run(['sh', '-c', `sleep 1; echo ${n}; hostname`])),
    )
    expect(results.map(({ stdout }) => stdout.split('\n')[0])).toEqual(['1', '2', '3', '4'])
    expect(new Set(results.map(({ stdout }) => stdout.split('\n')[1])).size).toBe(4)
  })

  test('has the environment, user and directory that were asked for', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'klab-cwd-'))
    chmodSync(dir, 0o755)
    const result = await klab(
      [
        'run',
        '-q',
        '--tree',
        testTree(),
        '--env',
        'ASKED=for',
        '--user',
        'nobody',
        '--',
        'sh',
        '-c',
        'pwd; id -un; echo $ASKED$SECRET_TOKEN',
      ],
      { cwd: dir, env: { SECRET_TOKEN: 'not for the guest' } },
    )
    expect(result.stdout).toBe(`${dir}\nnobody\nfor\n`)
    rmSync(dir, { recursive: true })
  })

  test('is limited in time, and in silence', async () => {
    const timed = await klab(['run', '--tree', testTree(), '--timeout', '2s', '--', 'sleep', '100'])
    expect(timed.code).toBe(124)
    expect(timed.stderr).toContain('timed out after 2.00s')
    const silent = await klab([
      'run',
      '--tree',
      testTree(),
      '--idle-timeout',
      '2s',
      '--',
      'sleep',
      '100',
    ])
    expect(silent.code).toBe(124)
    expect(silent.stderr).toContain('hung: silent for')
  })

  test('is described as JSON and as events', async () => {
    const json = await klab([
      'run',
      '--json',
      '--tree',
      testTree(),
      '--',
      'sh',
      '-c',
      'echo out; exit 3',
    ])
    expect(json.stderr).toContain('out\n')
    const result = JSON.parse(json.stdout)
    expect(result).toMatchObject({ exitCode: 3, outcome: { kind: 'exited', code: 3 } })
    expect(Object.keys(result.phases)).toEqual(['process', 'restore', 'agent', 'root', 'command'])
    const booted = await klab(['run', '--json', '--fresh', '--tree', testTree(), '--', 'true'])
    expect(Object.keys(JSON.parse(booted.stdout).phases)).toEqual([
      ...['process', 'console', 'kernel', 'agent', 'root', 'command'],
    ])
    const events = await klab(['run', '--events', '--tree', testTree(), '--', 'true'])
    const kinds = events.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).kind)
    expect(kinds).toEqual(
      expect.arrayContaining(['kernel', 'accelerator', 'run', 'phase', 'outcome']),
    )
    const stored = await klab(['runs', 'show', result.id, '--json'])
    expect(JSON.parse(stored.stdout)).toMatchObject({
      id: result.id,
      exitCode: 3,
      argv: ['sh', '-c', 'echo out; exit 3'],
    })
    const console = await klab(['runs', 'show', result.id, '--console'])
    expect(console.stdout).toContain('Linux version 6.')
  })
})

describe('the root of the guest', () => {
  test('is a copy: what is deleted or written there is there alone', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'klab-copy-'))
    writeFileSync(join(dir, 'kept'), 'host')
    const script = `echo guest > kept; echo new > new; timeout 10 rm -rf --no-preserve-root / 2>/dev/null; test -e ${dir}/kept || echo gone`
    // rm itself goes with the rest, so the shell's own words tell.
    const result = await klab(
      [
        'run',
        '-q',
        '--tree',
        testTree(),
        '--user',
        'root',
        '--',
        'sh',
        '-c',
        `rm -rf ${dir}; ${script}`,
      ],
      { cwd: dir },
    )
    expect(result.stdout).toContain('gone')
    const { readdirSync, readFileSync } = await import('node:fs')
    expect(readdirSync(dir)).toEqual(['kept'])
    expect(readFileSync(join(dir, 'kept'), 'utf8')).toBe('host')
    expect(readdirSync('/usr/bin').length).toBeGreaterThan(100)
    rmSync(dir, { recursive: true })
  })

  test('has shares: ro refuses, rw reaches the host, cow forgets', async () => {
    const { mkdirSync, readFileSync } = await import('node:fs')
    const dir = mkdtempSync(join(tmpdir(), 'klab-share-'))
    for (const name of ['ro', 'rw', 'cow']) {
      mkdirSync(join(dir, name))
      writeFileSync(join(dir, name, 'file'), 'host')
    }
    const shares = ['ro', 'rw', 'cow'].flatMap((mode) => [
      '--share',
      `${mode}:${join(dir, mode)}:/mnt/${mode}`,
    ])
    const script =
      'for m in ro rw cow; do mount -o remount,rw /mnt/$m 2>/dev/null; (echo guest > /mnt/$m/file) 2>/dev/null && echo $m; done'
    const result = await klab([
      'run',
      '-q',
      '--tree',
      testTree(),
      '--user',
      'root',
      ...shares,
      '--',
      'sh',
      '-c',
      script,
    ])
    expect(result.stdout).toBe('rw\ncow\n')
    const contents = ['ro', 'rw', 'cow'].map((mode) =>
      readFileSync(join(dir, mode, 'file'), 'utf8').trim(),
    )
    expect(contents).toEqual(['host', 'guest', 'host'])
    rmSync(dir, { recursive: true })
  })

  test('holds no keys, no credentials, no process of the host', async () => {
    const { mkdirSync } = await import('node:fs')
    const home = mkdtempSync(join(tmpdir(), 'klab-home-'))
    for (const dir of ['.ssh', '.aws', '.gnupg']) {
      mkdirSync(join(home, dir))
      writeFileSync(join(home, dir, 'secret'), 'secret')
    }
    writeFileSync(join(home, '.netrc'), 'secret')
    writeFileSync(join(home, 'harmless'), 'seen')
    const script = `cat ${home}/.ssh/* ${home}/.aws/* ${home}/.gnupg/* ${home}/.netrc 2>/dev/null; cat ${home}/harmless; ls /proc/${process.pid} 2>/dev/null`
    const result = await klab(['run', '-q', '--tree', testTree(), '--', 'sh', '-c', script], {
      env: { HOME: home, XDG_CACHE_HOME: '' },
    })
    expect(result.stdout).toBe('seen')
    rmSync(home, { recursive: true })
  })
})
