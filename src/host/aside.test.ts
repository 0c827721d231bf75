import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { spawn } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'

import { asideName, leftAside } from './aside.ts'

/** A process that says what it would call something, and waits. */
async function namer() {
  const script = `
    const { asideName } = await import('${import.meta.dirname}/aside.ts')
    console.log(asideName())
    setInterval(() => undefined, 1_000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [said] = (await once(child.stdout, 'data')) as [Buffer]
  return { child, name: said.toString().trim() }
}

test('what a killed process has written aside is known, and that of a living one is left alone', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'klab-aside-'))
  const { child, name } = await namer()
  mkdirSync(join(dir, name))
  for (const other of [asideName(), '.klab-of-mine', '.klab-1-1-00000000-abcdefgh'])
    writeFileSync(join(dir, other), '')
  expect(leftAside(dir)).toEqual([])
  child.kill('SIGKILL')
  await once(child, 'exit')
  expect(leftAside(dir)).toEqual([{ name, isDirectory: true }])
  rmSync(dir, { recursive: true })
})
