import { mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, expect, test } from 'vitest'

import { TEST_HOME } from '../support/home.ts'
import { testTree } from '../support/kernels.ts'
import { processesNaming } from '../support/processes.ts'
import { CTRL_C, CTRL_D, TypedKlab } from '../support/typed.ts'

// State and sockets of its own, so that every process that names them is of these tests.
const home = mkdtempSync('/tmp/klab-typed-')
symlinkSync(join(TEST_HOME, 'cache'), join(home, 'cache'))
afterAll(() => rmSync(home, { recursive: true, force: true }))

const ASKED = 'trap "echo was asked; exit 3" INT; echo up; while :; do sleep 0.1; done'
const STUBBORN = 'trap "" INT; echo up; while :; do sleep 0.1; done'

const typed = (options: readonly string[], argv: readonly string[], after?: string) =>
  new TypedKlab(['run', '--tree', testTree(), ...options, '--', ...argv], {
    home,
    ...(after !== undefined && { after }),
  })

/** QEMU runs: it alone names the sockets of its VM. */
const booting = () => processesNaming(join(home, 'run')).length > 0

/** QEMU gets its signal when klab is gone, and then needs a moment. */
async function leftOver(): Promise<string[]> {
  for (let tries = 0; processesNaming(home).length > 0 && tries < 100; tries++) await sleep(50)
  return processesNaming(home)
}

test.each([[[]], [['--no-tty']], [['--fresh']]])(
  'Ctrl-C typed while klab run %j boots ends it at once',
  async (options) => {
    // A parameter of its own makes a template of its own, which takes its time.
    const own = `klab.typed=${process.pid}.${options.length}`
    await using run = typed([...options, '--append', own], ['sleep', '60'])
    await run.until(booting)
    run.type(CTRL_C)
    expect((await run.ended()).code).toBe(130)
    expect(await leftOver()).toEqual([])
  },
)

test.each([[[]], [['--no-tty']]])(
  'Ctrl-C typed while a command of klab run %j works is for the command, and the VM goes on',
  async (options) => {
    await using run = typed(options, ['sh', '-c', ASKED])
    await run.untilShown('up')
    run.type(CTRL_C)
    expect((await run.ended()).code).toBe(3)
    expect(run.shown).toContain('was asked')
  },
)

test('a second Ctrl-C ends the VM of a command that does not want to stop', async () => {
  await using run = typed(['--no-tty'], ['sh', '-c', STUBBORN])
  await run.untilShown('up')
  run.type(CTRL_C)
  await run.untilShown('asked the command to stop')
  run.type(CTRL_C)
  expect((await run.ended()).code).toBe(130)
})

test('~. at the start of a line ends the VM', async () => {
  await using run = typed([], ['sh', '-c', STUBBORN])
  await run.untilShown('up')
  run.type('\r')
  run.type('~.')
  expect((await run.ended()).code).toBe(129)
})

test('what is typed while klab boots is read by the command, and the terminal is as it was', async () => {
  await using run = typed(['--fresh'], ['cat'], 'stty -a')
  await run.until(booting)
  run.type('typed ahead\n')
  await run.untilShown('typed ahead')
  await run.until(() => run.shown.split('typed ahead').length > 2)
  run.type(CTRL_D)
  await run.ended()
  expect(run.shown).toMatch(/\sicanon/)
  expect(run.shown).toMatch(/\sopost/)
  expect(run.shown).toMatch(/\sisig/)
})
