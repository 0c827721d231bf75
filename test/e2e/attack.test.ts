import { expect, test } from 'vitest'

import { attack } from '../attack/campaign.ts'
import { KINDS } from '../attack/kinds.ts'

// npm run attack goes on for as long as one likes; this is enough to see that each kind attacks, and what has become of the commonest ways.
test('klab survives a few attacks of every kind', async () => {
  const hits: string[] = []
  const length = { kind: 'each', attacks: 1 } as const
  const tallies = await attack({
    ...{ kinds: KINDS, seed: 1, length },
    onHit: (sentence) => hits.push(sentence),
  })
  expect(hits).toEqual([])
  for (const [kind, { attacks, survived, figures }] of Object.entries(tallies))
    expect([kind, attacks, survived, figures]).toEqual([
      ...[kind, 1, 1],
      // Whoever comes too late has attacked nobody.
      expect.stringMatching(/^(?!too late \d+(?:,|$)).*\d/),
    ])
}, 600_000)
