import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { InfraError } from '../../base/index.ts'
import { packagePath } from '../../host/index.ts'
import type { Shop } from './work.ts'

const DIR = 'klab-layout'

/**
 * Where a kernel keeps what, by the compiler that made it: profiles/layout.c compiled as an external module is, which takes a second where DWARF for
 * all would double the build. Returns the JSON text of names and numbers; undefined for a kernel that it does not fit.
 */
export async function compileLayout(
  output: string,
  { workshop, variables }: Shop,
): Promise<string | undefined> {
  const dir = join(output, DIR)
  await rm(dir, { recursive: true, force: true })
  await mkdir(dir, { recursive: true })
  await copyFile(packagePath('profiles', 'layout.c'), join(dir, 'layout.c'))
  await writeFile(join(dir, 'Kbuild'), 'obj-y := layout.o\n')
  try {
    await workshop.make({
      targets: ['layout.s'],
      variables: [...variables, `M=${join(workshop.output, DIR)}`],
      jobs: 1,
    })
    const assembly = await readFile(join(dir, 'layout.s'), 'utf8')
    const told = [...assembly.matchAll(/^->(\S+) \$?(\d+)/gm)]
    return `${JSON.stringify(Object.fromEntries(told.map(([, name, value]) => [name, Number(value)])), null, 2)}\n`
  } catch (error) {
    // The kernel is as good without; klab inspect asks its DWARF then, if it has any.
    if (error instanceof InfraError) return undefined
    throw error
  }
}
