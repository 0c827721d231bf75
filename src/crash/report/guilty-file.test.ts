import { expect, test } from 'vitest'

import { guiltyFile } from './guilty-file.ts'

const trace = (...frames: readonly string[]) =>
  ['Call Trace:', ' <TASK>', ...frames.map((frame) => ` ${frame}`)].join('\n')

test.each([
  [
    'machinery is passed over by what it is for',
    ['dump_stack_lvl+0x1/0x2 lib/dump_stack.c:106', 'foo_release+0x1/0x2 fs/foo/file.c:1'],
    'fs/foo/file.c',
  ],
  [
    'paths that compilers write are brought to those of the tree',
    ['eventfd_wakeup+0x1/0x2 arch/x86/kvm/../../../virt/kvm/eventfd.c:204'],
    'virt/kvm/eventfd.c',
  ],
  [
    'a file that serves a subsystem is not guilty of what its client did',
    [
      'usb_submit_urb+0x1/0x2 drivers/usb/core/urb.c:378',
      'cm109_urb_irq_callback drivers/input/misc/cm109.c:421 [inline]',
    ],
    'drivers/input/misc/cm109.c',
  ],
  [
    'when all serve others, the first of them that is no machinery',
    ['kfree+0x1/0x2 mm/slub.c:1', 'do_rmdir+0x1/0x2 fs/namei.c:4230'],
    'fs/namei.c',
  ],
  [
    'deeper in the same directory is more to the point',
    ['foo_core+0x1/0x2 net/core.c:1', 'bar+0x1/0x2 net/bar/bar.c:2'],
    'net/bar/bar.c',
  ],
  ['what leads out of the tree is none', ['f+0x1/0x2 sound/../../etc/x.c:1'], undefined],
  ['a trace without places names none', ['f+0x1/0x2'], undefined],
])('%s', (_, frames, file) => expect(guiltyFile(trace(...frames))).toBe(file))
