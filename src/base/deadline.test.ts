import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'

import { Deadline } from './deadline.ts'

test('what has come while nobody looked was there in time', async () => {
  const script = `
    const { Deadline } = await import('${import.meta.dirname}/deadline.ts')
    const { once } = await import('node:events')
    using deadline = new Deadline(1_000)
    console.log('waits')
    const came = once(process.stdin, 'data').then(() => 'came')
    console.log(await Promise.race([came, deadline.passed]))
    process.exit()`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  await once(child.stdout, 'data')
  // As Ctrl-Z does, or a lid that is closed; longer than the deadline.
  child.kill('SIGSTOP')
  await sleep(1_500)
  child.stdin.write('it\n')
  child.kill('SIGCONT')
  const [said] = (await once(child.stdout, 'data')) as [Buffer]
  expect(said.toString()).toBe('came\n')
})

test('a sign of life renews it, and what is disposed of never passes', async () => {
  using renewed = new Deadline(100)
  const disposed = new Deadline(10)
  disposed[Symbol.dispose]()
  const passed: string[] = []
  void renewed.passed.then(() => passed.push('renewed'))
  void disposed.passed.then(() => passed.push('disposed'))
  for (let sign = 0; sign < 6; sign++) {
    renewed.renew()
    await sleep(40)
  }
  expect(passed).toEqual([])
  await renewed.passed
  expect(passed).toEqual(['renewed'])
})
