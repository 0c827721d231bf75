import { openLab, type Lab } from '../lab/index.ts'

/** The lab of this process: its environment, its directory, its user. */
export async function currentLab(): Promise<Lab> {
  return await openLab({ cwd: process.cwd(), env: process.env, uid: process.getuid?.() ?? 0 })
}
