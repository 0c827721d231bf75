import { createWriteStream } from 'node:fs'
import { createInterface } from 'node:readline'

import { InfraError } from '../../base/index.ts'
import { confined, describeExit, start, type Confinement } from '../../host/index.ts'
import { compileErrorOf, stepOf, type CompileError } from './build-progress.ts'

interface MakeSpec {
  /** For people. */
  readonly what: string
  readonly env: NodeJS.ProcessEnv
  /** Everything that is printed is appended to it. */
  readonly log: string
  readonly confinement: Confinement
  readonly cacheDir: string
  /** Paths in messages, back to what the user knows. */
  readonly rename: (path: string) => string
  readonly onStep?: (step: string) => void
  readonly signal?: AbortSignal
}

/** Runs a command line of make to its end, on this machine. Throws InfraError with the first real error of the build. */
export async function make(command: readonly string[], spec: MakeSpec): Promise<void> {
  const { signal } = spec
  signal?.throwIfAborted()
  const [file, args] = await confined(command, spec.confinement, spec.cacheDir)
  const log = createWriteStream(spec.log, { flags: 'a' })
  log.write(`$ ${command.join(' ')}\n`)
  await using child = start(file, args, {
    env: { ...spec.env, LC_ALL: 'C' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  // SIGTERM lets make delete the target that it was making.
  const stop = () => child.kill('SIGTERM')
  signal?.addEventListener('abort', stop, { once: true })
  let error: CompileError | undefined
  const last: string[] = []
  const readLines = async (stream: NodeJS.ReadableStream | null) => {
    if (!stream) return
    for await (const line of createInterface({ input: stream })) {
      log.write(`${line}\n`)
      const step = stepOf(line)
      if (step !== undefined) spec.onStep?.(step)
      else error ??= compileErrorOf(line, spec.rename)
      last.push(line)
      if (last.length > 20) last.shift()
    }
  }
  await Promise.all([readLines(child.stdout), readLines(child.stderr)])
  const exit = await child.exited
  signal?.removeEventListener('abort', stop)
  await new Promise((resolve) => log.end(resolve))
  signal?.throwIfAborted()
  if (exit.kind === 'exited' && exit.code === 0) return
  throw buildFailure(spec, { error, last, exit: describeExit(exit) })
}

function buildFailure(
  { what, log }: MakeSpec,
  seen: {
    readonly error: CompileError | undefined
    readonly last: readonly string[]
    readonly exit: string
  },
): InfraError {
  const { error, last, exit } = seen
  const failed = `${what} failed (${exit})`
  if (!error) {
    return new InfraError('BUILD', `${failed}; the log is ${log}`, { details: last.slice(-8) })
  }
  const at = error.file === undefined ? '' : `${error.file}:${error.line}: `
  return new InfraError('BUILD', `${failed}: ${at}${error.message}; the log is ${log}`)
}
