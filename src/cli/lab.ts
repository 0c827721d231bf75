import { context, paths, trusting, type Lab, type Paths } from '../lab/index.ts'
import { err } from './render/print.ts'

/**
 * The lab of this process: its environment, its directory, its user. For what runs or builds, so whoever is at a terminal is asked whether he trusts the
 * project's file, and without his trust there is no verdict. Throws InfraError then.
 */
export async function currentLab(): Promise<Lab> {
  const lab = await open()
  tellIgnored(lab)
  if (lab.loaded.withheld.length === 0) return lab
  const [{ requireTrust }, { isTrustedNow }] = await Promise.all([
    trusting(),
    import('./trust-question.ts'),
  ])
  if (await isTrustedNow(lab)) return await open()
  requireTrust(lab)
  return lab
}

/** As currentLab, for commands that look and change nothing: what is not trusted is left out, and that is said. */
export async function lookingLab(): Promise<Lab> {
  const lab = await open()
  tellIgnored(lab)
  const { withheld } = lab.loaded
  if (withheld.length > 0)
    err.line(
      `klab: not taken from ${lab.project.file?.path}, which you have not trusted (klab trust): ${withheld.map(({ path }) => path).join(', ')}`,
    )
  return lab
}

/** As lookingLab, and says nothing: a shell completes a line. */
export async function quietLab(): Promise<Lab> {
  return await open()
}

async function open(): Promise<Lab> {
  const { openLab } = await context()
  return await openLab({ cwd: process.cwd(), env: process.env, uid: process.getuid?.() ?? 0 })
}

function tellIgnored({ project }: Lab): void {
  for (const { path, why } of project.ignored) err.line(`klab: ${path} counts for nothing: ${why}`)
}

/** Where klab keeps things, for commands that need no configuration. */
export async function currentPaths(): Promise<Paths> {
  const { pathsFor, preparePaths } = await paths()
  const found = pathsFor(process.env, process.getuid?.() ?? 0)
  preparePaths(found)
  return found
}
