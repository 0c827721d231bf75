import type { Attacked } from './kind.ts'

/** What has happened in attacks of one kind. */
export class Tally {
  readonly #sorts = new Map<string, number>()
  attacks = 0
  survived = 0
  hits = 0
  slowestMs = 0
  spentMs = 0

  add({ sort, hits, slowestMs = 0 }: Attacked): void {
    this.attacks++
    if (hits.length === 0) this.survived++
    this.hits += hits.length
    this.slowestMs = Math.max(this.slowestMs, slowestMs)
    this.#sorts.set(sort, (this.#sorts.get(sort) ?? 0) + 1)
  }

  /** How often each was met, the most frequent first. */
  get figures(): string {
    const sorts = [...this.#sorts].toSorted(([, one], [, other]) => other - one)
    const met = sorts.map(([sort, count]) => `${sort} ${count}`)
    if (this.slowestMs > 0) met.push(`slowest ${Math.round(this.slowestMs)} ms`)
    return met.join(', ')
  }
}

/** A table of all kinds, for people. */
export function tableOf(tallies: Readonly<Record<string, Tally>>): string {
  const rows = Object.entries(tallies).map(
    ([name, { attacks, survived, spentMs, figures }]) =>
      `| ${name} | ${attacks} | ${survived} | ${Math.round(spentMs / 1000)} | ${figures} |`,
  )
  return ['| kind | attacks | survived | s | figures |', '|---|---|---|---|---|', ...rows].join(
    '\n',
  )
}
