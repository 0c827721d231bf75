import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'

import { WakingClock } from './waking-clock.ts'

test('what this process did not see is not counted: a laptop that slept, Ctrl-Z', async () => {
  const clock = new WakingClock(30)
  await sleep(10)
  expect(clock.passed()).toBeGreaterThan(5)
  // Stopped for a while: more has passed than anybody who looks this often can find.
  const until = performance.now() + 200
  while (performance.now() < until);
  expect(clock.passed()).toBe(30)
})
