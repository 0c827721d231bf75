import { randomFrom } from '../support/random.ts'
import type { Attacked, Attacker, Kind } from './kind.ts'
import { Tally } from './tally.ts'

/** How long it goes on: for some time, or a number of attacks of each kind. */
export type Length =
  | { readonly kind: 'time'; readonly ms: number }
  | { readonly kind: 'each'; readonly attacks: number }

export interface Campaign {
  readonly kinds: Readonly<Record<string, Kind>>
  readonly seed: number
  readonly length: Length
  readonly onHit: (sentence: string) => void
  readonly signal?: AbortSignal
}

/** Attacks by every kind in turn, each for as long as another. The same seed makes the same attacks. */
export async function attack(campaign: Campaign): Promise<Record<string, Tally>> {
  const fronts = Object.entries(campaign.kinds).map(
    ([name, kind]) => new Front(name, kind, campaign),
  )
  const startedAt = performance.now()
  const { length, signal } = campaign
  const goesOn = (front: Front) =>
    length.kind === 'time'
      ? performance.now() - startedAt < length.ms
      : front.tally.attacks < length.attacks
  for (;;) {
    const [next] = fronts
      .filter((front) => goesOn(front))
      .toSorted((one, other) => one.tally.spentMs - other.tally.spentMs)
    if (!next || signal?.aborted) break
    await next.row(() => goesOn(next) && !signal?.aborted)
  }
  return Object.fromEntries(fronts.map(({ name, tally }) => [name, tally]))
}

/** One kind, as far as it has got. */
class Front {
  readonly name: string
  readonly tally = new Tally()
  readonly #kind: Kind
  readonly #campaign: Campaign
  #number = 0

  constructor(name: string, kind: Kind, campaign: Campaign) {
    this.name = name
    this.#kind = kind
    this.#campaign = campaign
  }

  /** Some attacks that go well together. */
  async row(goesOn: () => boolean): Promise<void> {
    const startedAt = performance.now()
    await this.#attackInRow(goesOn).catch((error: unknown) => this.#note(failed(error)))
    this.tally.spentMs += performance.now() - startedAt
  }

  async #attackInRow(goesOn: () => boolean): Promise<void> {
    await using attacker = await this.#kind.begin(this.#random())
    for (let count = 0; count < this.#kind.row && goesOn(); count++)
      this.#note(await this.#one(attacker))
    const left = (await attacker.end?.()) ?? []
    if (left.length > 0) {
      this.tally.hits += left.length
      this.#tell('when a row of attacks was over', left)
    }
  }

  /** An attack that throws is one that was not survived: what klab should have done was not there. */
  async #one(attacker: Attacker): Promise<Attacked> {
    try {
      return await attacker.attack(this.#random())
    } catch (error) {
      return failed(error)
    }
  }

  #note(attacked: Attacked): void {
    this.tally.add(attacked)
    if (attacked.hits.length > 0) this.#tell(attacked.what, attacked.hits)
  }

  #tell(what: string, hits: readonly string[]): void {
    for (const hit of hits) this.#campaign.onHit(`${this.name} ${this.#number}: ${what}: ${hit}`)
  }

  #random() {
    return randomFrom(this.#campaign.seed * 1_000_003 + this.#number++)
  }
}

function failed(error: unknown): Attacked {
  const text = error instanceof Error ? error.stack : undefined
  return { what: 'an attack that failed', sort: 'failed', hits: [text ?? String(error)] }
}
