import { expect, test } from 'vitest'

import { summarise } from './repeat.ts'
import type { RunResult } from './run.ts'

const result = (id: string, code: number, durationMs: number): RunResult => ({
  id,
  outcome: { kind: 'exited', code },
  exitCode: code,
  durationMs,
  phases: {},
  peakMemoryKiB: undefined,
  consolePath: '/c',
  kernel: 'k',
  release: undefined,
})

test('a summary counts, orders and quotes', () => {
  const results = [
    ...Array.from({ length: 18 }, (_, n) => result(`p${n}`, 0, 100 + n)),
    result('f1', 7, 500),
    result('f2', 9, 900),
  ]
  expect(summarise(results, 20, false)).toEqual({
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
  expect(summarise([], 5, true)).toMatchObject({ runs: 0, passed: 0, medianMs: 0, exitCode: 130 })
})
