import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'

import { waitingTasks, type SymbolTable, type WaitingTask } from '../../crash/index.ts'
import type { Vm } from '../../vm/index.ts'
import { withDump } from '../dumps/dump-file.ts'
import { layoutOf } from '../dumps/layout-of.ts'
import { nameFrame, readPicture } from '../dumps/picture.ts'

/** A guest with more of them is a hostile one, or tells enough with these: reading keeps this process from all else. */
const MOST = { tasks: 2_000, stacks: 50 }

/**
 * The tasks that wait in a kernel (state D) which does not tell by itself, read from its memory. Undefined for a kernel whose structures klab does not know
 * at once. Throws InfraError or DumpError.
 */
export async function tasksInMemory(
  vm: Vm,
  { vmlinux, table }: { readonly vmlinux: string; readonly table: SymbolTable },
  { cacheDir, runDir }: { readonly cacheDir: string; readonly runDir: string },
): Promise<WaitingTask[] | undefined> {
  if (!existsSync(join(dirname(vmlinux), 'layout.json'))) return undefined
  const values = await layoutOf(vmlinux, cacheDir)
  const path = join(runDir, 'hang.packed')
  try {
    await vm.dump(path, 'kdump-zlib')
    const read = withDump(path, (dump) =>
      readPicture(dump, { values, table, allStacks: false, most: MOST }),
    )
    // As the kernel would have shown them.
    const lines = read.stacks.flatMap(({ task, stack }) => [
      `task:${task.command} state:${task.state} stack:0 pid:${task.pid}`,
      'Call Trace:',
      ...stack.map((frame) => nameFrame(frame, { table, ...read })),
    ])
    return waitingTasks(lines)
  } finally {
    await rm(path, { force: true })
  }
}
