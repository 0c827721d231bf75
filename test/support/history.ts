import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { RunRecord } from '../../src/lab/history/run-record.ts'
import { vmSpecOf } from '../../src/lab/spec/from-config.ts'
import { openLab, type Lab } from '../../src/lab/session/context.ts'
import { TEST_CACHE } from './home.ts'

/** The program of a process that does something to the history of a home. */
export const CHILD = fileURLToPath(import.meta.resolve('./history-child.ts'))

/** A directory for KLAB_HOME, gone at the end of the scope. */
export function historyHome(): { readonly path: string; readonly db: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), 'klab-history-'))
  return {
    path,
    db: join(path, 'state/klab.db'),
    [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }),
  }
}

export async function labAt(home: string): Promise<Lab> {
  return await openLab({ cwd: '/tmp', env: { KLAB_HOME: home }, uid: process.getuid?.() ?? 0 })
}

/** The record of a run of an invented kernel. */
export function recordOf(lab: Lab, id: string, notes: string[] = []): RunRecord {
  const runDir = join(lab.paths.state, 'runs', id)
  mkdirSync(runDir, { recursive: true })
  return new RunRecord(lab, {
    ...{ id, runDir, lastingName: 'a kernel', argv: ['true'] },
    machine: vmSpecOf(lab.config.machine, {
      ...{ kernel: { options: [], configFiles: [] }, start: 'boot', cwd: lab.cwd },
    }).machine,
    kernel: {
      ...{ image: '/none', release: '6.1.0', config: undefined, modulesDir: undefined },
      ...{ vmlinux: undefined, origin: 'a kernel' },
    },
    onNote: (message) => notes.push(message),
  })
}

/** Ends a run with one report. */
export async function endRun(record: RunRecord): Promise<void> {
  await record.end(
    { outcome: { kind: 'exited', code: 7 }, exitCode: 7, phases: { process: 1 }, durationMs: 2 },
    [REPORT],
  )
}

const REPORT = {
  ...{ kind: 'WARNING', title: 'WARNING in f', text: 'WARNING: at f', fingerprint: 'f00' },
  function: 'f',
} as const satisfies Parameters<RunRecord['end']>[1][number]

/** Starts a process that does something to the history: see history-child.ts. */
export function startChild(args: readonly string[]): ChildProcess {
  // Stripping types takes longer than all that it does.
  const env = { ...process.env, NODE_COMPILE_CACHE: join(TEST_CACHE, 'code') }
  return spawn(process.execPath, [CHILD, ...args], { env, stdio: ['pipe', 'pipe', 'pipe'] })
}

export interface ChildEnd {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Lets such processes do what they do, all at the same moment, and come to their ends. */
export async function together(...all: readonly (readonly string[])[]): Promise<ChildEnd[]> {
  const started = all.map((args) => startChild(args))
  const ends = started.map(endOf)
  await Promise.all(started.map(isReady))
  for (const { stdin } of started) stdin?.end()
  return await Promise.all(ends)
}

/** Lets one such process come to its end. */
export async function child(...args: readonly string[]): Promise<ChildEnd> {
  const [end] = await together(args)
  return end ?? { code: null, stdout: '', stderr: '' }
}

/** Resolves when such a process has loaded what it needs. */
export async function isReady(started: ChildProcess): Promise<void> {
  if (started.stdout) await once(started.stdout, 'data')
}

async function endOf(started: ChildProcess): Promise<ChildEnd> {
  const [stdout, stderr] = [collected(started.stdout), collected(started.stderr)]
  const [code] = (await once(started, 'close')) as [number | null]
  return { code, stdout: (await stdout).replace('ready\n', ''), stderr: await stderr }
}

async function collected(stream: NodeJS.ReadableStream | null): Promise<string> {
  let text = ''
  for await (const chunk of stream ?? []) text += String(chunk)
  return text
}
