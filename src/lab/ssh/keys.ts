import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { runOk } from '../../host/index.ts'
import type { Paths } from '../session/paths.ts'
import { VmRegistry, type NamedVm } from '../vms/registry.ts'

/** Where the keys of this installation lie, for their owner alone. */
export function sshDirectory(paths: Paths): string {
  const dir = join(paths.state, 'ssh')
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  return dir
}

/** The key with which this installation enters its guests, made once. Returns the path of the private half. */
export async function userKey(paths: Paths): Promise<string> {
  return await keyAt(join(sshDirectory(paths), 'id_ed25519'), 'klab')
}

/** The key by which a VM is known, made once for it. */
export async function hostKey(paths: Paths, vm: NamedVm): Promise<string> {
  const dir = new VmRegistry(paths).directory(vm.id)
  return await keyAt(join(dir, 'ssh_host_ed25519'), `klab ${vm.id}`)
}

/** Made aside: two klabs at once shall not mix their halves. */
async function keyAt(path: string, comment: string): Promise<string> {
  if (existsSync(path)) return path
  const temporary = `${path}.${process.pid}`
  rmSync(temporary, { force: true })
  await runOk('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', comment, '-f', temporary])
  renameSync(`${temporary}.pub`, `${path}.pub`)
  renameSync(temporary, path)
  return path
}

/** Writes down by which keys the VMs are known, under the host names that ssh uses for them. */
export function writeKnownHosts(paths: Paths): string {
  const registry = new VmRegistry(paths)
  const lines = registry.list().flatMap(({ id, name }) => {
    const path = join(registry.directory(id), 'ssh_host_ed25519.pub')
    return existsSync(path) ? [`${sshName(name)} ${readFileSync(path, 'utf8').trim()}\n`] : []
  })
  const path = join(sshDirectory(paths), 'known_hosts')
  writeFileSync(`${path}.${process.pid}`, lines.join(''), { mode: 0o600 })
  renameSync(`${path}.${process.pid}`, path)
  return path
}

const PREFIX = 'klab-'

/** What ssh calls a VM. */
export function sshName(name: string): string {
  return `${PREFIX}${name}`
}

/** The VM that ssh means, under its name with or without the prefix. */
export function vmName(host: string): string {
  return host.startsWith(PREFIX) ? host.slice(PREFIX.length) : host
}
