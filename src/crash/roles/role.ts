import { readFileSync } from 'node:fs'

import { packagePath } from '../../base/index.ts'
import { roleByName, roleInModule } from './names.ts'
import { LETTERS, type Role } from './rules.ts'

/**
 * What a function of the kernel is for, when it is not the business of its callers; undefined for all others. What the kernel's sources
 * say of it (tables/roles.txt, written by test/support/write-roles.ts); of what those do not define, its name. A module has of them what headers put into it.
 */
export function roleOf(name: string, module?: string): Role | undefined {
  if (module !== undefined) return inTable(name) ?? roleInModule(name)
  const known = asked.get(name)
  if (known !== undefined || asked.has(name)) return known
  if (asked.size >= MOST_ASKED) asked.clear()
  const role = inTable(name) ?? roleByName(name)
  asked.set(name, role)
  return role
}

/** Whether a function with that role is never to blame for what others do with it: one that calls everybody may be, for a fault of its own. */
export function isMachinery(role: Role | undefined): boolean {
  return role !== undefined && role !== 'dispatch'
}

/** Reports are much alike. */
const asked = new Map<string, Role | undefined>()
const MOST_ASKED = 500

/**
 * The role that one of several functions of that name has, when its caller has it too: a driver's `hex_string` is not called by what formats for
 * printk.
 */
export function roleBeneath(name: string, caller: Role | undefined): Role | undefined {
  if (caller === undefined || letterInTable(name) !== LETTERS[caller].toUpperCase())
    return undefined
  return caller
}

const BY_LETTER = new Map(Object.entries(LETTERS).map(([role, letter]) => [letter, role as Role]))

/** Lines `name<TAB>letter`, a capital one for names that others have as well, in the order of their names; read when the first report is. */
let table: Buffer | undefined

function inTable(name: string): Role | undefined {
  const letter = letterInTable(name)
  return letter === undefined ? undefined : BY_LETTER.get(letter)
}

/** Searches the bytes as they are: as strings in a map they would take ten times the memory. */
function letterInTable(name: string): string | undefined {
  table ??= readFileSync(packagePath('tables', 'roles.txt'))
  const wanted = Buffer.from(`${name}\t`, 'latin1')
  // Lines that begin before `low` are smaller, those that begin at `high` or behind it are not.
  let [low, high] = [0, table.length]
  while (low < high) {
    const start = table.lastIndexOf(10, (low + high - 1) >> 1) + 1
    const line = Math.max(start, low)
    const order = table.compare(wanted, 0, wanted.length, line, line + wanted.length)
    if (order === 0) return table.toString('latin1', line + wanted.length, line + wanted.length + 1)
    if (order < 0) low = table.indexOf(10, line) + 1
    else high = line
  }
  return undefined
}
