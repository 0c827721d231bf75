import { field, shown, type Shown } from '../../base/index.ts'
import { naming } from '../../lab/index.ts'
import { quietLab } from '../lab.ts'
import { cutTo } from '../render/columns.ts'
import { expectedAt, type Candidate, type Expected } from './expected.ts'

/**
 * What the last word may become, for the scripts: on the first line what the shell adds of its own, then a candidate on each, what is
 * said of it after a tab. `words` are those after klab.
 */
export async function completionLines(words: readonly string[]): Promise<Shown[]> {
  // Not at the top: the tree has us among its commands.
  const { commandTree } = await import('../command-tree.ts')
  const tree = await commandTree(words.length > 1 ? words[0] : undefined, () => undefined)
  const expected = expectedAt(tree, words)
  const last = words.at(-1) ?? ''
  const named = await namesFor(expected)
  const candidates = [...expected.candidates, ...named]
    .map(({ word, about }) => ({ word: `${expected.prefix}${word}`, about }))
    .filter(({ word }) => word.startsWith(last) && SAFE.test(word))
  const shell = expected.kinds.find((kind) => kind.shell !== undefined)?.shell ?? 'none'
  const lines = candidates.map(
    ({ word, about }) => shown`${word}\t${cutTo(field(about), MAX_ABOUT)}`,
  )
  return [shown`${shell}`, ...lines]
}

/** Nothing that a shell or a terminal takes for more than a name. */
const SAFE = /^[\w.,:=@%+/-]+$/

const MAX_ABOUT = 60

async function namesFor({ kinds, given }: Expected): Promise<Candidate[]> {
  const wanted = kinds.flatMap(({ names, suffix = '' }) => (names ? [{ names, suffix }] : []))
  if (wanted.length === 0) return []
  const [lab, { namesOf }] = await Promise.all([quietLab(), naming()])
  const found = await Promise.all(
    wanted.map(async ({ names, suffix }) =>
      (await namesOf(lab, names, given)).map(({ name, about }) => ({
        word: `${name}${suffix}`,
        about,
      })),
    ),
  )
  return found.flat()
}
