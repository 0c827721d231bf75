import { execFileSync } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'

import { TEST_HOME } from '../support/home.ts'
import { testTree } from '../support/kernels.ts'
import { klab } from '../support/klab.ts'
import { TestVms } from '../support/vms.ts'

const dir = mkdtempSync(join(tmpdir(), 'klab-shares-'))
afterAll(() => rmSync(dir, { recursive: true }))

function directory(name: string): string {
  const path = join(dir, name)
  mkdirSync(path)
  return path
}

describe('a share', () => {
  test('rw is seen live on both sides', async () => {
    await using vms = new TestVms()
    const shared = directory('live')
    const name = await vms.start('live', '--share', `rw:${shared}:/mnt/live`)
    writeFileSync(join(shared, 'from-host'), 'one\n')
    expect((await vms.exec(name, ['cat', '/mnt/live/from-host'])).stdout).toBe('one\n')
    writeFileSync(join(shared, 'from-host'), 'two, and longer\n')
    expect((await vms.exec(name, ['cat', '/mnt/live/from-host'])).stdout).toBe('two, and longer\n')
    await vms.exec(name, ['sh', '-c', 'echo three > /mnt/live/from-guest'])
    expect(readFileSync(join(shared, 'from-guest'), 'utf8')).toBe('three\n')
    expect(statSync(join(shared, 'from-guest')).uid).toBe(process.getuid?.())
  })

  test.each(['9p', 'virtiofs'])(
    'ro and rw by %s follow the host, ro,cached need not',
    async (by) => {
      await using vms = new TestVms()
      const shared = directory(`follows-${by}`)
      writeFileSync(join(shared, 'file'), 'one\n')
      const shares = ['ro', 'rw', 'ro,cached'].flatMap((mode, index) => [
        '--share',
        `${mode}:${shared}:/mnt/${index}`,
      ])
      const name = await vms.start(`follows-${by}`, '--transport', by, ...shares)
      const read = async () =>
        (await vms.exec(name, ['cat', '/mnt/0/file', '/mnt/1/file', '/mnt/2/file'])).stdout
      expect(await read()).toBe('one\none\none\n')
      writeFileSync(join(shared, 'file'), 'two, longer\n')
      // virtiofsd's cache=auto believes what it knows for a second.
      if (by === 'virtiofs') await new Promise((resolve) => setTimeout(resolve, 1500))
      expect(await read()).toMatch(/^two, longer\ntwo, longer\n/)
      const { stdout } = await vms.exec(name, ['grep', '-c', ` ${by} `, '/proc/mounts'])
      expect(Number(stdout)).toBeGreaterThanOrEqual(3)
      await vms.exec(name, ['sh', '-c', 'echo x > /mnt/0/file; echo y > /mnt/2/file'])
      expect(readFileSync(join(shared, 'file'), 'utf8')).toBe('two, longer\n')
    },
  )

  test('over the root of the guest is refused', async () => {
    const { code, stderr } = await klab(['run', '--share', `${dir}:/`, '--', 'true'])
    expect({ code, stderr: stderr.includes('is no absolute path in the guest below /') }).toEqual({
      code: 2,
      stderr: true,
    })
  })

  test('ro is refused by the host, also to root who mounts it again', async () => {
    const shared = directory('ro')
    writeFileSync(join(shared, 'file'), 'kept\n')
    const script = [
      'echo x > /mnt/ro/file; cat /mnt/ro/file; umount /mnt/ro',
      'mkdir /tmp/again && mount -t 9p -o trans=virtio,version=9p2000.L klab.share0 /tmp/again',
      'echo x > /tmp/again/file; rm -f /tmp/again/file; mkdir /tmp/again/dir',
    ].join('; ')
    const result = await klab([
      ...['run', '-q', '--user', 'root', '--tree', testTree()],
      ...['--share', `ro:${shared}:/mnt/ro`, '--', 'sh', '-c', script],
    ])
    expect(result.stdout).toBe('kept\n')
    expect(result.stderr.match(/Read-only file system/g)?.length).toBeGreaterThanOrEqual(2)
    expect(readFileSync(join(shared, 'file'), 'utf8')).toBe('kept\n')
    expect(existsSync(join(shared, 'dir'))).toBe(false)
  })

  test('cow is forgotten, and there may be many', async () => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f']
    const shares = names.flatMap((name) => {
      const path = directory(`cow-${name}`)
      writeFileSync(join(path, 'file'), `${name}\n`)
      return ['--share', `${path}:/mnt/${name}`]
    })
    const script = 'for f in /mnt/*/file; do echo more >> $f; done; cat /mnt/*/file'
    const result = await klab([
      'run',
      '-q',
      '--tree',
      testTree(),
      ...shares,
      '--',
      'sh',
      '-c',
      script,
    ])
    expect(result).toMatchObject({
      code: 0,
      stdout: names.map((name) => `${name}\nmore\n`).join(''),
      stderr: '',
    })
    expect(readFileSync(join(dir, 'cow-f/file'), 'utf8')).toBe('f\n')
  })

  test('of a kernel that can mount none is copied in and back, where that is asked for', async () => {
    // The kernel of the tests, which klab takes for one without 9p and virtiofs.
    const kernel = directory('kernel')
    const id = (await klab(['build', '-q', '--tree', testTree()])).stdout.trim()
    const built = join(TEST_HOME, 'cache/kernels', id)
    copyFileSync(join(built, 'vmlinux'), join(kernel, 'vmlinux'))
    copyFileSync(join(built, 'image'), join(kernel, 'bzImage'))
    const config = readFileSync(join(built, 'config'), 'utf8')
    const without = config.replace('CONFIG_9P_FS=y', '').replace('CONFIG_VIRTIO_FS=y', '')
    writeFileSync(join(kernel, 'config'), without)

    const shared = directory('copied')
    const source = join(dir, 'program.c')
    writeFileSync(
      source,
      `#include <stdio.h>
#include <sys/stat.h>
int main(void) {
  char line[64] = "";
  FILE *in = fopen("/work/sub/in", "r"), *link = fopen("/work/link", "r");
  if (!in || !link || !fgets(line, sizeof line, in)) return 9;
  mkdir("/work/made", 0755);
  FILE *out = fopen("/work/made/out", "w");
  fprintf(out, "got %s", line);
  return fclose(out) ? 8 : 4;
}`,
    )
    mkdirSync(join(shared, 'sub'))
    writeFileSync(join(shared, 'sub/in'), 'input\n')
    symlinkSync('sub/in', join(shared, 'link'))
    execFileSync('gcc', ['-static', '-o', join(shared, 'program'), source])
    const args = ['run', '--kernel', kernel, '--root', 'none', '--share', `rw:${shared}:/work`]
    const refused = await klab([...args, '--', '/work/program'])
    expect(refused).toMatchObject({
      code: 125,
      stderr: expect.stringContaining('--share-fallback'),
    })
    const result = await klab([...args, '--share-fallback', 'copy', '--', '/work/program'])
    expect(result).toMatchObject({ code: 4, stderr: expect.stringContaining('copied in') })
    expect(readFileSync(join(shared, 'made/out'), 'utf8')).toBe('got input\n')
  })
})
