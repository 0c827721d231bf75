import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, expect, test } from 'vitest'

import { lockFile, processesEndingWith } from '../../host/index.ts'

const dir = mkdtempSync(join(tmpdir(), 'klab-local-builder-'))
afterAll(() => {
  for (const pid of compilers()) process.kill(pid, 'SIGKILL')
  rmSync(dir, { recursive: true })
})
// What no other process on this machine does.
const mark = `compiler-${process.pid}`
const compilers = () => processesEndingWith([mark])

/** A klab that builds: its make starts make, and that what takes long. */
function building(claim: string) {
  const makefile = `all:\n\t$(MAKE) -f ${dir}/Makefile below\nbelow:\n\tsetsid sh -c 'sleep 90; :' ${mark}\n`
  writeFileSync(join(dir, 'Makefile'), makefile)
  const site = { source: dir, output: dir, claim, log: join(dir, 'log'), env: process.env }
  const script = `
    const { localBuilder } = await import('${import.meta.dirname}/local-builder.ts')
    const site = { ...${JSON.stringify(site)}, env: process.env }
    const shop = await localBuilder('${dir}').open(site)
    await shop.make({ targets: ['all'], variables: [], jobs: 2 })`
  return spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'inherit' })
}

async function until(isSo: () => boolean): Promise<void> {
  for (let tries = 0; !isSo(); tries++) {
    if (tries === 400) throw new Error('it did not come to that within 10 s')
    await sleep(25)
  }
}

test('a klab that is killed takes all with it that its make has started', async () => {
  const claim = join(dir, 'writers')
  const klab = building(claim)
  // Each of them ends soon, and another takes its place.
  await until(() => compilers().length > 0)
  // As long as somebody writes, nobody else is alone there.
  const waiting: string[] = []
  const alone = lockFile(claim, { cacheDir: dir, onWait: () => waiting.push('waits') })
  await until(() => waiting.length > 0)
  expect(waiting).toEqual(['waits'])
  klab.kill('SIGKILL')
  await using _alone = await alone
  expect(compilers()).toEqual([])
}, 45_000)
