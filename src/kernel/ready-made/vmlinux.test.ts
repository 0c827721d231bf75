import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { runOk } from '../../host/index.ts'
import { KernelStore } from './kernel-store.ts'
import { findKernel } from './ready-made.ts'

const dir = mkdtempSync(join(tmpdir(), 'klab-vmlinux-'))
afterAll(() => rmSync(dir, { recursive: true }))
const RELEASE = '6.1.0-1-test'
const BUILD = '#1 SMP Thu Jan 1 00:00:00 UTC 1970'

/** The header of a bzImage (Documentation/arch/x86/boot.rst) that says which build it is. */
function image(version = `${RELEASE} (me@here) ${BUILD}\0`): Buffer {
  const bytes = Buffer.alloc(4096)
  bytes.write('HdrS', 0x202, 'latin1')
  bytes.writeUInt16LE(0x20c, 0x206)
  bytes.writeUInt16LE(0x400, 0x20e)
  bytes.writeUInt16LE(1, 0x236)
  bytes.write(version, 0x600, 'latin1')
  return bytes
}

/** An ELF file with the banner of a kernel, as init/version.c has it. */
async function vmlinux(path: string, release: string, build: string): Promise<void> {
  const banner = `Linux version ${release} (me@here) (gcc 12) ${build}\\n`
  const code = `const char format[] = "Linux version %s", linux_banner[] = "${banner}";`
  writeFileSync(`${path}.c`, code)
  await runOk('gcc', ['-c', '-o', path, `${path}.c`])
}

const found = async (place: string) => (await findKernel(place, new KernelStore(dir), dir)).vmlinux

describe('the vmlinux of an image', () => {
  const files = join(dir, 'files')
  beforeAll(async () => {
    mkdirSync(files)
    await vmlinux(join(files, 'own'), RELEASE, BUILD)
    await vmlinux(join(files, 'rebuilt'), RELEASE, '#2 SMP Fri Jan 2 00:00:00 UTC 1970')
    await vmlinux(join(files, 'other'), '6.1.0-2-test', BUILD)
    writeFileSync(join(files, 'text'), 'stale')
  })

  /** A root with the image, and one of the files somewhere. */
  const rootWith = async (name: string, from: string, to: string) => {
    const root = join(dir, name.replaceAll(/\W/g, '-'))
    mkdirSync(join(root, 'boot'), { recursive: true })
    mkdirSync(join(root, to, '..'), { recursive: true })
    writeFileSync(join(root, 'boot', `vmlinuz-${RELEASE}`), image())
    await runOk('cp', [join(files, from), join(root, to)])
    return root
  }

  test.each([
    ['beside it', 'boot/vmlinux'],
    ['beside it, with its release', `boot/vmlinux-${RELEASE}`],
    ['beside it, of a debug package', 'boot/vmlinux.debug'],
    ['where the package was unpacked', `usr/lib/debug/boot/vmlinux-${RELEASE}`],
    ['where Fedora has it', `usr/lib/debug/lib/modules/${RELEASE}/vmlinux`],
  ])('is found %s', async (name, to) => {
    const root = await rootWith(name, 'own', to)
    expect(await found(root)).toBe(join(root, to))
  })

  test.each([
    ['of another release', 'other'],
    ['of another build', 'rebuilt'],
    ['what is no ELF file', 'text'],
  ])('is not %s', async (name, from) => {
    expect(await found(await rootWith(name, from, 'boot/vmlinux'))).toBeUndefined()
  })
})
