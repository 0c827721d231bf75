import { nativeProgram, type NativeProgram } from './native.ts'

export const LAUNCHER: NativeProgram = {
  ...{ name: 'klab-launch', kind: 'program', sources: 'launcher' },
}
/** Of --plain-files. */
export const SHIM: NativeProgram = {
  ...{ name: 'klab-shim', kind: 'preloaded', sources: 'launcher/shim' },
}

/** What a process that belongs to us may see and how long it lives (launcher/launch.c). */
export interface Confinement {
  /** Held as long as the process lives. */
  readonly lock?: string
  /** A file of which a shared lock is held as long as the process, or anything that it started, lives. */
  readonly claim?: string
  /** All that it starts ends with it, and with us, in whatever way. It takes namespaces. */
  readonly isTogether?: boolean
  /** A directory that becomes a read-only view of this machine, and what is hidden in it. */
  readonly export?: { readonly dir: string; readonly hidden: readonly string[] }
  /** It can write to its working directory alone, where this user may have namespaces. */
  readonly writesHereOnly?: true
  /** What it makes for a guest belongs to its user and is nothing privileged (launcher/plain-files.c). */
  readonly plainFiles?: true
  /** A tap device of a bridge, which the command finds open at that descriptor. */
  readonly tap?: { readonly bridge: string; readonly helper: string; readonly fd: number }
  /** Directories to be seen elsewhere: [source, place, read-only]. */
  readonly binds?: readonly { from: string; at: string; readOnly: boolean }[]
}

/** The launcher's own arguments, up to and with `--`. Pure. */
export function launcherArgs(confinement: Confinement, parentPid: number): string[] {
  const { lock, claim, isTogether, tap, writesHereOnly, binds = [] } = confinement
  const exported = confinement.export
  return [
    // Before the namespace: as another user than root the helper has no rights in it.
    tap ? ['--tap', tap.helper, tap.bridge, String(tap.fd)] : [],
    exported || isTogether || binds.length > 0 ? ['--namespace'] : [],
    exported ? ['--export', exported.dir] : [],
    exported?.hidden.flatMap((path) => ['--hide', exported.dir, path]) ?? [],
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
