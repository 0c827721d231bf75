import { UsageError } from '../../base/index.ts'
import {
  isWholeConfig,
  parseAssignment,
  parseConfig,
  type WantedOption,
} from '../../kernel/index.ts'

/** A file with options, and how the user named it. */
interface AskedFile {
  readonly file: string
  readonly asked: string
}

interface Found {
  readonly options: readonly WantedOption[]
  /** The one among the files that is a whole configuration, and no fragment. */
  readonly whole: AskedFile | undefined
}

/** Reads files with options. Throws UsageError for what is none, and for more than one whole configuration. */
export async function readFiles(files: readonly AskedFile[]): Promise<Found> {
  // Most runs have none.
  if (files.length === 0) return { options: [], whole: undefined }
  const { configText } = await import('./config-text.ts')
  const read = files.map(({ file, asked }) => ({ file, asked, text: configText(file, asked) }))
  const [whole, second] = read.filter(({ text }) => isWholeConfig(text))
  if (whole && second)
    throw new UsageError(
      `${whole.file} and ${second.file} are whole configurations: a kernel has one`,
    )
  const options = read.filter((one) => one !== whole).flatMap(fragmentOptions)
  return { options, whole }
}

function fragmentOptions({ file, asked, text }: AskedFile & { readonly text: string }) {
  const found = parseConfig(text)
  if (found.size === 0)
    throw new UsageError(`${asked}: ${file} has no option in it (lines such as CONFIG_X=y)`)
  return [...found].map(([name, value]): WantedOption => ({
    name,
    value,
    source: file,
    by: 'file',
  }))
}

/** Options that are said one by one; later ones win. Throws on a contradiction in one place. */
export function assignments(texts: readonly string[], source: string): WantedOption[] {
  const wanted = texts.map((text): WantedOption => {
    const assignment = parseAssignment(text)
    if (!assignment) throw new UsageError(`${source} ${text} is not of the form CONFIG_NAME=value`)
    return { ...assignment, source, by: 'user' }
  })
  for (const { name, value } of wanted) {
    const other = wanted.find((option) => option.name === name && option.value !== value)
    if (other)
      throw new UsageError(
        `${source} contradicts itself: CONFIG_${name}=${value} and CONFIG_${name}=${other.value}`,
      )
  }
  return wanted
}
