import { readFileSync } from 'node:fs'

import { packagePath } from '../../base/index.ts'
import { roleByName } from './names.ts'
import { ROLES, type Role } from './rules.ts'

/**
 * What a function of the kernel is for, when it is not the business of its callers; undefined for all others. What the kernel's sources
 * say of it (tables/roles.txt, written by generate.ts); of what those do not define, its name.
 */
export function roleOf(name: string): Role | undefined {
  return table().get(name) ?? roleByName(name)
}

let read: ReadonlyMap<string, Role> | undefined

/** Lines `name<TAB>index of ROLES`, read when the first report is. */
function table(): ReadonlyMap<string, Role> {
  read ??= new Map(
    readFileSync(packagePath('tables', 'roles.txt'), 'latin1')
      .split('\n')
      .flatMap((line) => {
        const role = ROLES[Number(line.slice(line.indexOf('\t') + 1))]
        return role ? [[line.slice(0, line.indexOf('\t')), role]] : []
      }),
  )
  return read
}
