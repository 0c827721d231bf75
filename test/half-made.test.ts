import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { glob } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, expect, test } from 'vitest'

import { compiledTree, edit, imageOf } from './support/compiled-tree.ts'
import { klab, startKlab } from './support/klab.ts'

const dir = mkdtempSync(join(tmpdir(), 'klab-half-made-'))
afterAll(() => rmSync(dir, { recursive: true }))
const env = { KLAB_HOME: join(dir, 'home') }

async function linked(): Promise<string> {
  for await (const path of glob(join(dir, 'home/cache/builds/*/objects/vmlinux'))) return path
  throw new Error('nothing was linked')
}

test('what a killed build was linking is not taken for linked by the next one', async () => {
  const tree = compiledTree(join(dir, 'tree'))
  const args = ['build', '--json', '--tree', tree]
  expect((await klab(args, { env })).code).toBe(0)
  const vmlinux = await linked()
  const { size } = statSync(vmlinux)
  edit(tree, 1)
  const building = startKlab(args, { env })
  const ended = once(building, 'exit')
  while (statSync(vmlinux).size === size) await sleep(5)
  building.kill('SIGKILL')
  await ended

  const { code, stdout } = await klab(args, { env })
  expect(code).toBe(0)
  const { id } = JSON.parse(stdout) as { id: string }
  const image = readFileSync(join(dir, 'home/cache/kernels', id, 'image'))
  expect(image.equals(imageOf(tree, join(dir, 'scratch')))).toBe(true)
}, 120_000)
