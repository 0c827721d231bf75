import { join } from 'node:path'

import { ensurePrivateDirectory } from '../../host/index.ts'

/** Where klab keeps things. `KLAB_HOME` moves all of them; otherwise the XDG base directories hold. */
export interface Paths {
  readonly userConfig: string
  readonly cache: string
  readonly state: string
  /** Sockets and exports of VMs that live. */
  readonly runtime: string
}

/** Pure: the environment decides. */
export function pathsFor(env: NodeJS.ProcessEnv, uid: number): Paths {
  const home = env['KLAB_HOME']
  if (home) {
    return {
      userConfig: join(home, 'config.yaml'),
      cache: join(home, 'cache'),
      state: join(home, 'state'),
      runtime: join(home, 'run'),
    }
  }
  const user = env['HOME'] ?? '/'
  const xdg = (name: string, fallback: string) => join(env[name] || join(user, fallback), 'klab')
  return {
    userConfig: join(xdg('XDG_CONFIG_HOME', '.config'), 'config.yaml'),
    cache: xdg('XDG_CACHE_HOME', '.cache'),
    state: xdg('XDG_STATE_HOME', '.local/state'),
    runtime: env['XDG_RUNTIME_DIR'] ? join(env['XDG_RUNTIME_DIR'], 'klab') : `/tmp/klab-${uid}`,
  }
}

/**
 * Makes the directories, or says up front which one cannot be used and why. Programs are run from the cache, verdicts and secrets are in the state, and
 * sockets into VMs among the rest: of none of them another user may decide.
 */
export function preparePaths(paths: Paths): void {
  ensurePrivateDirectory(paths.cache, 'cache')
  ensurePrivateDirectory(paths.state, 'state')
  ensurePrivateDirectory(paths.runtime, 'sockets of VMs')
}
