import { spawn, spawnSync, type ChildProcess, type StdioOptions } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import type { Readable } from 'node:stream'

import { InfraError } from '../base/index.ts'
import { Limited, type GivenUp } from './limited.ts'

export type { StdioOptions }

export type ProcessExit =
  | { readonly kind: 'exited'; readonly code: number }
  | { readonly kind: 'killed'; readonly signal: NodeJS.Signals }
  | { readonly kind: 'not-started'; readonly reason: string }
  /** Ended by us: it took too long, stood still, or printed too much. */
  | GivenUp

export interface ProcessResult {
  readonly exit: ProcessExit
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly cwd?: string
  /** The whole environment of the process; ours when absent. */
  readonly env?: NodeJS.ProcessEnv
  readonly input?: string
  /** Five minutes when absent: nothing that klab asks a tool takes so long. Infinity for what copies any amount of data. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

/** Runs a program to its end and collects what it prints. A failure to start is a value too. */
export async function run(
  file: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<ProcessResult> {
  const child = spawn(file, args, {
    stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    ...(options.cwd !== undefined && { cwd: options.cwd }),
    ...(options.env !== undefined && { env: options.env }),
    ...(options.signal !== undefined && { signal: options.signal }),
  })
  // What a tool makes of a hostile file may have no end.
  using limited = new Limited(child, options.timeoutMs ?? LIMIT_MS)
  const tooMuch = () => limited.tooMuch(MAX_OUTPUT)
  const output = Promise.all([textOf(child.stdout, tooMuch), textOf(child.stderr, tooMuch)])
  // A program that does not read its input ends with EPIPE on our side; its exit tells the story.
  child.stdin?.on('error', () => undefined)
  child.stdin?.end(options.input)
  const exit = await Promise.race([limited.givenUp, exitOf(child)])
  const [stdout, stderr] = exit.kind === 'not-started' ? ['', ''] : await output
  return { exit, stdout, stderr }
}

/** Of a vmlinux with all debug information addr2line reads a minute, on a machine that is busy. */
const LIMIT_MS = 300_000

/** As run, for a program that must succeed: anything else is an InfraError that quotes its last line. */
export async function runOk(
  file: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  const { exit, stdout, stderr } = await run(file, args, options)
  if (exit.kind === 'exited' && exit.code === 0) return stdout
  const said = stderr.trim().split('\n').at(-1) ?? ''
  throw new InfraError(
    'PROCESS',
    `${file} ${args[0] ?? ''} failed: ${describeExit(exit)}${said ? ` (${said})` : ''}`,
  )
}

interface InteractiveOptions {
  readonly stdoutTo?: 'stdout' | 'stderr'
  /** The whole environment of the program; ours when absent. */
  readonly env?: NodeJS.ProcessEnv
}

/** Runs a program that talks with the user itself. Its stdout is our stderr when ours is for results. */
export function runInteractive(
  file: string,
  args: readonly string[],
  { stdoutTo = 'stdout', env }: InteractiveOptions = {},
): Exclude<ProcessExit, GivenUp> {
  // Ctrl-C is for what runs in our terminal.
  const ignored = () => undefined
  process.on('SIGINT', ignored)
  const { status, signal, error } = spawnSync(file, args, {
    stdio: ['inherit', stdoutTo === 'stdout' ? 'inherit' : 2, 'inherit'],
    ...(env && { env }),
  })
  process.off('SIGINT', ignored)
  if (error) return { kind: 'not-started', reason: error.message }
  if (signal) return { kind: 'killed', signal }
  return { kind: 'exited', code: status ?? -1 }
}

/** A process that lives beside us. Disposing of it kills it and waits for its end. */
export interface LiveProcess extends AsyncDisposable {
  readonly pid: number | undefined
  readonly exited: Promise<ProcessExit>
  readonly stdout: NodeJS.ReadableStream | null
  readonly stderr: NodeJS.ReadableStream | null
  readonly stdin: NodeJS.WritableStream | null
  /** The last 64 KiB of what it said on stderr. */
  stderrTail(): string
  kill(signal?: NodeJS.Signals): void
}

/** A process that outlives us. */
export interface DetachedProcess {
  readonly pid: number | undefined
  readonly news: NodeJS.ReadableStream
  readonly exited: Promise<ProcessExit>
  readonly kill: (signal: NodeJS.Signals) => void
  readonly forget: () => void
}

/**
 * Starts a program that outlives us, in a session of its own. What it says goes to `logPath`; what it writes to
 * descriptor 3 comes to us as long as we are there.
 */
export function startDetached(
  file: string,
  args: readonly string[],
  { logPath, env, cwd }: { logPath: string; env: NodeJS.ProcessEnv; cwd: string },
): DetachedProcess {
  const log = openSync(logPath, 'a', 0o600)
  const child = spawn(file, args, { cwd, env, detached: true, stdio: ['ignore', log, log, 'pipe'] })
  closeSync(log)
  const news = child.stdio[3] as Readable
  return {
    pid: child.pid,
    news,
    exited: exitOf(child),
    kill: (signal) => void child.kill(signal),
    forget: () => {
      news.destroy()
      child.unref()
    },
  }
}

export function start(
  file: string,
  args: readonly string[],
  options: {
    cwd?: string
    env?: NodeJS.ProcessEnv
    stdio?: StdioOptions
    /** In a session of its own: what is typed into our terminal (Ctrl-C) is not for it. */
    ownSession?: boolean
    /** For how long it may run; Infinity for one that ends by itself, if it is not stopped. Absent for one that lives beside us. */
    limitMs?: number
  } = {},
): LiveProcess {
  const child = spawn(file, args, {
    detached: options.ownSession ?? false,
    stdio: options.stdio ?? ['ignore', 'ignore', 'pipe'],
    ...(options.cwd !== undefined && { cwd: options.cwd }),
    ...(options.env !== undefined && { env: options.env }),
  })
  let tail = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    tail = (tail + text).slice(-65_536)
  })
  const { limitMs } = options
  const exited = limitMs === undefined ? exitOf(child) : exitWithin(child, limitMs)
  return {
    pid: child.pid,
    exited,
    stdout: child.stdout,
    stderr: child.stderr,
    stdin: child.stdin,
    stderrTail: () => tail,
    kill: (signal = 'SIGKILL') => void child.kill(signal),
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      // Unread output would keep the pipes open, and the child from settling.
      child.stdout?.resume()
      await exited
    },
  }
}

