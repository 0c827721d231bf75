import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

import { TEST_HOME } from './home.ts'

/** klab as a user starts it from a clone. */
export const PROGRAM = join(import.meta.dirname, '../../klab')

export interface KlabResult {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
  readonly output: Buffer
}

export interface KlabOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  /** What it reads: bytes, or a stream of them. */
  readonly input?: string | Buffer | AsyncIterable<Uint8Array>
  readonly timeoutMs?: number
}

/** Starts klab as a user would. */
export function startKlab(args: readonly string[], options: KlabOptions = {}): ChildProcess {
  return spawn(PROGRAM, args, {
    cwd: options.cwd ?? '/tmp',
    env: { ...process.env, KLAB_HOME: TEST_HOME, ...options.env },
    stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  })
}

/** Runs klab to its end. */
export async function klab(
  args: readonly string[],
  options: KlabOptions = {},
): Promise<KlabResult> {
  const child = startKlab(args, options)
  const timer = setTimeout(() => child.kill('SIGKILL'), options.timeoutMs ?? 150_000)
  const [stdout, stderr] = [collect(child.stdout), collect(child.stderr)]
  child.stdin?.on('error', () => undefined)
  void feed(child, options.input)
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null]
  clearTimeout(timer)
  const output = Buffer.concat(await stdout)
  return {
    code,
    signal,
    stdout: output.toString(),
    stderr: Buffer.concat(await stderr).toString(),
    output,
  }
}

async function feed(child: ChildProcess, input: KlabOptions['input']): Promise<void> {
  if (input === undefined || !child.stdin) return
  if (typeof input === 'string' || Buffer.isBuffer(input)) {
    child.stdin.end(input)
    return
  }
  for await (const chunk of input) {
    if (!child.stdin.write(chunk)) await once(child.stdin, 'drain')
  }
  child.stdin.end()
}

async function collect(stream: NodeJS.ReadableStream | null): Promise<Buffer[]> {
  const chunks: Buffer[] = []
  for await (const chunk of stream ?? []) chunks.push(chunk as Buffer)
  return chunks
}
