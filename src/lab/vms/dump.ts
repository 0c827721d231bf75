import { statfsSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

import { formatBytes, hasFields, InfraError } from '../../base/index.ts'
import type { DumpFacts } from '../dumps/dump-file.ts'
import { writeDump, type DumpFormat } from '../dumps/write-dump.ts'
import type { Paths } from '../session/paths.ts'
import { askFor, askUntil } from './control.ts'
import type { NamedVm } from './registry.ts'

const PROGRESS_EVERY_MS = 200

export interface DumpRequest {
  /** Absolute. What was there is replaced when the dump is whole. */
  readonly path: string
  readonly format: DumpFormat
  readonly onProgress: (done: number, total: number) => void
  /** What to do when there is no room. */
  readonly advice: string
  /** Ends the wait; what was written by then goes. */
  readonly signal?: AbortSignal
}

/**
 * Writes the memory of a VM to a file and verifies it; a running VM pauses for as long. Throws InfraError, and leaves nothing then,
 * when there is no room or QEMU does not, and the signal's reason when
 * that is aborted.
 */
export async function dumpVm(
  paths: Paths,
  vm: NamedVm,
  { path, format, advice, onProgress, signal }: DumpRequest,
): Promise<DumpFacts> {
  const memory = await memoryOf(paths, vm)
  checkRoom(dirname(path), format === 'elf' ? memory : memory / 4, advice)
  const over = new AbortController()
  try {
    void follow(paths, vm, { onProgress, signal: over.signal })
    return await writeDump(paths, { path, format, signal }, async (packed) => {
      const request = { do: 'dump', path: packed, format: 'kdump-zlib' } as const
      await askUntil(paths, vm, { request, ...(signal && { signal }) })
      over.abort()
    })
  } finally {
    over.abort()
  }
}

async function memoryOf(paths: Paths, vm: NamedVm): Promise<number> {
  const { 'base-memory': bytes } = await askFor(paths, vm, {
    request: { do: 'qmp', command: 'query-memory-size-summary', args: {} },
    check: (value): value is { 'base-memory': number } =>
      hasFields(value, { 'base-memory': 'number' }),
  })
  return bytes
}

/** A packed dump is smaller, by how much nobody knows before. */
function checkRoom(dir: string, needed: number, advice: string): void {
  const { bavail, bsize } = statfsSync(dir)
  const free = bavail * bsize
  if (free >= needed) return
  throw new InfraError(
    'DISK',
    `the dump takes up to ${formatBytes(needed)} and ${dir} has ${formatBytes(free)} free; ${advice}`,
  )
}

async function follow(
  paths: Paths,
  vm: NamedVm,
  { onProgress, signal }: { onProgress: DumpRequest['onProgress']; signal: AbortSignal },
): Promise<void> {
  try {
    for (;;) {
      await sleep(PROGRESS_EVERY_MS, undefined, { signal })
      const { completed, total } = await askFor(paths, vm, {
        request: { do: 'qmp', command: 'query-dump', args: {} },
        check: (value): value is { completed: number; total: number } =>
          hasFields(value, { completed: 'number', total: 'number' }),
      })
      if (!signal.aborted && total > 0) onProgress(completed, total)
    }
  } catch {
    // It is over, or cannot be followed: the dump itself tells how it went.
  }
}
