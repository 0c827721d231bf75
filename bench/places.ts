import { execFileSync } from 'node:child_process'
import { homedir } from 'node:os'
import { join } from 'node:path'

export const KLAB = join(import.meta.dirname, '../klab')

const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'klab-test')

/** Where the tests have their kernels. */
export const HOME = join(cache, 'home')

const found = 'ls -d "$1"/sources/linux-source-* | tail -n 1'
/** The kernel source that the tests have unpacked. */
export const TREE = execFileSync('sh', ['-c', found, 'sh', cache]).toString().trim()
