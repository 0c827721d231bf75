import { closeSync, readSync } from 'node:fs'

import { openOutside } from '../../host/index.ts'

/** What a file's name, and where need be its beginning, say that it is. */
interface Look {
  readonly kind: string
  /** Patterns of find -name. */
  readonly names: readonly string[]
  /** Many files have such names: this tells the secret ones. */
  readonly content?: RegExp
}

/** What is looked for where a guest can look: by form, for the list (host-view/secrets.ts) knows only usual places. */
const LOOKS: readonly Look[] = [
  {
    kind: 'private key',
    names: ['*.pem', '*.key', '*.crt', '*_key', 'id_*', '*.ppk', 'identity'],
    content: /PRIVATE KEY|^PuTTY-User-Key-File|AGE-SECRET-KEY/m,
  },
  {
    kind: 'key store',
    names: ['*.p12', '*.pfx', '*.jks', '*.kdbx', '*.keytab', 'krb5cc*', 'secring.gpg', '*.psafe3'],
  },
  { kind: 'keys of gpg', names: ['pubring.kbx', 'trustdb.gpg'] },
  {
    kind: 'password file',
    names: ['shadow', 'shadow-', 'shadow.bak', 'gshadow', 'gshadow-', 'gshadow.bak', 'opasswd'],
    content: /^[^:\s]+:(?:[!*]*\$|!|\*)/m,
  },
  {
    kind: 'password file',
    names: [
      '.htpasswd',
      '.pgpass',
      '.my.cnf',
      '.mylogin.cnf',
      '.smbcredentials',
      'wpa_supplicant.conf',
    ],
  },
  {
    kind: 'passwords or tokens',
    names: [
      '.env',
      '.env.*',
      '.npmrc',
      '.yarnrc',
      '.yarnrc.yml',
      '.pypirc',
      'pip.conf',
      '.netrc',
      '_netrc',
    ],
    content: /(?:token|passw(?:or)?d|secret|_auth|api_?key)\w*["']?\s*[=:\s]\s*\S/i,
  },
  {
    kind: 'passwords or tokens',
    names: [
      'auth.json',
      'config.json',
      'hosts.yml',
      'settings.xml',
      'kubeconfig',
      '*.kubeconfig',
      '.gitconfig',
    ],
    content:
      /"auth"\s*:\s*"\S|oauth_token|"identitytoken"|<password>|client-key-data|extraheader\s*=\s*authorization|smtppass\s*=/i,
  },
  {
    kind: 'token',
    names: [
      ...[
        '.git-credentials',
        '.vault-token',
        'credentials',
        'credentials.json',
        'credentials.toml',
      ],
      ...[
        'credentials.db',
        'access_tokens.db',
        'application_default_credentials.json',
        '.dockercfg',
      ],
      ...['.s3cfg', 'rclone.conf', '*.tfstate', 'msmtprc', '.msmtprc', '.credentials.json'],
    ],
  },
  { kind: 'browser profile', names: ['logins.json', 'key4.db', 'cookies.sqlite', 'Login Data'] },
  { kind: 'what was typed', names: ['.*_history', 'fish_history'] },
  { kind: "klab's history of runs", names: ['klab.db'] },
]

/** The arguments of find that print all candidates below a directory: `s` or `f`, the path in it, NUL. Pure. */
export function findArgs(dir: string): string[] {
  const names = LOOKS.flatMap((look) => look.names).flatMap((name) => ['-o', '-name', name])
  return [
    ...[dir, '-type', 's', '-printf', String.raw`s%P\0`],
    ...[
      '-o',
      '-type',
      'f',
      '-size',
      '+0',
      '(',
      ...names.slice(1),
      ')',
      '-printf',
      String.raw`f%P\0`,
    ],
  ]
}

/** What a file looks like; undefined for one that only has such a name. */
export function kindOf(path: string): string | undefined {
  const name = path.slice(path.lastIndexOf('/') + 1)
  const looks = LOOKS.filter(({ names }) => names.some((pattern) => fits(name, pattern)))
  const plain = looks.find(({ content }) => content === undefined)
  if (plain || looks.length === 0) return plain?.kind
  const text = beginningOf(path)
  return looks.find(({ content }) => content?.test(text))?.kind
}

/** As find -name: these have no more than two stars. */
function fits(name: string, pattern: string): boolean {
  const [start = '', ...rest] = pattern.split('*')
  const end = rest.at(-1)
  if (end === undefined) return name === pattern
  return name.length >= start.length + end.length && name.startsWith(start) && name.endsWith(end)
}

const BEGINNING = 64 * 1024

/** Empty for what cannot be read: then a guest cannot either. */
function beginningOf(path: string): string {
  const buffer = Buffer.alloc(BEGINNING)
  try {
    const fd = openOutside(path)
    try {
      return buffer.toString('latin1', 0, readSync(fd, buffer))
    } finally {
      closeSync(fd)
    }
  } catch {
    return ''
  }
}
