import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { complaintAbout, damage, DAMAGES, filesOf, randomFrom } from '../support/damage.ts'
import type { Damage } from '../support/damage.ts'
import { SoundHome } from '../support/sound-home.ts'

const home = new SoundHome(mkdtempSync('/tmp/klab-damage-'))
let files: string[] = []
beforeAll(async () => {
  await home.fill()
  home.renew()
  files = filesOf(home.path)
})
afterAll(() => home[Symbol.dispose]())

/** What of klab's home a file belongs to: a command that reads it, and one that removes what it is a part of and always works. */
interface Area {
  readonly files: RegExp
  readonly reads: readonly string[]
  readonly removes?: readonly string[]
  /** A run does without it, or makes it anew. */
  readonly isLeftOut?: true
}

function areas(): readonly Area[] {
  const { kernel, run, template } = home.names
  const runs = ['run', '-q', '--kernel', kernel, '--memory', '512M', '--', 'true']
  return [
    {
      files: /^cache\/kernels\/\w+\/(?:manifest|image|vmlinux|config|System)/,
      reads: runs,
      removes: ['kernel', 'rm', kernel],
    },
    {
      files: /^cache\/templates\//,
      reads: runs,
      removes: ['template', 'rm', template],
      isLeftOut: true,
    },
    { files: /^cache\/(?:native|qemu|accelerator|config)\//, reads: runs, isLeftOut: true },
    { files: /^cache\/places\//, reads: ['crash', 'show', home.names.crash] },
    { files: /^config\.yaml$/, reads: ['config', 'get', 'machine.cpus'] },
    { files: /^state\/klab\.db/, reads: runs, removes: ['runs', 'rm', run], isLeftOut: true },
    {
      files: new RegExp(`^state/runs/${run}/`),
      reads: ['runs', 'show', run, '--console'],
      removes: ['runs', 'rm', run],
    },
    { files: /\/vmcore$/, reads: ['crash', 'export', home.names.crash, '--dump'] },
    {
      files: /\/snapshots\//,
      reads: ['snapshot', 'ls', 'box'],
      removes: ['snapshot', 'rm', 'box', 'one'],
    },
    { files: /\/vm\.json$/, reads: ['status', 'box'], removes: ['rm', '--force', 'box'] },
    { files: /^state\/ssh\//, reads: ['ssh-config'] },
  ]
}

const KINDS = (Object.keys(DAMAGES) as Damage[]).filter((kind) => kind !== 'gone')

describe.each(KINDS)('a file of klab that is %s', (kind) => {
  test('stops nothing else: each command answers, what it is a part of can be removed, and the next run works', async () => {
    const random = randomFrom(1)
    const bad: string[] = []
    for (const { files: pattern, reads, removes, isLeftOut } of areas())
      for (const file of files.filter((path) => pattern.test(path))) {
        home.renew()
        damage(join(home.path, file), kind, random)
        const say = (args: readonly string[], what: string | undefined, said = '') =>
          what !== undefined && bad.push(`${file}: klab ${args.join(' ')}: ${what}\n${said}`)
        const first = await home.klab(reads)
        // klab status of a VM that does not run.
        say(reads, complaintAbout(first, [0, 2, 3, 125]), first.stderr)
        if (isLeftOut && first.code !== 0) say(reads, `exits with ${first.code}`, first.stderr)
        if (!removes) continue
        const removed = await home.klab(removes)
        const isGone = /there is no /.test(removed.stderr)
        if (removed.code !== 0 && !isGone)
          say(removes, `exits with ${removed.code}`, removed.stderr)
      }
    expect(bad).toEqual([])
  }, 900_000)
})
