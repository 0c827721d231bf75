import { spawnSync } from 'node:child_process'

const LIMIT_MS = 5_000

/** The line of passwd(5) for an account that is in no file of this machine: getent(1) asks all that nsswitch.conf(5) names. */
export function askForAccount(who: string): string | undefined {
  const { status, stdout } = spawnSync('getent', ['passwd', '--', who], {
    ...{ encoding: 'utf8', timeout: LIMIT_MS, stdio: ['ignore', 'pipe', 'ignore'] },
  })
  return status === 0 && stdout.includes(':') ? stdout.trim() : undefined
}
