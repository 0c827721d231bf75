import { expect, test } from 'vitest'

import { compileErrorOf, stepOf } from './build-progress.ts'

test.each([
  ['  CC      init/main.o', 'init/main.o'],
  ['  LD [M]  drivers/x.ko', 'drivers/x.ko'],
  ["make[1]: Entering directory '/b'", undefined],
  ['init/main.c:1:2: error: x', undefined],
])('the step of %j is %j', (line, step) => expect(stepOf(line)).toBe(step))

const rename = (path: string) => path.replace('/place/source/', '')
test.each([
  [
    '/place/source/init/main.c:42:7: error: ‘x’ undeclared',
    { file: 'init/main.c', line: 42, message: '‘x’ undeclared' },
  ],
  [
    '/place/source/a.c:1:10: fatal error: no.h: No such file or directory',
    { file: 'a.c', line: 1, message: 'no.h: No such file or directory' },
  ],
  ['ERROR: modpost: "foo" [bar.ko] undefined!', { message: 'modpost: "foo" [bar.ko] undefined!' }],
  [
    "make[2]: *** No rule to make target 'x.o', needed by 'y'.  Stop.",
    { message: "No rule to make target 'x.o', needed by 'y'.  Stop." },
  ],
  ['/bin/sh: 1: flex: not found', { message: 'flex: program not found' }],
  ['init/main.c:42:7: warning: unused', undefined],
])('the error in %j', (line, error) => expect(compileErrorOf(line, rename)).toEqual(error))
