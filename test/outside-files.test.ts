import { parseSync } from 'oxc-parser'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'

import { sourceFiles } from './support/code.ts'
import { klab } from './support/klab.ts'

/** What waits for a pipe and reads a device for ever. */
const READERS = ['readFileSync', 'readFile', 'createReadStream', 'openSync', 'open']

/**
 * Files that read by themselves, and what: nothing that a user names, or that somebody else may have put where klab looks. All else comes in through
 * src/host/outside-file.ts.
 */
const OWN: Readonly<Record<string, readonly string[]>> = {
  'the door itself': ['host/outside-file.ts'],
  'what klab is made of': [
    ...['cli/man/list-man.ts', 'cli/own-files.ts', 'crash/roles/role.ts', 'host/native.ts'],
    ...[
      'lab/host-view/generate-docs.ts',
      'kernel/kconfig/profiles.ts',
      'lab/session/own-program.ts',
    ],
  ],
  'what this system says of itself: /proc, /etc/passwd, /etc/hosts': [
    ...['host/facts.ts', 'host/identity.ts', 'host/lock-holder.ts', 'host/own-path.ts'],
    ...['lab/host-view/guest-rules.ts', 'lab/host-view/guest-shadow.ts', 'lab/life/life.ts'],
    ...['lab/names/names.ts', 'lab/net/network.ts'],
    ...[
      'lab/schedule/ticket.ts',
      'lab/session/guest-user.ts',
      'lab/vms/usage.ts',
      'lab/audit/origin.ts',
    ],
  ],
  'what klab has written, in directories that are its own': [
    ...['cli/commands/logs.ts', 'kernel/build/build-dir.ts', 'kernel/build/collect.ts'],
    ...['kernel/build/compile.ts', 'kernel/build/configure.ts', 'kernel/build/layout.ts'],
    ...['kernel/tree/shadow.ts', 'lab/boot/boot-initramfs.ts'],
    ...['lab/crashes/export.ts'],
    ...['lab/kernels/last-kernel.ts'],
    ...['lab/ssh/keys.ts', 'lab/ssh/proxy.ts'],
    ...['lab/vms/start.ts'],
    ...['vm/running/start.ts', 'host/directories.ts'],
    ...[],
    ...['kernel/ready-made/kernel-store.ts', 'lab/audit/audit-log.ts'],
  ],
  'directories that it enters by their descriptors': ['lab/aside/leftovers.ts'],
  'what it writes': [
    ...['host/process.ts', 'lab/dumps/write-dump.ts', 'lab/history/output-record.ts'],
    ...[
      'store/database.ts',
      'vm/running/console.ts',
      'vm/running/scratch.ts',
      'lab/host-view/fetch-file.ts',
      'lab/host-view/staging.ts',
    ],
  ],
  'files that were just found to be regular, in a tree or a share': [
    ...['kernel/tree/fingerprint.ts', 'lab/host-view/share-copy.ts'],
  ],
  "the user's own ~/.ssh/config": ['lab/ssh/client.ts'],
}

test('files of the outside come in through one door', () => {
  const found = sourceFiles('src').filter((file) =>
    readsItself(file, readFileSync(join('src', file), 'utf8')),
  )
  expect(found.toSorted()).toEqual(Object.values(OWN).flat().toSorted())
})

test.each([
  ["import { readFileSync as read } from 'node:fs'", true],
  ["import { open } from 'node:fs/promises'", true],
  ["import * as fs from 'node:fs'", true],
  ["import fs from 'node:fs'", true],
  ["import { existsSync } from 'node:fs'", false],
  ["import { open } from './door.ts'", false],
])('who reads by itself is found: %s', (text, reads) => {
  expect(readsItself('a.ts', text)).toBe(reads)
})

function readsItself(file: string, text: string): boolean {
  return parseSync(file, text)
    .module.staticImports.filter(({ moduleRequest }) =>
      ['node:fs', 'node:fs/promises', 'fs', 'fs/promises'].includes(moduleRequest.value),
    )
    .flatMap(({ entries }) => entries)
    .some(({ importName }) => importName.name === null || READERS.includes(importName.name))
}

test('a pipe that lies where klab keeps something holds nobody up', async () => {
  const home = mkdtempSync(join(tmpdir(), 'klab-pipes-'))
  try {
    const places = ['state/vms/box', 'state/vms/by-name', 'state/journal', 'state/leftovers']
    for (const place of [...places, 'state/trust', 'cache/templates/0123456789ab', 'run'])
      mkdirSync(join(home, place), { recursive: true, mode: 0o700 })
    symlinkSync('../box', join(home, 'state/vms/by-name/box'))
    const pipes = ['state/vms/box/vm.json', 'state/journal/run.json', 'state/trust/x.json']
    for (const pipe of [
      ...[...pipes, 'state/leftovers/x.json', 'cache/templates/0123456789ab/template.json'],
    ])
      execFileSync('mkfifo', [join(home, pipe)])
    for (const words of [['ps'], ['runs'], ['template', 'ls'], ['trust', '--list']]) {
      const { code, signal } = await klab(words, { env: { KLAB_HOME: home }, timeoutMs: 30_000 })
      expect([words, code, signal]).toEqual([words, 0, null])
    }
    // Put aside, as what is damaged is.
    expect(existsSync(join(home, 'state/journal/run.json'))).toBe(false)
  } finally {
    rmSync(home, { recursive: true })
  }
}, 120_000)
