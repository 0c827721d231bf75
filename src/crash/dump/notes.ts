import { elfNotes } from '../../base/index.ts'

/** The text of the note in which the kernel describes itself; undefined when it is not there. */
export function vmcoreinfoIn(notes: Buffer): string | undefined {
  for (const { name, content } of elfNotes(notes))
    if (name === 'VMCOREINFO') return content.toString('latin1').replace(/\0+$/, '')
  return undefined
}
