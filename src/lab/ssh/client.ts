import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

import { InfraError } from '../../base/index.ts'
import { runInteractive } from '../../host/index.ts'
import { temporaryIn } from '../aside/temporary.ts'
import type { Paths } from '../session/paths.ts'
import { VmRegistry, type NamedVm } from '../vms/registry.ts'
import { sshDirectory, sshName, vmName } from './keys.ts'
import { checkGuest, MARK } from './proxy.ts'
import { writeSshConfig } from './ssh-config.ts'

export { sshProxy } from './proxy.ts'
export { refreshSshConfig, writeSshConfig } from './ssh-config.ts'

export interface SshRequest {
  readonly host: string
  readonly user?: string
  /** A command, or options of ssh. */
  readonly words: readonly string[]
  readonly env: NodeJS.ProcessEnv
  readonly onRetry: (why: string) => void
}

/** ssh's own exit code for what is not the command's. */
const FAILED = 255
const ATTEMPTS = 3
const RETRY_AFTER_MS = 1_000

/** Runs ssh in our terminal. Returns its exit code. Throws InfraError when there is no ssh, or the VM does not run. */
export async function runSsh(
  paths: Paths,
  klabHome: string | undefined,
  { host, user, words, env, onRetry }: SshRequest,
): Promise<number> {
  const name = vmName(host)
  const registry = new VmRegistry(paths)
  const config = await writeSshConfig(paths, klabHome)
  const options = words[0]?.startsWith('-') ? words : []
  const command = options.length > 0 ? [] : words
  const who = user === undefined ? [] : ['-l', user]
  const args = ['-F', config, ...who, ...options, sshName(name), ...command]
  for (let attempt = 1; ; attempt++) {
    registry.getLive(name)
    await using temporary = await temporaryIn(paths, sshDirectory(paths))
    const mark = temporary.path('')
    const exit = runInteractive('ssh', args, { env: { ...env, [MARK]: mark } })
    if (exit.kind === 'not-started')
      throw new InfraError(
        'SSH',
        `there is no ssh on this machine (${exit.reason}); klab shell ${name} needs none`,
      )
    if (exit.kind === 'killed') return FAILED
    // It was let in and has run, or it was refused, which it would be again.
    const cameThrough = existsSync(mark)
    if (exit.code !== FAILED || attempt === ATTEMPTS || cameThrough) return exit.code
    // What keeps this one out keeps the next one out as well, and the proxy has said it.
    if (!(await canBeEntered(paths, registry.getLive(name)))) return FAILED
    onRetry(`ssh did not come through (attempt ${attempt} of ${ATTEMPTS}); once more in a second`)
    await sleep(RETRY_AFTER_MS)
  }
}

async function canBeEntered(paths: Paths, vm: NamedVm): Promise<boolean> {
  try {
    await checkGuest(paths, vm)
    return true
  } catch (error) {
    if (error instanceof InfraError) return false
    throw error
  }
}

/** Includes klab's file in the user's, at the top: what comes first wins. Done once. */
export function installInclude(path: string, home: string): void {
  const file = join(home, '.ssh', 'config')
  const line = `Include "${path}"`
  mkdirSync(join(home, '.ssh'), { recursive: true, mode: 0o700 })
  const text = existsSync(file) ? readFileSync(file, 'utf8') : ''
  if (text.split('\n').includes(line)) return
  writeFileSync(file, `${line}\n${text === '' ? '' : `\n${text}`}`, { mode: 0o600 })
}
