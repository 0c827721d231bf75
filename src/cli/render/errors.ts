import { KlabError, messageOf, systemProblem } from '../../base/index.ts'
import { few } from './few.ts'
import { err } from './print.ts'

/** Says what went wrong in one sentence on stderr and returns the exit code: never 1, which `git bisect` takes for "bad". */
export function printError(error: unknown): number {
  if (error instanceof KlabError) {
    err.line(`klab: ${error.message}`)
    for (const line of few(error.details)) err.line(`  ${line}`)
    return error.exitCode
  }
  if (error instanceof DOMException && error.name === 'AbortError') return 130
  err.line(`klab: ${systemProblem(error) ?? bugIn(error)}`)
  return 125
}

/** On one line, with the places that whoever mends it looks for. */
function bugIn(error: unknown): string {
  const name = error instanceof Error ? `${error.name}: ` : ''
  return `this is a bug in klab: ${name}${messageOf(error)} (${placesOf(error)}); please report it with this line and what you did`
}

const PLACES = 3

function placesOf(error: unknown): string {
  const stack = error instanceof Error ? (error.stack ?? '') : ''
  const frames = [
    ...stack.matchAll(/^ +at (?:(.+) \()?(?:file:\/\/)?(?:.*\/)?([^/]+:\d+):\d+\)?$/gm),
  ]
  const places = frames.map(([, name = 'code', at]) => `${name}, ${at}`)
  return places.length === 0 ? 'from nowhere' : places.slice(0, PLACES).join('; ')
}
