import { mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { run, runOk } from '../../src/host/index.ts'
import { TEST_HOME } from './home.ts'
import { PROGRAM, type KlabResult } from './klab.ts'

/** A number that no account has: no test depends on which accounts a machine has. */
const UID = 54_321

/** Somebody who is not root: whoever runs the tests, or, where that is root, somebody else, with a clone of klab that he can read. */
export class OrdinaryUser implements AsyncDisposable {
  readonly uid: number
  /** His home directory, below one that is his as well. */
  readonly home: string
  /** The clone of klab that he uses: in his home, for his guests do not see what lies beside that. */
  readonly clone: string
  /** A kernel for him. */
  readonly kernel: string
  readonly #place: string
  readonly #become: readonly string[]

  private constructor(place: string) {
    const isRoot = process.getuid?.() === 0
    this.#place = place
    this.uid = isRoot ? UID : (process.getuid?.() ?? UID)
    this.home = join(place, 'h')
    this.kernel = join(place, 'kernel')
    this.clone = isRoot ? join(this.home, 'clone') : join(PROGRAM, '..')
    const ids = ['--reuid', `${UID}`, '--regid', `${UID}`, '--clear-groups']
    this.#become = isRoot ? ['setpriv', ...ids] : ['env']
  }

  static async make(): Promise<OrdinaryUser> {
    const place = realpathSync(mkdtempSync(join(tmpdir(), 'klab-user-')))
    const user = new OrdinaryUser(place)
    mkdirSync(user.home)
    const [id = ''] = readdirSync(join(TEST_HOME, 'cache/kernels'))
    await runOk('cp', ['-r', join(TEST_HOME, 'cache/kernels', id), user.kernel])
    if (process.getuid?.() === 0) {
      await runOk('cp', ['-r', join(PROGRAM, '..'), user.clone])
      await runOk('chown', ['-R', `${UID}:${UID}`, place])
      await runOk('chmod', ['755', place])
    }
    return user
  }

  /** What he sees klab do, in his home directory, with further variables. */
  async klab(
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
  ): Promise<Pick<KlabResult, 'code' | 'stdout' | 'stderr'>> {
    const [file = '', ...before] = this.#become
    const { exit, stdout, stderr } = await run(
      file,
      [...before, join(this.clone, 'klab'), ...args],
      {
        cwd: this.home,
        env: {
          PATH: process.env['PATH'],
          HOME: this.home,
          KLAB_HOME: join(this.home, 'klab'),
          ...env,
        },
      },
    )
    return { code: exit.kind === 'exited' ? exit.code : null, stdout, stderr }
  }

  /** With the VMs that a test has left when it failed. */
  async [Symbol.asyncDispose](): Promise<void> {
    const vms = JSON.parse((await this.klab(['ps', '--json'])).stdout) as { name: string }[]
    for (const { name } of vms) await this.klab(['rm', '--force', name])
    rmSync(this.#place, { recursive: true, force: true })
  }
}
