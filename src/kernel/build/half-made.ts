import { existsSync } from 'node:fs'
import { readdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** Among the objects, from the first make of a build to the end of its last. */
const MAKING = 'klab.making'

/**
 * Says that a build begins among these objects, and takes away what one that was killed was just writing. kbuild takes a file for made when it is newer
 * than its sources and there is a word of its command beside it (`.NAME.cmd`), be it of an earlier build. It writes that word when the file is whole, so
 * a file that is newer than the word is not.
 */
export async function beginMaking(output: string): Promise<void> {
  const path = join(output, MAKING)
  if (existsSync(path)) await removeHalfMade(output)
  await writeFile(path, '')
}

/** Says that all that was begun is whole. */
export async function endMaking(output: string): Promise<void> {
  await rm(join(output, MAKING), { force: true })
}

async function removeHalfMade(output: string): Promise<void> {
  for (const dir of await directoriesOf(output)) {
    const names = await readdir(dir)
    const words = names.filter((name) => name.startsWith('.') && name.endsWith('.cmd'))
    for (const word of words) {
      const target = join(dir, word.slice('.'.length, -'.cmd'.length))
      if (await isNewer(target, join(dir, word))) await rm(target)
    }
  }
}

async function directoriesOf(output: string): Promise<string[]> {
  const entries = await readdir(output, { recursive: true, withFileTypes: true })
  const below = entries.filter((entry) => entry.isDirectory())
  return [output, ...below.map(({ parentPath, name }) => join(parentPath, name))]
}

async function isNewer(path: string, other: string): Promise<boolean> {
  // A word may be of a file that has been removed.
  const [one, two] = await Promise.all(
    [path, other].map((file) => stat(file).catch(() => undefined)),
  )
  return one !== undefined && two !== undefined && one.isFile() && one.mtimeMs > two.mtimeMs
}
