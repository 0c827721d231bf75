import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'

import { run } from '../../host/index.ts'
import { audit, readAudit, type Deed } from './audit-log.ts'

let state = ''
beforeEach(() => {
  state = mkdtempSync(join(tmpdir(), 'klab-audit-'))
})
afterEach(() => rmSync(state, { recursive: true }))

const log = () => join(state, 'audit/audit.log')
const here = (env: NodeJS.ProcessEnv = {}) => ({ paths: { state }, env })
const deed = (subject: string, detail = ''): Deed => ({ what: 'exec', subject, detail })
const read = (since?: Date) => readAudit(here(), since)

test('tells who, when, what and from where, and only to the user', () => {
  const env = { SUDO_USER: 'alice', SSH_CONNECTION: '192.0.2.7 50000 192.0.2.1 22' }
  expect(audit(here(env), [deed('box', 'root: id\u001b[2J')])).toBeUndefined()
  expect(read()).toMatchObject({
    damaged: 0,
    entries: [
      {
        ...{ what: 'exec', subject: 'box', detail: 'root: id\u001b[2J' },
        who: { uid: process.getuid?.(), sudoUser: 'alice' },
        from: { pid: process.pid, cwd: process.cwd(), ssh: '192.0.2.7 50000' },
      },
    ],
  })
  expect(statSync(log()).mode & 0o777).toBe(0o600)
  expect(readFileSync(log(), 'utf8')).toMatch(/^\{"at":"[^\n\u001b]*\}\n$/)
})

test('only what is not older', () => {
  audit(here(), [deed('box')])
  expect(read(new Date(Date.now() + 60_000)).entries).toEqual([])
  expect(read(new Date(Date.now() - 60_000)).entries).toHaveLength(1)
})

test('a line has a length, and so has the log', () => {
  audit(here(), [deed('x'.repeat(9999), 'y'.repeat(1e6))])
  expect(statSync(log()).size).toBeLessThan(4096)
  for (let round = 0; round < 12; round++) {
    appendFileSync(log(), 'z'.repeat(1024 * 1024) + '\n')
    audit(here(), [deed(String(round))])
  }
  const names = readdirSync(join(state, 'audit'))
  expect(names).toHaveLength(8)
  expect(read().entries.map(({ subject }) => subject)).toEqual([
    '4',
    '5',
    '6',
    '7',
    '8',
    '9',
    '10',
    '11',
  ])
})

test('writers at once lose nothing, also when it is rotated', async () => {
  const writers = Array.from({ length: 6 }, async (_, number) => {
    const script = `
      import { audit } from ${JSON.stringify(join(import.meta.dirname, 'audit-log.ts'))}
      for (let i = 0; i < 300; i++)
        audit({ paths: { state: ${JSON.stringify(state)} }, env: {} },
          [{ what: 'exec', subject: '${number}.' + i, detail: 'd'.repeat(1000) }])`
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: 'inherit',
    })
    await once(child, 'close')
  })
  await Promise.all(writers)
  expect(readdirSync(join(state, 'audit')).length).toBeGreaterThan(1)
  const { entries, damaged } = read()
  expect(damaged).toBe(0)
  expect(new Set(entries.map(({ subject }) => subject)).size).toBe(1800)
})

test('a line that was cut off takes none along', () => {
  audit(here(), [deed('one')])
  appendFileSync(log(), '{"at":"2026-01-01T00:00:00.000Z","wha')
  audit(here(), [deed('two')])
  appendFileSync(log(), 'noise\n')
  const { entries, damaged } = read()
  expect(entries.map(({ subject }) => subject)).toEqual(['one', 'two'])
  expect(damaged).toBe(1)
})

test('a full disk is told, and nothing more comes of it', async () => {
  const own = process.getuid?.() === 0 ? ['--mount'] : ['--user', '--map-root-user', '--mount']
  const script = `
    import { audit } from ${JSON.stringify(join(import.meta.dirname, 'audit-log.ts'))}
    console.log(audit({ paths: { state: ${JSON.stringify(state)} }, env: {} }, [{ what: 'share', subject: 'a', detail: '' }]))`
  const { stdout, exit } = await run('unshare', [
    ...own,
    ...[
      'sh',
      '-c',
      `mount -t tmpfs -o size=8k,mode=700 none ${state}; mkdir ${state}/audit; head -c 1M /dev/zero > ${state}/filler 2>&-; "$0" --input-type=module -e "$1"`,
    ],
    ...[process.execPath, script],
  ])
  expect(exit).toEqual({ kind: 'exited', code: 0 })
  expect(stdout).toMatch(
    /^share: not in the audit log, because \S+audit\.log cannot be written: ENOSPC/,
  )
})
