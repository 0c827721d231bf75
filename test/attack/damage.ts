import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'

import { commandsFor, type Given } from '../support/damage-commands.ts'
import { complaintAbout, damage, DAMAGES, filesOf, randomFrom } from '../support/damage.ts'
import type { Damage, Random } from '../support/damage.ts'
import { SoundHome } from '../support/sound-home.ts'

/**
 * Damages what klab keeps, file by file, and lets it go on with that: `npm run attack:damage -- [SECONDS] [SEED]`. Prints what it
 * met with; exits with 1 when a klab did not answer as it should, or the next run did not work. The same seed does the same.
 */
async function main([seconds = '60', seed = '1']: readonly string[]): Promise<number> {
  using home = new SoundHome(mkdtempSync('/tmp/klab-attack-'))
  await home.fill()
  const until = performance.now() + Number(seconds) * 1000
  const random = randomFrom(Number(seed))
  const all = commandsFor(home.names)
  let [attacks, commands] = [0, 0]
  const hits: string[] = []
  const only = process.env['DAMAGE_ONLY']
  home.renew()
  const files = filesOf(home.path).filter((file) => only === undefined || file.includes(only))
  for (; performance.now() < until; attacks++) {
    home.renew()
    const file = one(files, random)
    const what = one(Object.keys(DAMAGES) as Damage[], random)
    const given = [
      one(all, random),
      one(all, random),
      one(all, random),
      run(home),
      one(all, random),
    ]
    damage(join(home.path, file), what, random)
    for (const { args, alwaysWorks } of given) {
      commands++
      const result = await home.klab(args)
      const isGone = /there is no |no run |has no snapshot/.test(result.stderr)
      const bad =
        complaintAbout(result) ??
        (alwaysWorks && result.code !== 0 && !isGone ? `it exited with ${result.code}` : undefined)
      if (bad !== undefined) hits.push(hit({ file, what, args, bad, said: result.stderr }))
    }
    if (!file.startsWith('cache/kernels/')) hits.push(...(await nextRun(home, { file, what })))
  }
  console.log(`${attacks} attacks, ${commands} commands, ${hits.length} hits (seed ${seed})`)
  return hits.length === 0 ? 0 : 1
}

function run({ names }: SoundHome): Given {
  return { args: ['run', '-q', '--kernel', names.kernel, '--memory', '512M', '--', 'true'] }
}

/** The next run but one is as if nothing had been; unless its kernel was removed. */
async function nextRun(
  home: SoundHome,
  at: { readonly file: string; readonly what: Damage },
): Promise<string[]> {
  const { args } = run(home)
  const { code, stderr } = await home.klab(args)
  const isMeant = /there is no kernel|no such kernel|is not a kernel/.test(stderr)
  const isTheUsers = at.file === 'config.yaml' && code === 2
  return code === 0 || isMeant || isTheUsers
    ? []
    : [hit({ ...at, args, bad: `the next run exited with ${code}`, said: stderr })]
}

function hit(facts: {
  readonly file: string
  readonly what: string
  readonly args: readonly string[]
  readonly bad: string
  readonly said: string
}): string {
  const { file, what, args, bad, said } = facts
  const text = `${file} ${what}: klab ${args.join(' ')}: ${bad}\n  ${said.trim().split('\n').slice(0, 6).join('\n  ')}`
  console.log(text)
  return text
}

function one<T>(list: readonly T[], random: Random): T {
  const found = list[Math.floor(random() * list.length)]
  if (found === undefined) throw new Error('nothing to choose from')
  return found
}

process.exitCode = await main(process.argv.slice(2))
