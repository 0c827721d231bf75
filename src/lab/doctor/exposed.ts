import { rm } from 'node:fs/promises'
import { join, posix } from 'node:path'

import { InfraError, newId } from '../../base/index.ts'
import { confined, run } from '../../host/index.ts'
import { confinementFor, makePlaces, planView, type PlannedMount } from '../host-view/exports.ts'
import type { Lab } from '../session/context.ts'
import { parseShare } from '../spec/shares.ts'
import { findArgs, kindOf } from './looks-secret.ts'

/** Something that a guest would see, and that looks like a secret. */
export interface Exposed {
  readonly kind: string
  /** On this machine. */
  readonly path: string
  /** In the guest. */
  readonly guest: string
}

export interface Exposure {
  readonly found: readonly Exposed[]
  /** The places that are hidden, whether something is there or not. */
  readonly hidden: readonly string[]
}

/** A look through whole file systems takes its time. */
const LIMIT_MS = 30 * 60_000

/**
 * What a guest with these shares would see of secrets: not worked out from the rules, but looked for in the very view
 * that a guest gets. Throws InfraError where there can be no view.
 */
export async function findExposed(lab: Lab, shares: readonly string[]): Promise<Exposure> {
  const id = newId()
  await using resources = new AsyncDisposableStack()
  resources.defer(() => rm(join(lab.paths.runtime, id), { recursive: true, force: true }))
  const viewer = {
    ...{ id, root: { kind: lab.config.machine.root }, copiesShares: false },
    shares: shares.map((text) => parseShare(text, lab.cwd)),
  }
  const { mounts, rules } = planView(lab, viewer, '9p')
  const found: Exposed[] = []
  for (const mount of mounts) {
    const confinement = confinementFor(rules, [mount])
    await makePlaces(confinement)
    const [file, args] = await confined(
      ['find', ...findArgs(mount.path)],
      confinement,
      lab.paths.cache,
    )
    const { exit, stdout, stderr } = await run(file, args, { timeoutMs: LIMIT_MS })
    // 1: find could not read everything, no more than a guest can.
    if (exit.kind !== 'exited' || exit.code > 1)
      throw new InfraError(
        'EXPOSED',
        `cannot look at what a guest would see: ${stderr.trim().split('\n').at(-1) || `find ended by ${JSON.stringify(exit)}`}`,
      )
    found.push(...stdout.split('\0').flatMap((line) => exposedAs(line, mount)))
  }
  return { found, hidden: rules.hide }
}

/** `s` or `f` and a path below what is mounted. */
function exposedAs(line: string, { path, view, request }: PlannedMount): Exposed[] {
  if (line === '') return []
  const below = line.slice(1)
  const host = join(view?.from ?? path, below)
  const kind = line.startsWith('s') ? 'socket' : kindOf(host)
  if (kind === undefined) return []
  const top = request.target === 'root' ? '/' : request.target.path
  return [{ kind, path: host, guest: posix.join(top, below) }]
}
