import { parseSync } from 'oxc-parser'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

import { sourceFiles } from './support/code.ts'

/** What waits for a pipe and reads a device for ever. */
const READERS = ['readFileSync', 'readFile', 'createReadStream', 'openSync', 'open']

/**
 * Files that read by themselves, and what: nothing that a user names, or that somebody else may have put where klab looks. All else comes in through
 * src/host/outside-file.ts.
 */
const OWN: Readonly<Record<string, readonly string[]>> = {
  'the door itself': ['host/outside-file.ts'],
  'what klab is made of': [
    ...['cli/man/list-man.ts', 'cli/own-files.ts', 'host/native.ts'],
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
    ...['kernel/tree/shadow.ts', 'lab/boot/boot-initramfs.ts', 'lab/boot/templates.ts'],
    ...['lab/config/cached.ts', 'lab/config/trust-store.ts', 'lab/crashes/export.ts'],
    ...['lab/history/history.ts', 'lab/kernels/last-kernel.ts', 'lab/net/ensure-switch.ts'],
    ...['lab/net/ports.ts', 'lab/run/replay.ts', 'lab/ssh/keys.ts', 'lab/ssh/proxy.ts'],
    ...['lab/symbols/file-cache.ts', 'lab/vms/start.ts', 'vm/facts/accelerator.ts'],
    ...['vm/facts/qemu-facts.ts', 'vm/running/start.ts', 'host/directories.ts'],
    ...['lab/history/record-files.ts', 'lab/net/segment.ts', 'lab/vms/registry.ts'],
    ...['lab/vms/snapshots.ts', 'kernel/ready-made/kernel-store.ts', 'lab/audit/audit-log.ts'],
  ],
  'what it writes': [
    ...['host/process.ts', 'lab/dumps/dump-file.ts', 'lab/history/output-record.ts'],
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
