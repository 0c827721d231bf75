import { expect, test } from 'vitest'

import { Tally } from './tally.ts'

const result = (id: string, code: number, durationMs: number) => ({
  ...{ id, durationMs, exitCode: code },
  outcome: { kind: 'exited', code } as const,
})

test('a summary counts, orders and quotes', () => {
  const results = [
    ...Array.from({ length: 18 }, (_, n) => result(`p${n}`, 0, 100 + n)),
    result('f1', 7, 500),
    result('f2', 9, 900),
  ]
  const tally = new Tally()
  for (const one of results) tally.add(one)
  expect(tally.summary({ asked: 20, isStopped: false })).toEqual({
    asked: 20,
    runs: 20,
    passed: 18,
    medianMs: 109,
    p95Ms: 500,
    outcomes: [
      { what: 'exited 0', count: 18, id: 'p0' },
      { what: 'exited 7', count: 1, id: 'f1' },
      { what: 'exited 9', count: 1, id: 'f2' },
    ],
    exitCode: 7,
  })
})

test('of nothing there is a summary too', () => {
  expect(new Tally().summary({ asked: 5, isStopped: true })).toMatchObject({
    ...{ runs: 0, passed: 0, medianMs: 0, exitCode: 130 },
  })
})

test('a thousand ways to end are told apart, and no more', () => {
  const tally = new Tally()
  for (let n = 0; n < 5_000; n++)
    tally.add({ ...result(`x${n}`, 1, 1), outcome: { kind: 'lost', reason: `way ${n}` } })
  const { outcomes, runs } = tally.summary({ asked: 5_000, isStopped: false })
  expect([runs, outcomes.length, outcomes[0]?.count]).toEqual([5_000, 1_001, 4_000])
})
