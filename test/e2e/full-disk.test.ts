import { afterAll, beforeAll, expect, test } from 'vitest'

import { SmallDisk } from '../support/small-disk.ts'

let disk: SmallDisk
beforeAll(async () => {
  disk = await SmallDisk.make()
})
afterAll(() => disk[Symbol.dispose]())

/** Nobody is to see where klab's own code broke, nor what it had begun to write. */
const TRACE = /^\s+at |bug in klab/m

test('a disk that is full while a template is made is named, and the VM boots without', async () => {
  // The guest's table of pages alone is more than there is room for: QEMU ends by SIGBUS.
  const { stdout, stderr } = await disk.script(
    'size=106m',
    'code run --memory 4G -- echo fine; ls $KLAB_HOME/cache/templates',
  )
  expect(stdout).toMatch(/^fine\n=> 0\n[0-9a-f]{2}\.lock\n$/)
  expect(stderr).toMatch(
    /booting, not cloning a template: no template can be made: there is no space left for the guest's memory in .*\.making: QEMU was ended by SIGBUS/,
  )
})

test('on a disk that is full a run says so with 125, what is there can be seen, and room can be made', async () => {
  const { stdout, stderr } = await disk.script(
    'size=106m',
    `code run -q -- echo before
    fill
    code run -q -- true
    code klab start box --kernel none
    for what in runs ps 'crash ls' 'kernel ls' 'template ls'; do code klab $what >/dev/null; done
    code klab template prune --size 0 >/dev/null
    code run -q -- echo after
    find $DISK -name '*.tmp' -o -name '*.making' -o -name initramfs`,
  )
  expect(stdout.split('\n').filter((line) => line !== '')).toEqual([
    ...['before', '=> 0', '=> 125', '=> 125', 'after', '=> 0'],
  ])
  expect(stderr).toMatch(/its initramfs cannot be written to .*: no space is left/)
  expect(stderr).not.toMatch(TRACE)
})

test('a disk that fills while the console talks costs no verdict, and no VM that stays', async () => {
  const { stdout, stderr } = await disk.script(
    'size=106m',
    `mkfifo in
    code run --fresh -q --user root -- sh -c 'echo begun; read _; dmesg > /dev/kmsg; exit 7' <in >out &
    exec 3>in
    until grep -q begun out; do sleep 0.1; done
    fill
    echo go >&3
    wait
    grep = out
    rm $DISK/fill
    klab start -q box --kernel "$(klab kernel ls --json | sed -n 's/.*"id": "\\(.*\\)".*/\\1/p')" --root none
    fill
    code klab pause box; code klab resume box
    rm $DISK/fill; sleep 3
    klab ps --json | grep -c '"state": "running"'
    code klab rm --force box`,
  )
  expect(stderr).not.toMatch(TRACE)
  expect(stdout).toMatch(/^=> 7\nbox\n=> 0\n=> 0\n1\n=> 0\n$/)
})

test('limits on files, no inodes and a read-only home are named, with 125', async () => {
  const { stdout, stderr } = await disk.script(
    'size=106m,nr_inodes=3000',
    `(ulimit -f 16; code run --fresh -q -- true)
    (ulimit -n 24; code run --fresh -q -- true)
    i=0; while touch $DISK/$i 2>&-; do i=$((i + 1)); done
    code run --fresh -q -- true
    rm $DISK/[0-9]*
    mount -o remount,ro $DISK
    code run --fresh -q -- true`,
  )
  expect(stderr).not.toMatch(TRACE)
  expect(stdout).toBe('=> 125\n'.repeat(4))
  for (const named of [/ulimit -f/, /ulimit -n/, /no space is left .*df -i/, /read-only/i])
    expect(stderr).toMatch(named)
})

test('a snapshot for which a full disk has no room says what could not be written', async () => {
  const { stdout, stderr } = await disk.script(
    'size=320m',
    `klab start -q box --memory 256M --root none --kernel "$(ls $KLAB_HOME/cache/kernels)"
    fill
    code klab snapshot box one
    rm $DISK/fill
    code klab rm --force box`,
  )
  expect(stdout).toBe('box\n=> 125\n=> 0\n')
  expect(stderr).toMatch(/the state of the VM could not be written/)
  expect(stderr).not.toMatch(TRACE)
})
