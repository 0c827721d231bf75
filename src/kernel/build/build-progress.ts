export interface Progress {
  /** Steps done; a step is a line that make prints, such as `  CC      init/main.o`. */
  readonly done: number
  /** Undefined when there is nothing to tell it from. */
  readonly total: number | undefined
  readonly current: string
}

export interface CompileError {
  /** Relative to the tree where it is inside. */
  readonly file?: string
  readonly line?: number
  readonly message: string
}

const STEP = /^ {2}([A-Z][A-Z0-9_+ [\]]{0,11}) +(\S+)/

/** The step that a line of make's output reports; undefined for any other line. */
export function stepOf(line: string): string | undefined {
  const match = STEP.exec(line)
  return match ? match[2] : undefined
}

const FAILURES: readonly { match: RegExp; read: (m: RegExpExecArray) => CompileError }[] = [
  {
    match: /^(\S+?):(\d+)(?::\d+)?: (?:fatal )?error: (.*)$/,
    read: (m) => ({ file: m[1] ?? '', line: Number(m[2]), message: m[3] ?? '' }),
  },
  // The assembler's, which has no word for it.
  {
    match: /^(\S+?\.S):(\d+): Error: (.*)$/,
    read: (m) => ({ file: m[1] ?? '', line: Number(m[2]), message: m[3] ?? '' }),
  },
  {
    match: /^(?:ld|\S*-ld|ld\.lld): (?:error: )?(.*(?:undefined|multiple definition|cannot).*)$/,
    read: (m) => ({ message: m[1] ?? '' }),
  },
  { match: /undefined reference to .*$/, read: (m) => ({ message: m[0] }) },
  { match: /^ERROR: modpost: (.*)$/, read: (m) => ({ message: `modpost: ${m[1]}` }) },
  { match: /^.*No space left on device.*$/, read: () => ({ message: 'no space left on device' }) },
  {
    match: /^(?:make(?:\[\d+\])?: \*\*\* )(No rule to make target .*)$/,
    read: (m) => ({ message: m[1] ?? '' }),
  },
  {
    match: /^(?:\/bin\/sh: \d+: )?(\S+): (?:command )?not found$/,
    read: (m) => ({ message: `${m[1]}: program not found` }),
  },
  { match: /^(?:error|ERROR|Error): (.*)$/, read: (m) => ({ message: m[1] ?? '' }) },
]

/** Recognises the error that stopped a build in a line of its output, paths rewritten by `rename`. */
export function compileErrorOf(
  line: string,
  rename: (path: string) => string,
): CompileError | undefined {
  for (const { match, read } of FAILURES) {
    const found = match.exec(line)
    if (!found) continue
    const error = read(found)
    return error.file === undefined ? error : { ...error, file: rename(error.file) }
  }
  return undefined
}
