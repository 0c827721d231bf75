import type { Random } from '../support/random.ts'

/** What came of one attack. */
export interface Attacked {
  /** What was done, so that it can be told from others. */
  readonly what: string
  /** What a figure is kept of, beside the attacks themselves: who was killed, which mode. */
  readonly sort: string
  /** What should not have been; empty when it was survived. */
  readonly hits: readonly string[]
  /** How long klab needed for what has a limit; of the slowest. */
  readonly slowestMs?: number
}

/** Goes on attacking. Disposing of it leaves nothing behind. */
export interface Attacker extends AsyncDisposable {
  attack(random: Random): Promise<Attacked>
  /** What should not be there when a row of attacks is over. */
  end?(): Promise<readonly string[]>
}

/** One way to attack klab. */
export interface Kind {
  readonly about: string
  begin(random: Random): Promise<Attacker>
  /** Attacks in a row that go well together, until the attacker is made anew. */
  readonly row: number
}
