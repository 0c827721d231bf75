import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs'
import { join } from 'node:path'

/** What holds keys and credentials in a home directory. */
const SECRETS_AT_HOME = [
  '.ssh',
  '.gnupg',
  '.aws',
  '.azure',
  '.kube',
  '.docker',
  '.config/gcloud',
  '.config/gh',
  '.config/hub',
  '.config/op',
  '.config/containers/auth.json',
  '.local/share/keyrings',
  '.password-store',
  '.mozilla',
  '.config/google-chrome',
  '.config/chromium',
  '.netrc',
  '.npmrc',
  '.pypirc',
  '.git-credentials',
  '.config/git/credentials',
  '.vault-token',
  '.terraform.d',
  '.cargo/credentials',
  '.cargo/credentials.toml',
] as const

/** The machine's own. */
const SECRETS_OF_THE_MACHINE = [
  '/etc/shadow-',
  '/etc/gshadow',
  '/etc/gshadow-',
  '/etc/sudoers.d',
  '/etc/ssl/private',
  '/var/lib/sss/secrets',
] as const

/**
 * The paths of this machine that no guest sees: keys and cloud credentials of the user, host keys, homes of others,
 * and what the configuration adds. Only what is there, with links resolved: a cover goes over the thing itself.
 */
export function hiddenPaths(
  home: string,
  cwd: string,
  { more, passwd = '/etc/passwd' }: { more: readonly string[]; passwd?: string },
): string[] {
  const others = otherHomes(home, passwd)
  // Whoever works in somebody's home (sudo) sees it, but not the secrets in it.
  const seen = [home, ...others.filter((other) => `${cwd}/`.startsWith(`${other}/`))]
  const wanted = [
    ...seen.flatMap((dir) => SECRETS_AT_HOME.map((path) => join(dir, path))),
    ...SECRETS_OF_THE_MACHINE,
    ...hostKeys(),
    ...others.filter((other) => !seen.includes(other)),
    ...more,
  ]
  const real = wanted.filter((path) => existsSync(path)).map((path) => realpathSync(path))
  return [...new Set(real)].toSorted()
}

function hostKeys(): string[] {
  if (!existsSync('/etc/ssh')) return []
  return readdirSync('/etc/ssh')
    .filter((file) => /^ssh_host_.*_key$/.test(file))
    .map((file) => join('/etc/ssh', file))
}

/** From passwd(5): accounts of people (uid 1000 on) and root, but not our own home nor anything above it. */
function otherHomes(home: string, passwd: string): string[] {
  const homes = readFileSync(passwd, 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
    .filter(([, , uid]) => Number(uid) === 0 || (Number(uid) >= 1000 && Number(uid) < 65_534))
    .map((fields) => fields[5] ?? '')
  return homes.filter((other) => other.length > 1 && !`${home}/`.startsWith(`${other}/`))
}
