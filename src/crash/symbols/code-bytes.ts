/** The instructions around the place where a CPU stood, as show_opcodes() in arch/x86/kernel/dumpstack.c prints them. */
export interface CodeBytes {
  readonly bytes: Uint8Array
  /** Where among them it stood: the byte in angle brackets. */
  readonly at: number
}

/** Of the kernel: in user space (segment 0033) the interesting part is elsewhere. */
const LINE = /^RIP: 0010:.*\nCode: ((?:[0-9a-f]{2} |<[0-9a-f]{2}> ?)+[0-9a-f]{0,2}) *$/m

/** The first `Code:` line of a report from x86_64 in the kernel; undefined when there is none, or when the bytes could not be read (`Bad RIP value`). */
export function codeBytesOf(text: string): CodeBytes | undefined {
  const words = LINE.exec(text)?.[1]?.trim().split(' ')
  const at = words?.findIndex((word) => word.startsWith('<')) ?? -1
  if (!words || at < 0) return undefined
  const bytes = words.map((word) => Number.parseInt(word.replace('<', ''), 16))
  return { bytes: Uint8Array.from(bytes), at }
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
