import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'

import { silence } from './silence.ts'

const answers = { ping: async () => undefined }

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
