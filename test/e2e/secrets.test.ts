import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'

import { run, runOk } from '../../src/host/index.ts'
import { TEST_HOME } from '../support/home.ts'
import { testTree } from '../support/kernels.ts'
import { klab, PROGRAM } from '../support/klab.ts'
import { TestVms } from '../support/vms.ts'

const dir = realpathSync(mkdtempSync(join(tmpdir(), 'klab-secrets-')))
afterAll(() => rmSync(dir, { recursive: true }))

const isRoot = process.getuid?.() === 0
const CANARY = 'canary-that-no-guest-may-see'

function put(path: string, text = `${CANARY}\n`): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
}

/** A home with a secret, a link to another, and what is none. */
function homeAt(name: string): string {
  const home = join(dir, name)
  put(join(home, '.npmrc'))
  put(join(home, '.ssh/id_ed25519'))
  put(join(dir, `${name}-vault/credentials`))
  symlinkSync(join(dir, `${name}-vault`), join(home, '.aws'))
  put(join(home, '.bashrc'), 'no secret\n')
  put(join(home, 'work/file'), 'no secret\n')
  return home
}

/** Where the guest finds the canary, of several directories. */
const search = (...dirs: string[]) => ['grep', '-rls', CANARY, ...dirs]

describe('no guest sees a secret', () => {
  test.each(['9p', 'virtiofs'])(
    'that is renamed into its place, made later, or made anew, in the root or a share of any mode, by %s',
    async (by) => {
      await using vms = new TestVms()
      const home = homeAt(`kept-${by}`)
      const name = vms.name(`kept-${by}`)
      const shares = ['cow', 'ro', 'rw'].flatMap((mode) => [
        '--share',
        `${mode}:${home}:/mnt/${mode}`,
      ])
      const more = ['--share', `ro:${dir}:/mnt/above`]
      const args = ['start', '-q', name, '--tree', testTree(), '--transport', by]
      const started = await klab([...args, ...shares, ...more], { env: { HOME: home } })
      expect(started.stderr).toBe('')
      const seen = async () =>
        (
          await vms.exec(name, [
            ...search(
              home,
              `${home}-vault`,
              '/mnt/cow',
              '/mnt/ro',
              '/mnt/rw',
              `/mnt/above/kept-${by}`,
              `/mnt/above/kept-${by}-vault`,
            ),
          ])
        ).stdout
      expect(await seen()).toBe('')
      // As npm, git and passwd write.
      put(join(home, '.npmrc.new'))
      renameSync(join(home, '.npmrc.new'), join(home, '.npmrc'))
      put(join(home, '.netrc'))
      put(join(home, '.config/gh/hosts.yml'))
      renameSync(join(home, '.ssh'), join(home, '.ssh.old'))
      put(join(home, '.ssh/id_rsa'))
      rmSync(join(home, '.aws'))
      put(join(home, '.aws/credentials'))
      expect(await seen()).toBe('')
      // What is none is seen, and a share is still the host's.
      const harmless = [
        'cat',
        join(home, '.bashrc'),
        '/mnt/ro/work/file',
        `/mnt/above/kept-${by}/work/file`,
      ]
      expect((await vms.exec(name, harmless)).stdout).toBe('no secret\n'.repeat(3))
      // Nor is anything else that is new beside a secret, until the next VM.
      put(join(home, 'new/file'), 'no secret\n')
      expect((await vms.exec(name, ['ls', join(home, 'new'), '/mnt/ro/new'])).stdout).toBe('')
      writeFileSync(join(home, 'work/later'), 'later\n')
      const writes =
        'cat /mnt/rw/work/later; echo guest > /mnt/rw/work/made; echo x > /mnt/rw/.netrc'
      const wrote = await vms.exec(name, ['sh', '-c', writes])
      expect(wrote.stdout).toBe('later\n')
      expect(wrote.stderr).toContain('Read-only file system')
      expect(readFileSync(join(home, 'work/made'), 'utf8')).toBe('guest\n')
      expect(readFileSync(join(home, '.netrc'), 'utf8')).toBe(`${CANARY}\n`)
    },
  )

  test.runIf(isRoot)(
    'where its directory is mounted a second time, or what holds no files is',
    async () => {
      const home = homeAt('mounted')
      const places = ['again', 'keys', 'proc', 'dev', 'run'].map((name) => join(dir, 'mnt', name))
      const [again = '', keys = '', proc = '', dev = '', machine = ''] = places
      for (const place of places) mkdirSync(place, { recursive: true })
      // In a namespace of the test's own: nothing of it is left.
      const script = [
        `mount --bind ${home} ${again} && mount --bind ${home}/.ssh ${keys}`,
        `mount -t proc proc ${proc} && mount -t devtmpfs dev ${dev}`,
        `mount --bind /run ${machine} && exec "$@"`,
      ].join(' && ')
      const guest = `${search(again, keys).join(' ')}; cat ${again}/work/file; ls ${proc} ${dev} ${machine} ${keys}`
      const result = await run(
        'unshare',
        [
          ...['--mount', 'sh', '-c', script, 'sh', PROGRAM, 'run', '-q', '--tree', testTree()],
          ...['--', 'sh', '-c', guest],
        ],
        { cwd: dir, env: { ...process.env, HOME: home, KLAB_HOME: TEST_HOME } },
      )
      expect(result.stderr).toBe('')
      const empty = [proc, dev, machine, keys].toSorted().map((place) => `${place}:\n`)
      expect(result.stdout.split('no secret\n')[0]).toBe('')
      expect(new Set(result.stdout.split('no secret\n')[1]?.trim().split('\n\n'))).toEqual(
        new Set(empty.map((line) => line.trim())),
      )
    },
  )

  test('of this machine: passwords, host keys, sockets, other runs, other processes', async () => {
    const own = TEST_HOME
    const empty = join(dir, 'empty')
    mkdirSync(empty)
    const args = ['run', '-q', '--user', 'root', '--tree', testTree()]
    const script = [
      `for f in /etc/gshadow ${own}/state/klab.db ${own}/cache/templates/* ${own}/run/*; do [ ! -e "$f" ] || echo "$f"; done`,
      'ls /etc/ssh | grep _key; grep -v ":\\*:" /etc/shadow',
      'find /run /var/lib -xdev -type s 2>/dev/null',
      // What hangs in unused places of the template.
      'for n in 1 2 3; do mkdir -p /x/$n; mount -t 9p -o trans=virtio,version=9p2000.L klab.share$n /x/$n && ls -A /x/$n; done',
      'umount /x/3',
    ].join('; ')
    const result = await klab(
      [...args, '--share', `ro:${empty}:/mnt/own`, '--', 'sh', '-c', script],
      { env: { HOME: homeAt('machine') } },
    )
    expect(result).toMatchObject({ code: 0, stdout: '', stderr: '' })
  })

  test('that its user has listed', async () => {
    const project = join(dir, 'project')
    put(join(project, 'mine'))
    put(join(project, 'file'), 'no secret\n')
    const { stdout } = await klab(
      ['run', '-q', '--tree', testTree(), '--', 'sh', '-c', 'cat mine file'],
      { env: { KLAB_RUN_HIDE: join(project, 'mine') }, cwd: project },
    )
    expect(stdout).toBe('no secret\n')
  })

  test('by a share of the secret itself, which is refused', async () => {
    const home = homeAt('refused')
    for (const share of [join(home, '.ssh'), `${home}-vault`, '/proc/1', TEST_HOME]) {
      const args = [
        'run',
        '-q',
        '--tree',
        testTree(),
        '--share',
        `ro:${share}:/mnt/x`,
        '--',
        'true',
      ]
      const { code, stderr } = await klab(args, { env: { HOME: home } })
      if (share === TEST_HOME) expect(code).toBe(0)
      else expect(`${code} ${stderr}`).toMatch(/^125 klab: .* cannot be shared: no guest sees it/)
    }
  })
})

