import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'

import { silence, WakingClock } from './silence.ts'

const answers = { ping: async () => undefined }

test('what this process did not see is not counted: a laptop that slept, Ctrl-Z', async () => {
  const clock = new WakingClock(30)
  await sleep(10)
  expect(clock.passed()).toBeGreaterThan(5)
  // Stopped for a while: more has passed than anybody who looks this often can find.
  const until = performance.now() + 200
  while (performance.now() < until);
  expect(clock.passed()).toBe(30)
})

test('silence is what nobody has heard for so long', async () => {
  const since = Date.now()
  const listened = { agent: answers, slowness: 1, heard: () => since }
  const ending = await silence(listened, 100, new AbortController().signal)
  expect(ending).toMatchObject({ kind: 'silence' })
  expect(ending).toHaveProperty('silentMs', expect.closeTo(110, -2))
})

test('who is paused is not silent', async () => {
  const over = new AbortController()
  const since = Date.now()
  let isPaused = true
  const listened = { agent: answers, slowness: 1, heard: () => since, isPaused: () => isPaused }
  const ending = silence(listened, 80, over.signal)
  const early = await Promise.race([ending, sleep(400, 'still paused')])
  expect(early).toBe('still paused')
  isPaused = false
  expect(await ending).toMatchObject({ kind: 'silence' })
})
