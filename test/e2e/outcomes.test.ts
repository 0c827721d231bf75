import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'

import { TEST_HOME } from '../support/home.ts'
import { testTree } from '../support/kernels.ts'
import { klab } from '../support/klab.ts'
import { processesNaming } from '../support/processes.ts'
import { UNANNOUNCED } from '../support/unannounced.ts'

const asRoot = (script: string, ...options: string[]) =>
  klab(['run', '--tree', testTree(), '--user', 'root', ...options, '--', 'sh', '-c', script])
const provoke = (what: string) => `echo ${what} > /sys/kernel/debug/provoke-crash/DIRECT`

describe('a kernel that complains', () => {
  test.each([
    ['WARNING', /crashed: WARNING in lkdtm_WARNING/],
    ['BUG', /crashed: kernel BUG in lkdtm_BUG/],
    [
      'EXCEPTION',
      /crashed: BUG: unable to handle kernel NULL pointer dereference in lkdtm_EXCEPTION/,
    ],
    ['PANIC', /crashed: kernel panic: dumptest/],
  ])('makes the run crashed: %s', async (what, title) => {
    const result = await asRoot(`${provoke(what)}; exit 0`)
    expect(result.code).toBe(100)
    expect(result.stderr).toMatch(title)
  })

  test('is heard just after the command, too', async () => {
    const result = await asRoot(
      `(sleep 0.02; ${provoke('WARNING')}) >/dev/null 2>&1 & exit 0`,
      '--grace',
      '2s',
    )
    expect(result.code).toBe(100)
  })

  test('is excused for what is allowed', async () => {
    const result = await asRoot(`${provoke('WARNING')}; exit 5`, '--allow-report', 'lkdtm_WARNING')
    expect(result.code).toBe(5)
    expect(result.stderr).toContain(
      'kernel report (allowed: asked for on the command line): WARNING in lkdtm_WARNING',
    )
  })

  test('is recorded with its report', async () => {
    const result = await asRoot(provoke('WARNING'), '--json')
    const { id } = JSON.parse(result.stdout)
    const shown = JSON.parse((await klab(['runs', 'show', id, '--json'])).stdout)
    expect(shown.outcome.kind).toBe('crashed')
    expect(shown.reports[0].title).toBe('WARNING in lkdtm_WARNING')
    expect(shown.reports[0].text).toContain('Call Trace')
    const listed = JSON.parse((await klab(['runs', '--outcome', 'crashed', '--json'])).stdout)
    expect(listed.map((run: { id: string }) => run.id)).toContain(id)
  })
})

describe('a guest that goes away', () => {
  test.each([
    ['is reset', 'echo b > /proc/sysrq-trigger; sleep 10'],
    [
      'kills its agent and is reset',
      'kill -9 1; sleep 1; echo still here; echo b > /proc/sysrq-trigger; sleep 10',
    ],
    ['reboots without a word', UNANNOUNCED],
  ])('and %s has crashed', async (_, script) => {
    const result = await asRoot(script, '--json')
    expect(result.code).toBe(100)
    const { id, outcome } = JSON.parse(result.stdout)
    expect(outcome.report).toMatchObject({ title: 'unexpected kernel reboot', kind: 'REBOOT' })
    const crash = await klab(['crash', 'show', outcome.report.fingerprint, '--json'])
    expect(crash.stdout).toContain(id)
    const allowed = await asRoot(script, '--allow-report', 'unexpected')
    expect(allowed).toMatchObject({ code: 125, stderr: expect.stringContaining('lost: ') })
  })

  test.each([
    ['reboots', 'reboot -f; sleep 10', 'lost: the guest rebooted itself, which --reboot allows,'],
    ['powers off', 'poweroff -f; sleep 10', 'lost: the guest powered itself off'],
  ])('and %s because it was told to says nothing of its kernel', async (_, script, reason) => {
    const result = await asRoot(script)
    expect(result).toMatchObject({ code: 125, stderr: expect.stringContaining(reason) })
  })

  test('does not when its console shows that a kernel is booted', async () => {
    expect(await asRoot('echo Booting the kernel. > /dev/kmsg')).toMatchObject({ code: 0 })
  })
})

describe('a boot that fails says why', () => {
  const boot = (...options: string[]) =>
    klab(['run', '--tree', testTree(), ...options, '--', 'true'])

  test('a kernel that panics before init', async () => {
    const result = await boot(
      '--append',
      'rdinit=/no/init',
      '--append',
      'init=/no/init',
      '--append',
      'panic_on_warn=0',
    )
    expect(result.code).toBe(125)
    expect(result.stderr).toMatch(/boot failed \(agent\): .*(unable to mount its root|panicked)/)
  })

  test('a kernel that never prints', async () => {
    const image = join(TEST_HOME, 'silent-image')
    const [id = ''] = (await klab(['build', '-q', '--tree', testTree()])).stdout.split('\n')
    const bytes = readFileSync(join(TEST_HOME, 'cache', 'kernels', id, 'image'))
    // `jmp .` at both entries of the protected-mode part (Documentation/arch/x86/boot.rst).
    const start = (bytes.readUInt8(0x1f1) + 1) * 512
    for (const entry of [start, start + 0x200]) bytes.writeUInt16BE(0xebfe, entry)
    writeFileSync(image, bytes)
    const result = await klab(['run', '--kernel', image, '--boot-timeout', '1s', '--', 'true'])
    expect(result.code).toBe(125)
    expect(result.stderr).toMatch(
      /boot failed \(console\): no output on the console within \d\.\d+s: not a kernel/,
    )
  })

  test('memory that is not there', async () => {
    const result = await boot('--memory', '4T')
    expect(result.code).toBe(125)
    expect(result.stderr).toMatch(/wants 4194304 MiB of memory and this machine has \d+ MiB free/)
  })

  test('leaves nothing behind', async () => {
    const result = await boot('--append', 'rdinit=/no', '--json')
    const { id, outcome } = JSON.parse(result.stdout)
    expect(outcome.kind).toBe('boot-failed')
    expect(existsSync(join(TEST_HOME, 'run', id))).toBe(false)
    expect(processesNaming(`/${id}/`)).toEqual([])
  })
})

test('KVM that does not work is refused at once, with the reason', async () => {
  const result = await klab(['run', '--tree', testTree(), '--accel', 'kvm', '--', 'true'])
  const doctor = JSON.parse((await klab(['doctor', '--json'])).stdout)
  const kvm = doctor.findings.find((finding: { name: string }) => finding.name === 'KVM')
  // Where KVM does work, the run does.
  if (kvm.state === 'ok') expect(result.code).toBe(0)
  else {
    expect(result.code).toBe(125)
    expect(result.stderr).toContain('KVM was asked for, but does not work here')
  }
})