/** `exit status 2`, `killed by SIGKILL`, `not started: …`, `nm has not ended within 5m`. */
export function describeExit(exit: ProcessExit): string {
  switch (exit.kind) {
    case 'exited':
      return `exit status ${exit.code}`
    case 'killed':
      return `killed by ${exit.signal}`
    case 'not-started':
      return `not started: ${exit.reason}`
    case 'given-up':
      return exit.why
  }
}

async function exitWithin(child: ChildProcess, limitMs: number): Promise<ProcessExit> {
  using limited = new Limited(child, limitMs)
  return await Promise.race([limited.givenUp, exitOf(child)])
}

async function exitOf(child: ChildProcess): Promise<ProcessExit> {
  try {
    const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null]
    if (signal !== null) return { kind: 'killed', signal }
    return { kind: 'exited', code: code ?? -1 }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return {
      kind: 'not-started',
      reason: code === 'ENOENT' ? `no such program: ${child.spawnfile}` : String(code ?? error),
    }
  }
}

/** A program that prints more is ended; `nm` of a kernel with everything built in prints 20 MiB. */
const MAX_OUTPUT = 128 * 1024 * 1024

async function textOf(
  stream: NodeJS.ReadableStream | null,
  onTooMuch: () => void,
): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  try {
    for await (const chunk of stream ?? []) {
      bytes += chunk.length
      if (bytes <= MAX_OUTPUT) chunks.push(chunk as Buffer)
      else onTooMuch()
    }
  } catch {
    // The stream of a process that never started.
  }
  return Buffer.concat(chunks).toString('utf8')
}
