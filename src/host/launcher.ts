import { nativeProgram, type NativeProgram } from './native.ts'

export const LAUNCHER: NativeProgram = { name: 'klab-launch', sources: 'launcher' }

/** What a process that belongs to us may see and how long it lives (launcher/launch.c). */
export interface Confinement {
  /** Held as long as the process lives. */
  readonly lock?: string
  /** A directory that becomes a read-only view of this machine, and what is hidden in it. */
  readonly export?: { readonly dir: string; readonly hidden: readonly string[] }
  /** Directories to be seen elsewhere: [source, place, read-only]. */
  readonly binds?: readonly { from: string; at: string; readOnly: boolean }[]
}

/** The launcher's own arguments, up to and with `--`. Pure. */
export function launcherArgs(confinement: Confinement, parentPid: number): string[] {
  const { lock, binds = [] } = confinement
  const exported = confinement.export
  return [
    exported || binds.length > 0 ? ['--namespace'] : [],
    exported ? ['--export', exported.dir] : [],
    exported?.hidden.flatMap((path) => ['--hide', exported.dir, path]) ?? [],
    binds.flatMap(({ from, at, readOnly }) => [readOnly ? '--bind-ro' : '--bind', from, at]),
    lock === undefined ? [] : ['--lock', lock],
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
  return [launcher, [...launcherArgs(confinement, process.pid), ...command]]
}
