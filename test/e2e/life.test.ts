import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'

import { run, runOk } from '../../src/host/index.ts'
import { runInVm } from '../../src/lab/run/run.ts'
import { TEST_HOME } from '../support/home.ts'
import { testTree } from '../support/kernels.ts'
import { testLab, testRequest, uninterrupted } from '../support/request.ts'
import { processesNaming } from '../support/processes.ts'
import { klab, startKlab } from '../support/klab.ts'

/** Processes of a run. */
const processesOf = (id: string) => processesNaming(`/${id}/`)

/** Starts a run and waits until its command says `armed`; returns the run's id. */
async function startedRun(script: string) {
  const child = startKlab(['run', '--events', '--tree', testTree(), '--', 'sh', '-c', script])
  let text = ''
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
  // With --events the command's own output is on stderr.
  let said = ''
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => (said += chunk))
  const exited = once(child, 'exit') as Promise<[number | null, string | null]>
  const deadline = Date.now() + 60_000
  while (!said.includes('armed')) {
    if (Date.now() > deadline) throw new Error(`the command did not start: ${text}`)
    await sleep(50)
  }
  const events = text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
  return { child, exited, id: String(events.find(({ kind }) => kind === 'run').id) }
}

describe('the end of klab', () => {
  test('by kill -9 takes the VM with it, and the run is recorded as lost', async () => {
    const { child, exited, id } = await startedRun('echo armed; exec sleep 1000')
    expect(processesOf(id).length).toBeGreaterThan(0)
    child.kill('SIGKILL')
    await exited
    // The kernel delivers the parent-death signal; QEMU then needs a moment to go.
    for (let tries = 0; processesOf(id).length > 0 && tries < 100; tries++) await sleep(50)
    expect(processesOf(id)).toEqual([])
    const shown = JSON.parse((await klab(['runs', '--json'])).stdout).find(
      (one: { id: string }) => one.id === id,
    )
    expect(shown.outcome).toMatchObject({ kind: 'lost', reason: expect.stringContaining('killed') })
    expect(existsSync(join(TEST_HOME, 'run', id))).toBe(false)
  })

  test('by Ctrl-C asks the command first', async () => {
    const { child, exited, id } = await startedRun(
      'trap "exit 42" INT; echo armed; while :; do sleep 0.1; done',
    )
    child.kill('SIGINT')
    expect(await exited).toEqual([42, null])
    expect(processesOf(id)).toEqual([])
  })

  test('by a second Ctrl-C ends the VM', async () => {
    const { child, exited, id } = await startedRun('trap "" INT; echo armed; sleep 1000')
    child.kill('SIGINT')
    await sleep(500)
    child.kill('SIGINT')
    expect(await exited).toEqual([130, null])
    expect(processesOf(id)).toEqual([])
    expect(existsSync(join(TEST_HOME, 'run', id))).toBe(false)
  })

  test('by SIGTERM while it boots leaves nothing', async () => {
    const child = startKlab(['run', '--events', '--fresh', '--tree', testTree(), '--', 'true'])
    const exited = once(child, 'exit')
    let text = ''
    child.stdout?.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
    child.stderr?.resume()
    while (!text.includes('"phase":"console"')) await sleep(10)
    child.kill('SIGTERM')
    expect(await exited).toEqual([143, null])
    const id = /"kind":"run","id":"(\w+)"/.exec(text)?.[1] ?? ''
    expect(processesOf(id)).toEqual([])
    expect(existsSync(join(TEST_HOME, 'run', id))).toBe(false)
  })

  test('by SIGTERM does not wait for a boot that never ends', async () => {
    const silent = [
      '--append',
      'console=none',
      '--append',
      'rdinit=/proc/nothing',
      '--append',
      'panic=0',
    ]
    const args = ['run', '--fresh', '--events', '--tree', testTree(), ...silent, '--', 'true']
    const child = startKlab(args)
    const exited = once(child, 'exit')
    let text = ''
    child.stdout?.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
    child.stderr?.resume()
    while (!text.includes('"phase":"process"')) await sleep(10)
    const startedAt = Date.now()
    child.kill('SIGTERM')
    expect((await exited)[0]).toBe(143)
    expect(Date.now() - startedAt).toBeLessThan(5_000)
  })
})

test('git bisect run finds the commit that broke it', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'klab-bisect-'))
  const git = (...args: string[]) =>
    runOk('git', ['-C', dir, '-c', 'user.name=t', '-c', 'user.email=t@example.org', ...args])
  await git('init', '-q')
  for (let n = 1; n <= 6; n++) {
    writeFileSync(join(dir, 'value'), n >= 4 ? 'bad\n' : 'good\n')
    writeFileSync(join(dir, 'n'), `${n}\n`)
    await git('add', '.')
    await git('commit', '-qm', `commit ${n}`)
  }
  await git('bisect', 'start', 'HEAD', 'HEAD~5')
  const program = join(import.meta.dirname, '../../klab')
  const found = await runOk(
    'git',
    [
      '-C',
      dir,
      'bisect',
      'run',
      program,
      'run',
      '-q',
      '--tree',
      testTree(),
      '--',
      'grep',
      '-q',
      'good',
      'value',
    ],
    {
      env: { ...process.env, KLAB_HOME: TEST_HOME },
    },
  )
  expect(found).toContain('is the first bad commit')
  expect(found).toContain('commit 4')
  rmSync(dir, { recursive: true })
})

describe('a terminal', () => {
  test('is one for the command, too', async () => {
    const program = join(import.meta.dirname, '../../klab')
    const { stdout } = await run(
      'script',
      [
        '-qec',
        `${program} run -q --tree ${testTree()} -- sh -c 'test -t 0 && test -t 1 && tty && stty size'`,
        '/dev/null',
      ],
      {
        env: { ...process.env, KLAB_HOME: TEST_HOME, TERM: 'xterm' },
        cwd: '/tmp',
      },
    )
    expect(stdout).toMatch(/\/dev\/pts\/\d+\r\n\d+ \d+/)
  })

  test('has a shell that sees a resize', async () => {
    const lab = await testLab()
    let output = ''
    let resize: (rows: number, cols: number) => void = () => undefined
    async function* typing() {
      yield Buffer.from('stty size\n')
      while (!output.includes('24 80')) await sleep(50)
      resize(50, 132)
      yield Buffer.from('stty size\n')
      while (!output.includes('50 132')) await sleep(50)
      yield Buffer.from('exit 11\n')
    }
    const request = await testRequest(lab, [], { timeout: '60s' })
    const command = { ...request.command, tty: { rows: 24, cols: 80 } }
    const { exitCode } = await runInVm(
      lab,
      { ...request, command },
      {
        terminal: {
          stdout: (chunk) => void (output += chunk.toString()),
          stderr: () => undefined,
          stdin: typing(),
          onResize: (listener) => (resize = listener),
        },
        interrupts: uninterrupted(),
        onEvent: () => undefined,
      },
    )
    expect(exitCode).toBe(11)
  })
})
