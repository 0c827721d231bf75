import { expect, test } from 'vitest'

import { describeExit, run, runOk, start } from './process.ts'

test('a program that prints without an end is ended', async () => {
  const { exit, stdout } = await run('yes', [])
  expect(exit).toEqual({ kind: 'given-up', why: 'yes has printed more than 128 MiB' })
  expect(stdout.length).toBeLessThanOrEqual(128 * 1024 * 1024)
}, 60_000)

test('a program that takes too long is ended, and what it has started is not waited for', async () => {
  const { exit, stdout } = await run('sh', ['-c', 'echo begun; sleep 5 & wait'], {
    timeoutMs: 300,
  })
  expect({ exit, stdout }).toEqual({
    exit: { kind: 'given-up', why: 'sh has not ended within 300ms' },
    stdout: 'begun\n',
  })
})

test('a program that is stopped is ended, and the sentence says so', async () => {
  const stopped = runOk('sh', ['-c', 'kill -STOP $$'])
  await expect(stopped).rejects.toThrow(/^sh -c failed: sh \(process \d+\) is stopped; kill -CONT/)
  await using child = start('sh', ['-c', 'kill -STOP $$'], { limitMs: Number.POSITIVE_INFINITY })
  expect(describeExit(await child.exited)).toMatch(/^sh \(process \d+\) is stopped/)
}, 20_000)
