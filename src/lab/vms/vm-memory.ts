import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'

import { temporaryIn } from '../aside/temporary.ts'
import type { Paths } from '../session/paths.ts'
import { dumpVm, type DumpRequest } from './dump.ts'
import type { NamedVm } from './registry.ts'

/** What reads the memory of a VM. */
interface MemoryReader<T> extends Pick<DumpRequest, 'onProgress'> {
  readonly signal: AbortSignal
  /** Gets a dump, which is there as long as it takes. */
  readonly use: (dump: string) => Promise<T>
}

/**
 * Lets something read a copy of a running VM's memory; the guest is not asked, and stands still meanwhile. The copy lies among
 * the files of the VM's run and goes when it was read, or the signal is aborted. Throws as dumpVm does.
 */
export async function withVmMemory<T>(
  paths: Paths,
  vm: NamedVm,
  { onProgress, signal, use }: MemoryReader<T>,
): Promise<T> {
  // For the user alone. Not in /tmp, nor beside the sockets: both may be in memory, of which there is little.
  // QEMU may just begin to write when it is taken away.
  await using temporary = await temporaryIn(paths, join(paths.state, 'runs', vm.runId))
  const dir = temporary.path('')
  await mkdir(dir, { mode: 0o700 })
  const aborted = Promise.withResolvers<never>()
  const onAbort = () => aborted.reject(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  const read = async () => {
    const path = join(dir, 'vmcore')
    const advice = 'make room there, or klab dump it to another place with -o and name the dump'
    await dumpVm(paths, vm, { path, format: 'kdump', advice, onProgress, signal })
    return await use(path)
  }
  try {
    return await Promise.race([read(), aborted.promise])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
