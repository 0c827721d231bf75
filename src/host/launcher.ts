import { join, relative } from 'node:path'

import { nativeProgram, type NativeProgram } from './native.ts'

export const LAUNCHER: NativeProgram = {
  ...{ name: 'klab-launch', kind: 'program', sources: 'launcher' },
}
/** Of --plain-files. */
export const SHIM: NativeProgram = {
  ...{ name: 'klab-shim', kind: 'preloaded', sources: 'launcher/shim' },
}

/** What is not seen of this machine, and what is all the same: absolute paths without links, of which the nearest one above holds. */
export interface Rules {
  readonly hide: readonly string[]
  readonly show: readonly string[]
}

/** A directory of this machine that is seen elsewhere, without what the rules hide (launcher/sieve.c). */
export interface View {
  readonly from: string
  readonly at: string
  /** The directories in it that take no new names, for something is hidden in them; with `read-only` it is all one. */
  readonly access:
    | { readonly kind: 'read-only' }
    | { readonly kind: 'rw'; readonly sieves: readonly string[] }
}

/** What a process that belongs to us may see and how long it lives (launcher/launch.c). */
export interface Confinement {
  /** Held as long as the process lives. */
  readonly lock?: string
  /** A file of which a shared lock is held as long as the process, or anything that it started, lives. */
  readonly claim?: string
  /** All that it starts ends with it, and with us, in whatever way. It takes namespaces. */
  readonly isTogether?: boolean
  /** Mounts of its own where that is allowed: what the host mounts later is not seen. */
  readonly isApart?: true
  /** Their places are directories that are there. */
  readonly views?: readonly View[]
  readonly rules?: Rules
  /** It can write to its working directory alone, where this user may have namespaces. */
  readonly writesHereOnly?: true
  /** What it makes for a guest belongs to its user and is nothing privileged (launcher/plain-files.c). */
  readonly plainFiles?: true
  /** A tap device of a bridge, which the command finds open at that descriptor. */
  readonly tap?: { readonly bridge: string; readonly helper: string; readonly fd: number }
  /** Directories to be seen elsewhere. */
  readonly binds?: readonly { from: string; at: string; readOnly: boolean }[]
}

/** The launcher's own arguments, up to and with `--`. Pure. */
export function launcherArgs(confinement: Confinement, parentPid: number): string[] {
  const { lock, claim, isTogether, tap, isApart, writesHereOnly } = confinement
  const { rules, views = [], binds = [] } = confinement
  const needsMounts = isTogether || views.length > 0 || binds.length > 0
  return [
    // Before the namespace: as another user than root the helper has no rights in it.
    tap ? ['--tap', tap.helper, tap.bridge, String(tap.fd)] : [],
    needsMounts ? ['--namespace'] : isApart ? ['--apart'] : [],
    ...(rules && views.length > 0
      ? [
          rules.hide.flatMap((path) => ['--hide', path]),
          rules.show.flatMap((path) => ['--show', path]),
        ]
      : []),
    views.flatMap(viewArgs),
    binds.flatMap(({ from, at, readOnly }) => [readOnly ? '--bind-ro' : '--bind', from, at]),
    writesHereOnly ? ['--write-only-here'] : [],
    lock === undefined ? [] : ['--lock', lock],
    claim === undefined ? [] : ['--claim', claim],
    isTogether ? ['--together'] : [],
    // After the namespace: entering a user namespace clears the parent-death signal (commit_creds).
    ['--parent', String(parentPid)],
    ['--'],
  ].flat()
}

function viewArgs({ from, at, access }: View): string[] {
  switch (access.kind) {
    case 'read-only':
      return ['--sieve-ro', from, at]
    case 'rw':
      return [
        ...['--bind', from, at],
        ...access.sieves.flatMap((dir) => ['--sieve', dir, join(at, relative(from, dir))]),
      ]
  }
}

/** File and arguments that start a command under the launcher. */
export async function confined(
  command: readonly string[],
  confinement: Confinement,
  cacheDir: string,
): Promise<[string, string[]]> {
  const launcher = await nativeProgram(LAUNCHER, cacheDir)
  const plain = confinement.plainFiles ? ['--plain-files', await nativeProgram(SHIM, cacheDir)] : []
  return [launcher, [...plain, ...launcherArgs(confinement, process.pid), ...command]]
}
