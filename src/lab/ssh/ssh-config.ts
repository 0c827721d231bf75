import { existsSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { InfraError, packagePath, shellWord } from '../../base/index.ts'
import { ownProgram } from '../session/own-program.ts'
import type { Paths } from '../session/paths.ts'
import { VmRegistry } from '../vms/registry.ts'
import { sshDirectory, sshName, userKey, writeKnownHosts } from './keys.ts'

/** Writes the file that makes ssh, scp, rsync and editors know `klab-NAME`. Returns its path. */
export async function writeSshConfig(paths: Paths, klabHome: string | undefined): Promise<string> {
  const key = await userKey(paths)
  const knownHosts = writeKnownHosts(paths)
  const path = join(sshDirectory(paths), 'config')
  const names = new VmRegistry(paths).list().map(({ name }) => name)
  const text = sshConfig(names, { proxy: proxyCommand(klabHome), key, knownHosts })
  writeFileSync(`${path}.${process.pid}`, text, { mode: 0o600 })
  renameSync(`${path}.${process.pid}`, path)
  return path
}

/** Keeps the file up to date where it is in use: VMs have come or gone. */
export async function refreshSshConfig(paths: Paths, klabHome: string | undefined): Promise<void> {
  if (existsSync(join(sshDirectory(paths), 'config'))) await writeSshConfig(paths, klabHome)
}

/**
 * Pure. One block for each VM, with its name written out: %n in a ProxyCommand would give the shell whatever host name
 * somebody makes ssh see (CVE-2023-51385).
 */
export function sshConfig(
  names: readonly string[],
  { proxy, key, knownHosts }: { proxy: string; key: string; knownHosts: string },
): string {
  const proxies = names.flatMap((name) => [
    `Host ${sshName(name)}`,
    `  ProxyCommand ${proxy} ${name}`,
  ])
  return [
    '# Written by klab ssh-config: include it in ~/.ssh/config.',
    ...proxies,
    'Host klab-*',
    `  IdentityFile ${quoted(key)}`,
    '  IdentitiesOnly yes',
    `  UserKnownHostsFile ${quoted(knownHosts)}`,
    '  GlobalKnownHostsFile none',
    '  StrictHostKeyChecking yes',
    // The connection leads to the VM and to nobody else: names are not looked up.
    '  CheckHostIP no',
    '  CanonicalizeHostname no',
    '  HostKeyAlgorithms ssh-ed25519',
    '  LogLevel ERROR',
    '',
  ].join('\n')
}

function proxyCommand(klabHome: string | undefined): string {
  const environment = klabHome === undefined ? [] : ['env', word(`KLAB_HOME=${klabHome}`)]
  const [program = ''] = ownProgram()
  const command = program.endsWith('.ts')
    ? [word(packagePath('klab'))]
    : [process.execPath, program].map(word)
  // ssh gives it to the user's shell. A % would be one of ssh's own.
  return [...environment, ...command, 'ssh-proxy'].join(' ').replaceAll('%', '%%')
}

/** A word for whatever shell the user has. */
function word(text: string): string {
  return shellWord(oneLine(text))
}

/** A value of ssh_config(5). */
function quoted(text: string): string {
  if (text.includes('"')) throw cannotWrite(text)
  return `"${oneLine(text).replaceAll('%', '%%')}"`
}

/** A line feed in a path would begin a line of its own in the file, which ssh takes for an option. */
function oneLine(path: string): string {
  if (/\p{Cc}/u.test(path)) throw cannotWrite(path)
  return path
}

function cannotWrite(path: string): InfraError {
  return new InfraError(
    'SSH',
    `${path} cannot be written into a configuration of ssh, which has no way to quote it; move klab's files to a path without quotes and control characters (KLAB_HOME)`,
  )
}
