import { codeLineOf, type ArchFacts } from '../arch/arch.ts'

/** The instructions around the place where a CPU stood. */
export interface CodeBytes {
  readonly bytes: Uint8Array
  /** Where among them it stood: the byte in angle brackets. */
  readonly at: number
  readonly arch: Pick<ArchFacts['code'], 'longest' | 'objdump'>
}

/** The first `Code:` line of a report from the kernel; undefined when there is none, or when the bytes could not be read (`Bad RIP value`). */
export function codeBytesOf(text: string): CodeBytes | undefined {
  const line = codeLineOf(text)
  const words = line?.bytes.trim().split(' ')
  const at = words?.findIndex((word) => word.startsWith('<')) ?? -1
  if (!line || !words || at < 0) return undefined
  const bytes = words.map((word) => Number.parseInt(word.replace('<', ''), 16))
  const { longest, objdump } = line.code
  return { bytes: Uint8Array.from(bytes), at, arch: { longest, objdump } }
}

export interface Instruction {
  /** Bytes from the first one printed. */
  readonly offset: number
  readonly text: string
}

/** The lines of `objdump -D -w --no-show-raw-insn` of a binary file. */
export function readDisassembly(output: string): Instruction[] {
  return output.split('\n').flatMap((line) => {
    const match = /^ *([0-9a-f]+):\t(.*)$/.exec(line)
    const text = match?.[2]?.replaceAll(/\s+/g, ' ').trim()
    return match && text ? [{ offset: Number.parseInt(match[1] ?? '', 16), text }] : []
  })
}
