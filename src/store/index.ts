import type { Store } from './store.ts'

export { withoutValues } from './kept-request.ts'
export { isProblem } from './problem.ts'
export { runWriter, type RunWriter } from './run-writer.ts'
export type { NewRun, RunRow, StoredReport } from './schema.ts'
export type { CrashRow, RunFilter, Store } from './store.ts'

/** Opens the database for questions. Throws InfraError. */
export async function openStore(path: string): Promise<Store> {
  // Loaded when needed: a run does without.
  const { Store: Opened } = await import('./store.ts')
  return await Opened.open(path)
}
