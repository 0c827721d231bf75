import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'

import { findProgram, listenForOne, start } from '../../host/index.ts'
import { Qmp } from './qmp.ts'

const qemu = findProgram('qemu-system-x86_64', process.env['PATH'])

test.runIf(qemu)('a QEMU that was stopped is not waited for without end', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'klab-qmp-'))
  await using listener = await listenForOne(join(dir, 'qmp'))
  await using process = start(qemu ?? '', [
    ...['-machine', 'none', '-nodefaults', '-display', 'none'],
    ...['-chardev', `socket,id=qmp,path=${listener.path}`, '-mon', 'chardev=qmp,mode=control'],
  ])
  const qmp = new Qmp(await listener.connected, process.pid)
  await qmp.negotiate()
  expect(await qmp.execute('query-status')).toMatchObject({ running: true })
  await expect(qmp.execute('no-such-command')).rejects.toThrow(/QEMU refused no-such-command/)

  process.kill('SIGSTOP')
  await expect(qmp.execute('query-status', {}, 200)).rejects.toThrow(
    /QEMU does not answer \(query-status\): QEMU has said nothing for 200ms/,
  )
  await expect(qmp.execute('query-status')).rejects.toThrow(
    /QEMU \(process \d+\) is stopped; kill -CONT \d+ lets it go on/,
  )
  // An answer that comes late is nobody's.
  process.kill('SIGCONT')
  expect(await qmp.execute('query-version')).toHaveProperty('qemu')
  rmSync(dir, { recursive: true })
})
