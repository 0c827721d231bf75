// node test/support/write-roles.ts TREE...: writes tables/roles.txt from kernel trees (of 6.1 and 6.12), by the rules in rules.ts. Needs
// Universal Ctags. Run by hand, when a rule or a tree is new: `./check` has no trees of two versions.
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'

import { packagePath } from '../../src/base/index.ts'
import { LETTERS, RULES, type Role } from '../../src/crash/roles/rules.ts'

/** A function as a tree defines it. */
interface Definition {
  readonly name: string
  readonly file: string
  /** Static, or in a header: another file may have one that is called so. */
  readonly isLocal: boolean
}

const OPTIONS = [
  ...['--languages=C', '--langmap=C:.c.h', '--kinds-C=f', '--fields=f', '--sort=no', '-R', '-f-'],
  ...['tools', 'Documentation', 'samples', 'scripts', 'usr'].map((dir) => `--exclude=${dir}`),
]

function definitionsIn(tree: string): Definition[] {
  const { stdout, status, stderr } = spawnSync('ctags', [...OPTIONS, '.'], {
    cwd: tree,
    encoding: 'latin1',
    maxBuffer: 1 << 30,
  })
  if (status !== 0) throw new Error(`ctags in ${tree}: ${stderr}`)
  return stdout.split('\n').flatMap((line) => {
    const [name = '', path = '', ...rest] = line.split('\t')
    // Macros that look like functions are no symbols.
    if (!/^[A-Za-z_]\w*$/.test(name) || /^[A-Z][A-Z0-9_]+$/.test(name)) return []
    const file = path.replace(/^\.\//, '')
    return [{ name, file, isLocal: rest.includes('file:') || file.endsWith('.h') }]
  })
}

function ruled({ name, file }: Definition): Role | undefined {
  const rule = RULES.find(
    ({ files, names, but }) =>
      files.test(file) && (names?.test(name) ?? true) && !(but?.test(name) ?? false),
  )
  return rule?.role === 'own' ? undefined : rule?.role
}

/** What is linked into another program than the kernel, or stands for it where there is none. */
const ELSEWHERE =
  /^arch\/[^/]+\/(?:boot|include|um|purgatory)|^arch\/um\/|^include\/|\/boot\/|^drivers\/(?:staging|firmware\/efi\/libstub)/

/** What stands for the role of a name: a capital letter when another function that is called so may be anybody's. */
function letterOf(definitions: readonly Definition[]): string | undefined {
  const judged = definitions.map((one) => ({ ...one, role: ruled(one) }))
  const known = judged.filter(({ role }) => role !== undefined)
  const isAmbiguous =
    known.every(({ isLocal }) => isLocal) &&
    judged.some(({ role, file }) => role === undefined && !ELSEWHERE.test(file))
  const { role } = known.find(({ file }) => !file.startsWith('arch/')) ?? known[0] ?? {}
  if (role === undefined) return undefined
  return isAmbiguous ? LETTERS[role].toUpperCase() : LETTERS[role]
}

const byName = Map.groupBy(process.argv.slice(2).flatMap(definitionsIn), ({ name }) => name)
const lines = [...byName]
  .flatMap(([name, definitions]) => {
    const letter = letterOf(definitions)
    return letter === undefined ? [] : [`${name}\t${letter}`]
  })
  .toSorted()
if (lines.length === 0) throw new Error('usage: node test/support/write-roles.ts TREE...')
writeFileSync(packagePath('tables', 'roles.txt'), `${lines.join('\n')}\n`)
