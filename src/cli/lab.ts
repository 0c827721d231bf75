import { context, paths, type Lab, type Paths } from '../lab/index.ts'

/** The lab of this process: its environment, its directory, its user. */
export async function currentLab(): Promise<Lab> {
  const { openLab } = await context()
  return await openLab({ cwd: process.cwd(), env: process.env, uid: process.getuid?.() ?? 0 })
}

/** Where klab keeps things, for commands that need no configuration. */
export async function currentPaths(): Promise<Paths> {
  const { pathsFor, preparePaths } = await paths()
  const found = pathsFor(process.env, process.getuid?.() ?? 0)
  preparePaths(found)
  return found
}
