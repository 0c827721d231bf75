import { programHeaders, PT_NOTE } from './elf-core.ts'
import { notesOf } from './notes.ts'
import { MAX_READ, sane, type Source } from './source.ts'

const NT_GNU_BUILD_ID = 3

/** The build id of an ELF file such as a vmlinux, in hexadecimal; undefined when it has none. Throws DumpError for what is no ELF file. */
export function buildIdOf(source: Source): string | undefined {
  const header = source.read(0, 64)
  for (const { type, at, fileSize } of programHeaders(source, header)) {
    if (type !== PT_NOTE) continue
    for (const note of notesOf(source.read(at, sane(fileSize, MAX_READ, 'note'))))
      if (note.name === 'GNU' && note.type === NT_GNU_BUILD_ID) return note.content.toString('hex')
  }
  return undefined
}
