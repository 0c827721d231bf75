/** One note of an ELF file (elf(5), Nhdr). */
export interface Note {
  readonly name: string
  readonly type: number
  readonly content: Buffer
}

/** The notes of a segment, up to the first that cannot be. */
export function* notesOf(notes: Buffer): Generator<Note> {
  const align = (value: number) => (value + 3) & ~3
  for (let at = 0; at + 12 <= notes.length;) {
    const nameSize = notes.readUInt32LE(at)
    const size = notes.readUInt32LE(at + 4)
    const name = at + 12
    const content = name + align(nameSize)
    if (nameSize > notes.length || size > notes.length || content + size > notes.length) return
    yield {
      name: notes.toString('latin1', name, name + nameSize).replace(/\0+$/, ''),
      type: notes.readUInt32LE(at + 8),
      content: notes.subarray(content, content + size),
    }
    at = content + align(size)
  }
}

/** The text of the note in which the kernel describes itself; undefined when it is not there. */
export function vmcoreinfoIn(notes: Buffer): string | undefined {
  for (const { name, content } of notesOf(notes))
    if (name === 'VMCOREINFO') return content.toString('latin1').replace(/\0+$/, '')
  return undefined
}
