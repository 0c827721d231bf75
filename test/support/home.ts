import { homedir } from 'node:os'
import { join } from 'node:path'

/**
 * Where the tests keep klab's cache: kernels take minutes to build, so they outlive a clone. State and sockets of a
 * test are its own.
 */
export const TEST_CACHE = join(
  process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'),
  'klab-test',
)

/** KLAB_HOME of the tests. */
export const TEST_HOME = join(TEST_CACHE, 'home')
