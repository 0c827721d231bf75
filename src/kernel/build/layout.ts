import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { InfraError, packagePath } from '../../base/index.ts'
import type { Shop } from './work.ts'

const DIR = 'klab-layout'

/** What profiles/layout.c has to know of the sources: a macro, and a file with what it has in it where that is so. */
const FEATURES = [
  // Of tk_core, whose structure is in no header.
  ['KLAB_TK_RAW_SPINLOCK', 'kernel/time/timekeeping.c', 'seqcount_raw_spinlock_t'],
  // Since commit 2f064a59a11f ("sched: Change task_struct::state") (v5.14) `state` is `__state`.
  ['KLAB_TASK_STATE', 'include/linux/sched.h', '__state;'],
  // Since commit ac3b43283923 ("module: replace module_layout with module_memory") (v6.4).
  ['KLAB_MODULE_MEM', 'include/linux/module.h', 'struct module_memory'],
] as const

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
  await writeFile(join(dir, 'Kbuild'), `obj-y := layout.o\n${FEATURES.map(flagOf).join('')}`)
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

/** Asked of the sources where make runs. */
function flagOf([macro, file, text]: (typeof FEATURES)[number]): string {
  return `ccflags-y += $(if $(shell grep -l '${text}' $(srctree)/${file} 2>/dev/null),-D${macro})\n`
}
