import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'

import { commandsFor, type Given } from '../support/damage-commands.ts'
import { complaintAbout, damage, DAMAGES, filesOf, type Damage } from '../support/damage.ts'
import { oneOf, type Random } from '../support/random.ts'
import { SoundHome } from '../support/sound-home.ts'
import type { Attacked, Attacker, Kind } from './kind.ts'

/** DAMAGE_ONLY says which files, by a part of their path. */
export const damagedHome: Kind = {
  about: 'one file of what klab keeps damaged; klab goes on with that',
  row: 30,
  begin: async () => {
    const home = new SoundHome(mkdtempSync('/tmp/klab-attack-'))
    await home.fill()
    return new DamagedHome(home)
  },
}

class DamagedHome implements Attacker {
  readonly #home: SoundHome
  readonly #files: readonly string[]

  constructor(home: SoundHome) {
    this.#home = home
    home.renew()
    const only = process.env['DAMAGE_ONLY'] ?? ''
    this.#files = filesOf(home.path).filter((file) => file.includes(only))
  }

  async attack(random: Random): Promise<Attacked> {
    const home = this.#home
    home.renew()
    const all = commandsFor(home.names)
    const file = oneOf(this.#files, random)
    const what = oneOf(Object.keys(DAMAGES) as Damage[], random)
    const some = () => oneOf(all, random)
    const given = [some(), some(), some(), run(home), some()]
    damage(join(home.path, file), what, random)
    const hits: string[] = []
    for (const one of given) hits.push(...(await this.#give(one)))
    if (!file.startsWith('cache/kernels/')) hits.push(...(await this.#nextRun(file)))
    return { what: `${file} ${what}`, sort: what, hits }
  }

  async #give({ args, alwaysWorks }: Given): Promise<string[]> {
    const result = await this.#home.klab(args)
    const isGone = /there is no |no run |has no snapshot|is in use by/.test(result.stderr)
    const fails = alwaysWorks && result.code !== 0 && !isGone
    // 3: klab status of a VM that does not run.
    const bad =
      complaintAbout(result, [0, 2, 3, 125]) ??
      (fails ? `it exited with ${result.code}` : undefined)
    return bad === undefined ? [] : [hit(args, bad, result.stderr)]
  }

  /** The next run but one is as if nothing had been; unless its kernel was removed. */
  async #nextRun(file: string): Promise<string[]> {
    const { args } = run(this.#home)
    const { code, stderr } = await this.#home.klab(args)
    const isMeant = /there is no kernel|no such kernel|is not a kernel/.test(stderr)
    const isTheUsers = file === 'config.yaml' && code === 2
    const isFine = code === 0 || isMeant || isTheUsers
    return isFine ? [] : [hit(args, `the next run exited with ${code}`, stderr)]
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#home[Symbol.dispose]()
  }
}

function run({ names }: SoundHome): Given {
  return { args: ['run', '-q', '--kernel', names.kernel, '--memory', '512M', '--', 'true'] }
}

function hit(args: readonly string[], bad: string, said: string): string {
  return `klab ${args.join(' ')}: ${bad}\n  ${said.trim().split('\n').slice(0, 6).join('\n  ')}`
}
