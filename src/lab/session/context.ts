import { findProgram, readOutside } from '../../host/index.ts'
import { InfraError, messageOf } from '../../base/index.ts'
import { loadCachedConfig } from '../config/cached.ts'
import type { LoadedConfig } from '../config/layers.ts'
import { readProject, readUserFile, type Project } from '../config/project-file.ts'
import type { Config } from '../config/schema.ts'
import { TrustStore } from '../config/trust-store.ts'
import { pathsFor, preparePaths, type Paths } from './paths.ts'

/** What every use case needs: who is asking, from where, with which settings. */
export interface Lab {
  readonly cwd: string
  readonly env: NodeJS.ProcessEnv
  readonly uid: number
  readonly paths: Paths
  readonly config: Config
  readonly loaded: LoadedConfig
  readonly project: Project
}

export interface LabOptions {
  readonly cwd: string
  readonly env: NodeJS.ProcessEnv
  readonly uid: number
  /** Settings given on the command line, by dotted path. */
  readonly flags?: ReadonlyMap<string, unknown>
}

/**
 * Reads the configuration and prepares klab's directories. Without what a project's file asks for that its user does not trust: requireTrust says so.
 * Throws ConfigError or InfraError.
 */
export async function openLab({ cwd, env, uid, flags = new Map() }: LabOptions): Promise<Lab> {
  const paths = pathsFor(env, uid)
  // First of all: what is trusted is in there.
  preparePaths(paths)
  const project = readProject(cwd)
  const own = readUserFile(paths.userConfig)
  const files = [
    ...(own ? [own] : []),
    ...(project.file
      ? [{ ...project.file, isTrusted: new TrustStore(paths.state).trusts(project.file) }]
      : []),
  ]
  const loaded = await loadCachedConfig({ files, env, flags }, paths.cache)
  return { cwd, env, uid, paths, config: loaded.config, loaded, project }
}

/** Where distributions put what is not on PATH. */
const DAEMON_DIRECTORIES = ['/usr/lib/qemu', '/usr/libexec', '/usr/lib']

export function qemuPath({ config, env }: Lab): string {
  const path = findProgram(config.qemu, env['PATH'])
  if (path !== undefined) return path
  throw new InfraError(
    'QEMU',
    `there is no ${config.qemu}; install QEMU (klab doctor --fix), or set qemu in the configuration`,
  )
}

/** The daemon, if this user can run it: the C one of QEMU 7 insists on root. */
export function usableVirtiofsd(lab: Lab): string | undefined {
  const path = virtiofsdPath(lab)
  return path !== undefined && (lab.uid === 0 || !isCVirtiofsd(path)) ? path : undefined
}

const MAX_PROGRAM = 256 * 1024 * 1024

/** Told from the Rust one by a function of libvhost-user in it. */
export function isCVirtiofsd(path: string): boolean {
  try {
    return readOutside(path, MAX_PROGRAM).includes('vu_dispatch')
  } catch (error) {
    throw new InfraError('VIRTIOFSD', `cannot read ${path}: ${messageOf(error)}`, { cause: error })
  }
}

export function virtiofsdPath({ config, env }: Lab): string | undefined {
  return findProgram(config.virtiofsd, env['PATH'], DAEMON_DIRECTORIES)
}
