import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'

import { run } from '../../src/host/index.ts'
import { TEST_HOME } from '../support/home.ts'
import { klab } from '../support/klab.ts'
import { TestVms } from '../support/vms.ts'

test('ssh, scp and rsync reach a VM without any network, and warn of nothing', async () => {
  await using vms = new TestVms()
  const name = await vms.start('ssh')
  const config = (await klab(['ssh-config'])).stdout.trim()
  const ssh = await run('ssh', ['-F', config, `klab-${name}`, 'hostname; cat; exit 3'], {
    input: 'through\n',
    timeoutMs: 60_000,
  })
  expect(ssh).toMatchObject({
    exit: { kind: 'exited', code: 3 },
    stdout: `${name}\nthrough\n`,
    stderr: '',
  })

  const dir = mkdtempSync(join(tmpdir(), 'klab-ssh-'))
  writeFileSync(join(dir, 'file'), 'content\n')
  const rsync = await run(
    'rsync',
    ['-a', '-e', `ssh -F ${config}`, `${dir}/`, `klab-${name}:/tmp/synced/`],
    { timeoutMs: 60_000 },
  )
  expect(rsync.exit).toEqual({ kind: 'exited', code: 0 })
  const scp = await run(
    'scp',
    ['-q', '-F', config, `klab-${name}:/tmp/synced/file`, join(dir, 'back')],
    { timeoutMs: 60_000 },
  )
  expect(scp.exit).toEqual({ kind: 'exited', code: 0 })
  expect(readFileSync(join(dir, 'back'), 'utf8')).toBe('content\n')
  rmSync(dir, { recursive: true })

  expect(statSync(join(TEST_HOME, 'state/ssh/id_ed25519')).mode & 0o777).toBe(0o600)
  expect((await klab(['ssh', name, 'exit', '5'])).code).toBe(5)
})

test('a VM that is not who it was is refused', async () => {
  await using vms = new TestVms()
  const name = await vms.start('imposter')
  const config = (await klab(['ssh-config'])).stdout.trim()
  await run('ssh', ['-F', config, `klab-${name}`, 'true'], { timeoutMs: 60_000 })
  // Another host key in the guest than the one that klab knows.
  const script =
    'rm /run/klab-ssh/host_key; ssh-keygen -q -t ed25519 -N "" -f /run/klab-ssh/host_key'
  const swapped = await klab(['exec', '--user', 'root', name, '--', 'sh', '-c', script])
  expect(swapped.code).toBe(0)
  const refused = await run('ssh', ['-F', config, `klab-${name}`, 'true'], { timeoutMs: 60_000 })
  expect(refused.exit).toEqual({ kind: 'exited', code: 255 })
  expect(refused.stderr).toMatch(/host key|identification/i)
})

test('a VM that is not there gets one sentence', async () => {
  const result = await klab(['ssh', 'nosuchvm'])
  expect(result).toMatchObject({ code: 125, stderr: expect.stringContaining('no VM nosuchvm') })
})

test('klab ssh does not try again what cannot succeed', async () => {
  await using vms = new TestVms()
  const name = await vms.start('paused')
  await klab(['pause', name])
  const { code, stderr } = await klab(['ssh', name, 'true'])
  expect(code).toBe(255)
  expect(stderr).toContain('is paused')
  expect(stderr).not.toContain('once more')
})

test('klab ssh does not try again a login that was refused, nor a command that has run', async () => {
  await using vms = new TestVms()
  const name = await vms.start('refusing')
  const refused = await klab(['ssh', `nobody-${process.pid}@${name}`, 'true'])
  expect(refused).toMatchObject({ code: 255, stderr: expect.stringMatching(/denied|closed/i) })
  const script = 'echo once >> /tmp/times; exit 255'
  const ran = await klab(['ssh', `root@${name}`, script])
  expect(ran.code).toBe(255)
  for (const { stderr } of [refused, ran]) expect(stderr).not.toContain('once more')
  expect((await vms.exec(name, ['cat', '/tmp/times'])).stdout).toBe('once\n')
  expect(readdirSync(join(TEST_HOME, 'state/ssh')).filter((file) => /^[.]klab/.test(file))).toEqual(
    [],
  )
})
