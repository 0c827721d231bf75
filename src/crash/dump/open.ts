import { readElfCore } from './elf-core.ts'
import { FLATTENED, unflattened } from './flattened.ts'
import { Kdump, readKdump } from './kdump.ts'
import { DumpError, type Dump, type Source } from './source.ts'

/** Reads what a dump of memory is made of: ELF, kdump-compressed, or that flattened. Throws DumpError for all else. */
export function openDump(source: Source): Dump {
  if (source.size < 4096) throw new DumpError(`it has ${source.size} bytes, too few for a dump`)
  const magic = source.read(0, 16).toString('latin1')
  if (magic.startsWith('\x7fELF')) return readElfCore(source)
  if (magic.startsWith('KDUMP   ')) return readKdump(source)
  if (magic.startsWith(FLATTENED)) return readKdump(unflattened(source))
  throw new DumpError('it is no dump of memory: neither an ELF core nor a kdump file')
}

/** A kdump file, whole or flattened, with its pages. Throws DumpError for all else. */
export function openKdump(source: Source): Kdump {
  const magic = source.read(0, 16).toString('latin1')
  return new Kdump(magic.startsWith(FLATTENED) ? unflattened(source) : source)
}
