import { expect, test } from 'vitest'

import { run } from './process.ts'

test('a program that prints without an end is ended', async () => {
  const { exit, stdout } = await run('yes', [])
  expect(exit).toEqual({ kind: 'killed', signal: 'SIGKILL' })
  expect(stdout.length).toBeLessThanOrEqual(128 * 1024 * 1024)
}, 60_000)
