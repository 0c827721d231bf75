import { trustQuestion } from '../../src/lab/session/trust.ts'
import { pathsFor, preparePaths } from '../../src/lab/session/paths.ts'

/** As its user: trusts the klab.yaml of a project as it is now, for a klab with that home. */
export async function trustProject(dir: string, home: string): Promise<void> {
  const paths = pathsFor({ KLAB_HOME: home }, 0)
  preparePaths(paths)
  await (await trustQuestion({ paths, env: {} }, dir)).trust()
}
