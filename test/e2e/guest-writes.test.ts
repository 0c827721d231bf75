import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'

import { klab } from '../support/klab.ts'
import { TestVms } from '../support/vms.ts'

const dir = mkdtempSync(join(tmpdir(), 'klab-guest-writes-'))
afterAll(() => rmSync(dir, { recursive: true }))

function directory(name: string): string {
  const path = join(dir, name)
  mkdirSync(path)
  return path
}

describe('a hostile guest that is copied from', () => {
  test('writes through no link that it sent before', async () => {
    await using vms = new TestVms()
    const name = await vms.start('cplink')
    const host = directory('host')
    writeFileSync(join(host, 'file'), 'mine\n')
    const here = directory('here')
    const inGuest = async (script: string) =>
      await vms.exec(name, ['sh', '-c', `mkdir -p /tmp/out && cd /tmp/out && ${script}`])
    const copy = async (source: string, target: string) =>
      await klab(['cp', `${name}:/tmp/${source}`, target])

    // The first copy leaves links: to a file, to a directory, one that dangles.
    await inGuest(`ln -s ${host}/file x; ln -s ${host} dir; ln -s ${host}/new fresh`)
    expect((await copy('out', here)).code).toBe(0)
    expect(lstatSync(join(here, 'out/dir')).isSymbolicLink()).toBe(true)
    // The second has files where they are, and in the middle of paths.
    await inGuest(
      'rm x dir fresh && mkdir dir && for f in x fresh dir/file dir/new; do echo evil > $f; done',
    )
    // One file by the name of a link to a directory, too.
    const throughLink = await copy('out/x', join(here, 'out/dir'))
    expect(throughLink).toMatchObject({ code: 2, stderr: expect.stringContaining('is a link') })
    expect((await copy('out', here)).code).toBe(0)

    expect(readFileSync(join(host, 'file'), 'utf8')).toBe('mine\n')
    expect(readdirSync(host)).toEqual(['file'])
    expect(readFileSync(join(here, 'out/dir/file'), 'utf8')).toBe('evil\n')
    expect(readdirSync(here)).toEqual(['out'])
  })
})
