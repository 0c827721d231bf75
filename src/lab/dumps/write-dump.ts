import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs'
import { rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setImmediate } from 'node:timers/promises'

import type { Bytes } from '../../base/index.ts'
import { elfOf, openKdump, writesOfFlattened, type Source } from '../../crash/index.ts'
import { openFileBytes } from '../../host/index.ts'
import { temporaryIn, type TemporaryPaths } from '../aside/temporary.ts'
import { factsOfDump, unopened, unreadable, type DumpFacts } from './dump-file.ts'

export type DumpFormat = 'elf' | 'kdump'

interface Wanted {
  readonly path: string
  readonly format: DumpFormat
  readonly signal?: AbortSignal | undefined
}

/**
 * Puts a dump in its place when it is whole and can be read. `pack` lets QEMU write its memory to a file in `kdump-zlib`: an ELF core it writes page by page, the empty
 * ones too, and packed and written again by us it is there several times sooner. Throws what that throws, InfraError for what it has not written, and the
 * signal's reason.
 */
export async function writeDump(
  paths: TemporaryPaths,
  { path, format, signal }: Wanted,
  pack: (path: string) => Promise<void>,
): Promise<DumpFacts> {
  signal?.throwIfAborted()
  await using temporary = await temporaryIn(paths, dirname(path))
  const [packed, whole] = [temporary.path('.packed'), temporary.path('.dump')]
  await pack(packed)
  await convertDump(packed, { path: whole, format, signal })
  const facts = factsOfDump(whole)
  await rename(whole, path)
  return facts
}

/**
 * Writes what QEMU has dumped (a flattened kdump) as the file that is wanted: an ELF core with holes for empty pages, or a plain kdump file, which more tools
 * read. Throws InfraError when it cannot be read, what fs throws when there is no room, and the signal's reason.
 */
export async function convertDump(from: string, { path, format, signal }: Wanted): Promise<void> {
  using source = opened(from)
  const file = openSync(path, 'wx', 0o600)
  try {
    const { size, writes } = readable(from, () => wanted(source, format))
    if (size > 0) ftruncateSync(file, size)
    let turn = performance.now()
    for (const { at, bytes } of readableEach(from, writes)) {
      writeAt(file, bytes, at)
      if (performance.now() - turn < TURN_MS) continue
      // There may be hours of it, and Ctrl-C is to be heard meanwhile.
      await setImmediate()
      signal?.throwIfAborted()
      turn = performance.now()
    }
  } finally {
    closeSync(file)
  }
}

/** How long nothing else is done. */
const TURN_MS = 50

type Write = { readonly at: number; readonly bytes: Uint8Array }

function wanted(source: Source, format: DumpFormat): { size: number; writes: Iterable<Write> } {
  return format === 'elf'
    ? elfOf(openKdump(source))
    : { size: 0, writes: writesOfFlattened(source) }
}

function writeAt(file: number, bytes: Uint8Array, at: number): void {
  for (let done = 0; done < bytes.length;)
    done += writeSync(file, bytes, done, bytes.length - done, at + done)
}

function opened(path: string): Bytes & Disposable {
  try {
    return openFileBytes(path)
  } catch (error) {
    throw unopened(path, error)
  }
}

function readable<T>(path: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw unreadable(path, error)
  }
}

/** What reading fails with, told from what writing does. */
function* readableEach(path: string, writes: Iterable<Write>): Generator<Write> {
  const iterator = writes[Symbol.iterator]()
  for (;;) {
    const { done, value } = readable(path, () => iterator.next())
    if (done) return
    yield value
  }
}
