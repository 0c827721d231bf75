import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'

import { KernelStore } from './kernel-store.ts'

const cache = mkdtempSync(join(tmpdir(), 'klab-store-'))
afterAll(() => rmSync(cache, { recursive: true }))
const store = new KernelStore(cache)

const MANIFEST = {
  ...{ release: '6.1', arch: 'x86_64', profile: 'minimal', tree: '/t', version: '6.1' },
  ...{ treeId: 't', configHash: 'c', compiler: 'gcc', imageSha256: 's' },
  ...{ createdAt: '2026-01-01T00:00:00Z', buildMs: 1, slowness: 1, steps: 1, parameters: [] },
}

function put(id: string, manifest: string, files = ['image', 'vmlinux', 'config']): void {
  mkdirSync(store.directory(id), { recursive: true })
  writeFileSync(join(store.directory(id), 'manifest.json'), manifest)
  for (const file of files) writeFileSync(join(store.directory(id), file), file)
}

test('a damaged kernel stops no other, is built again, and can be removed', async () => {
  const [whole, garbage, partly] = ['aaaaaaaaaaaa', 'bbbbbbbbbbbb', 'cccccccccccc']
  put(whole, JSON.stringify({ ...MANIFEST, id: whole }))
  put(garbage, '{ not json')
  put(partly, JSON.stringify({ ...MANIFEST, id: partly }), ['image', 'config'])
  expect((await store.list()).map(({ manifest }) => manifest.id)).toEqual([whole])
  expect((await store.find('aaaa'))?.id).toBe(whole)
  await expect(store.find('bbbb')).rejects.toThrow(/is damaged, .*: klab kernel rm bbbbbbbbbbbb/)
  await expect(store.find('cccc')).rejects.toThrow(
    /has lost its vmlinux, or a part of it; klab build makes it again/,
  )
  expect(await store.whole(partly)).toBe(undefined)
  expect(await store.damaged()).toEqual([garbage, partly])
  for (const id of [garbage, partly]) {
    expect(store.idOf(id)).toBe(id)
    await store.remove(id)
    expect(store.idOf(id)).toBeUndefined()
  }
})
