import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'

import { runOk } from '../../host/index.ts'
import { X86_PROBE_CODE } from './kvm-probe.ts'

test('the probe guest is launcher/probe.S, assembled', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'klab-probe-'))
  await runOk('gcc', ['-c', '-m64', '-o', join(dir, 'probe.o'), 'launcher/probe.S'])
  await runOk('ld', [
    '-m',
    'elf_x86_64',
    '--oformat',
    'binary',
    '-Ttext',
    '0',
    '-e',
    '0',
    '-o',
    join(dir, 'probe'),
    join(dir, 'probe.o'),
  ])
  expect(readFileSync(join(dir, 'probe')).toString('base64')).toBe(X86_PROBE_CODE)
  rmSync(dir, { recursive: true })
})