test('klab doctor --exposed finds in the view of a guest what looks like a secret', async () => {
  const home = homeAt('exposed')
  put(join(home, 'work/.env'), 'API_TOKEN=x\n')
  put(join(home, 'work/site.key'), '-----BEGIN PRIVATE KEY-----\n')
  put(join(home, 'work/public.pem'), '-----BEGIN CERTIFICATE-----\n')
  const options = { env: { HOME: home, KLAB_MACHINE_ROOT: 'none' } }
  const seen = await klab(['doctor', '--exposed', '--share', `rw:${home}:/mnt/home`], options)
  const lines = seen.stdout.split('\n').slice(0, 2).toSorted()
  expect(seen.code).toBe(1)
  expect(lines).toEqual([
    `passwords or tokens  ${home}/work/.env (/mnt/home/work/.env)`,
    `private key          ${home}/work/site.key (/mnt/home/work/site.key)`,
  ])
  const none = await klab(['doctor', '--exposed', '--share', `${home}-vault/..`], {
    env: { ...options.env, KLAB_RUN_HIDE: `${home}/work` },
  })
  expect(none.stdout).not.toContain('exposed/work')
})

describe.runIf(isRoot)('an ordinary user', () => {
  // Not in the directory of the other tests, whose secrets would be above it. Made by the first that needs it.
  const place = `${dir}-ordinary`
  afterAll(() => rmSync(place, { recursive: true, force: true }))
  const home = join(place, 'h')
  const clone = join(place, 'clone')

  /** A number that no account has. */
  const UID = '54321'
  const asUser = ['setpriv', '--reuid', UID, '--regid', UID, '--clear-groups', join(clone, 'klab')]
  const env = { PATH: process.env['PATH'], HOME: home, KLAB_HOME: join(home, 'klab') }
  const kernel = join(place, 'kernel')

  async function prepare(): Promise<void> {
    if (existsSync(clone)) return
    put(join(home, '.netrc'))
    put(join(home, 'file'), 'no secret\n')
    await runOk('cp', ['-r', join(import.meta.dirname, '../..'), clone])
    const [id = ''] = readdirSync(join(TEST_HOME, 'cache/kernels'))
    await runOk('cp', ['-r', join(TEST_HOME, 'cache/kernels', id), kernel])
    await runOk('chown', ['-R', `${UID}:${UID}`, place])
    await runOk('chmod', ['755', place])
  }

  test('without an account has no secrets shown either', async () => {
    await prepare()
    const guest = `id -u; cat ${home}/file /mnt/h/file; ${search(home, '/mnt/h').join(' ')}; ls -A /root /run`
    const args = ['run', '-q', '--kernel', kernel, '--share', `cow:${home}:/mnt/h`]
    const [file, ...rest] = [...asUser, ...args, '--', 'sh', '-c', guest]
    const result = await run(file, rest, { cwd: home, env })
    expect(result.stderr).toBe('')
    expect(result.stdout).toContain(`${UID}\nno secret\nno secret\n`)
    expect(result.stdout).not.toContain('.netrc')
  })

  test('who may have no namespaces is refused what needs one, with the setting at fault', async () => {
    await prepare()
    // In a user namespace of the test's own, which has the limit: there root is this user, and without any right.
    const script =
      'echo 0 > /proc/sys/user/max_user_namespaces && exec setpriv --ambient-caps=-all --inh-caps=-all "$@"'
    const user = ['--user', `--map-user=${UID}`, `--map-group=${UID}`, '--keep-caps']
    const within = async (...args: string[]) =>
      await run('unshare', [...user, 'sh', '-c', script, 'sh', join(clone, 'klab'), ...args], {
        cwd: place,
        env: { ...env, KLAB_HOME: join(place, 'limited') },
      })
    await runOk('chown', ['-R', 'root', place])
    const refused = await within('run', '--kernel', kernel, '--', 'true')
    expect(refused.exit).toEqual({ kind: 'exited', code: 125 })
    expect(refused.stderr).toContain('a guest would see the secrets of this machine')
    expect(refused.stderr).toContain('sysctl user.max_user_namespaces=15000 allows it')
    const told = await within('doctor')
    expect(told.stdout).toContain('get it: sysctl user.max_user_namespaces=15000')
    const bare = ['run', '--kernel', kernel, '--root', 'none', '--share']
    const share = await within(...bare, `cow:${home}:/h`, '--', '/h/file')
    expect(share.stderr).toContain('a guest would see the secrets of this machine')
    const harmless = await within(...bare, `cow:${clone}/docs:/h`, '--', '/h/x')
    expect(harmless.exit).toEqual({ kind: 'exited', code: 127 })
  })
})
