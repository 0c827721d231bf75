import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'

import { runOk } from '../../src/host/index.ts'
import { TEST_CACHE, TEST_HOME } from './home.ts'
import { klab } from './klab.ts'

/** The distribution's kernel source, unpacked once. */
export const TREE_PARENT = join(TEST_CACHE, 'sources')
/** The distribution's prebuilt kernels, as packages. */
export const PACKAGES = join(TEST_CACHE, 'packages')

/** Makes the kernels that the end-to-end tests boot: one built from source, two of the distribution. */
export async function setup(): Promise<void> {
  mkdirSync(TREE_PARENT, { recursive: true })
  mkdirSync(PACKAGES, { recursive: true })
  mkdirSync(TEST_HOME, { recursive: true })
  const script = '. scripts/setup.sh; klab_kernel_source "$1"'
  const tree = (await runOk('sh', ['-c', script, 'sh', TREE_PARENT])).trim()
  for (const name of ['linux-image-amd64', 'linux-image-cloud-amd64']) await download(name)
  const startedAt = Date.now()
  const built = await klab(['build', '--tree', tree], { timeoutMs: 1_500_000 })
  if (built.code !== 0)
    throw new Error(`the kernel for the tests could not be built:\n${built.stderr}`)
  console.log(
    `kernel for the tests: ${built.stdout.trim()} after ${Math.round((Date.now() - startedAt) / 1000)} s`,
  )
}

async function download(metaPackage: string): Promise<void> {
  if (packageOf(metaPackage) !== undefined) return
  // It speaks the user's language otherwise.
  const env = { ...process.env, LC_ALL: 'C' }
  const depends = await runOk('apt-cache', ['depends', metaPackage], { env })
  const name = /Depends: (linux-image-\d\S+)/.exec(depends)?.[1]
  if (name === undefined) throw new Error(`${metaPackage} names no kernel; run apt-get update`)
  const temporary = join(PACKAGES, `${metaPackage}.tmp`)
  rmSync(temporary, { recursive: true, force: true })
  mkdirSync(temporary)
  await runOk('apt-get', ['download', '-qq', name], { cwd: temporary })
  const [file = ''] = readdirSync(temporary)
  renameSync(join(temporary, file), join(PACKAGES, `${metaPackage}.deb`))
  rmSync(temporary, { recursive: true })
}

/** The package of one of the distribution's kernels. */
export function packageOf(metaPackage: string): string | undefined {
  const path = join(PACKAGES, `${metaPackage}.deb`)
  return existsSync(path) ? path : undefined
}

/** The kernel tree of the tests. */
export function testTree(): string {
  const name = readdirSync(TREE_PARENT).find((dir) => dir.startsWith('linux-source-'))
  if (name === undefined) throw new Error('no kernel tree: the global set-up has not run')
  return join(TREE_PARENT, name)
}
