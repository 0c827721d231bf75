import { spawn } from 'node:child_process'
import { once } from 'node:events'

export interface Row {
  readonly what: string
  readonly ours: string
  /** What it is measured against, where there is such a thing. */
  readonly baseline?: string
  readonly ratio?: number
  readonly limit: string
  readonly met: boolean
}

/** Wall time of a command in ms; fails loudly when the command does. */
export async function timed(
  command: readonly string[],
  options: {
    cwd?: string
    env?: NodeJS.ProcessEnv
    input?: () => AsyncIterable<Uint8Array>
    codes?: readonly number[]
  } = {},
): Promise<number> {
  const [file = '', ...args] = command
  const startedAt = performance.now()
  const child = spawn(file, args, {
    stdio: [options.input ? 'pipe' : 'ignore', 'pipe', 'pipe'],
    ...(options.cwd !== undefined && { cwd: options.cwd }),
    env: options.env ?? process.env,
  })
  let stderr = ''
  child.stdout?.resume()
  child.stderr
    ?.setEncoding('utf8')
    .on('data', (text: string) => (stderr = (stderr + text).slice(-2000)))
  if (options.input && child.stdin) {
    child.stdin.on('error', () => undefined)
    for await (const chunk of options.input())
      if (!child.stdin.write(chunk)) await once(child.stdin, 'drain')
    child.stdin.end()
  }
  const [code] = (await once(child, 'close')) as [number | null]
  const ms = performance.now() - startedAt
  if (!(options.codes ?? [0]).includes(code ?? -1))
    throw new Error(`${command.join(' ')} exited ${code}: ${stderr}`)
  return ms
}

/** Medians of several things, measured in turns so that noise falls on all of them alike. */
export async function inTurns(
  rounds: number,
  ...things: readonly (() => Promise<number>)[]
): Promise<number[]> {
  const times: number[][] = things.map(() => [])
  for (let round = 0; round < rounds; round++) {
    for (const [index, measure] of things.entries()) times[index]?.push(await measure())
  }
  return times.map(median)
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}

export const seconds = (ms: number) => `${(ms / 1000).toFixed(3)} s`

/** The rows as a Markdown table. */
export function markdown(rows: readonly Row[]): string {
  const lines = rows.map(
    ({ what, ours, baseline = '', ratio, limit, met }) =>
      `| ${what} | ${ours} | ${baseline} | ${ratio === undefined ? '' : ratio.toFixed(2)} | ${limit} | ${met ? 'yes' : '**no**'} |`,
  )
  return [
    '| what | klab | baseline | ratio | limit | met |',
    '|---|---|---|---|---|---|',
    ...lines,
  ].join('\n')
}
