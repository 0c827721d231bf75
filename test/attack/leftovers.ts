import { lstatSync, lutimesSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

import type { Stage } from './stage.ts'

/** What klab keeps in its home when no VM is there; all else is left over. */
const KEPT: readonly RegExp[] = [
  /^cache\/(?:accelerator|code|config|native|qemu|places|place|packages|kallsyms|symbols|lines)(?:\/|$)/,
  /^cache\/kernels\/[0-9a-f]{12}(?:\/|$)/,
  /^cache\/kernels\/used(?:\/|$)/,
  /^cache\/templates\/[0-9a-f]{2}\.lock$/,
  /^cache\/templates\/[0-9a-f]{12}(?:\/|$)/,
  /^state\/klab\.db(?:-wal|-shm)?$/,
  /^state\/(?:audit|trust|ssh|journal)(?:\/[^/]+)?$/,
  /^state\/vms\/by-name$/,
  /^state\/runs\/[^/]+$/,
  /^state\/runs\/[^/]+\/(?:(?:console|keeper)\.log|input|lock|log|output|stdout|stderr|vmcore|run\.json)/,
  /^run\/(?:ports|segments|tickets)$/,
]

/** Runs are old enough to be looked at after an hour. */
const AGE_S = 3_600

/**
 * What is left in the home that nothing takes away: all is made to look old, then the commands are given that clean up, then it is looked at.
 */
export async function leftovers(stage: Stage): Promise<string[]> {
  const { home } = stage.arena
  for (const path of ['run', 'state/runs', 'state/vms'].flatMap((dir) => below(home, dir)))
    age(join(home, path))
  for (const args of [['runs'], ['runs', 'prune', '--keep', '20'], ['kernel', 'clean']])
    await stage.must(args)
  await stage.must(['template', 'prune'])
  const found = below(home, '')
    .filter((path) => !KEPT.some((pattern) => pattern.test(path)))
    .filter((path) => !lstatSync(join(home, path), { throwIfNoEntry: false })?.isDirectory())
  const left = found.map((path) => `${path} is left in klab's home`)
  return [...left, ...(await unfinished(stage)), ...stage.take()]
}

/** Runs of which nobody ever says how they ended. */
async function unfinished(stage: Stage): Promise<string[]> {
  const { stdout } = await stage.must(['runs', '--json', '--limit', '1000'])
  const runs = JSON.parse(stdout) as { id: string; outcome: object | null }[]
  return runs
    .filter(({ outcome }) => outcome === null)
    .map(({ id }) => `the run ${id} has no end in the history`)
}

function below(home: string, dir: string): string[] {
  const path = join(home, dir)
  if (!lstatSync(path, { throwIfNoEntry: false })) return []
  return readdirSync(path, { recursive: true, encoding: 'utf8' })
    .map((name) => join(dir, name))
    .filter((name) => !name.startsWith('cache/code/'))
}

function age(path: string): void {
  const past = Date.now() / 1000 - AGE_S
  try {
    lutimesSync(path, past, past)
  } catch {
    // It has just been taken away.
  }
}
