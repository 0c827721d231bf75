import { expect, test } from 'vitest'

import { Console } from './console.ts'

test('a full disk ends the recording, and neither the run nor what its readers hear', () => {
  const lost: string[] = []
  const heard: string[] = []
  const console = new Console('/dev/full', (why) => lost.push(why))
  console.addReader({ lines: (lines) => heard.push(...lines) })
  console.take(Buffer.from('one\ntwo\n'))
  console.take(Buffer.from('three\nfour'))
  console.close()
  expect(heard).toEqual(['one', 'two', 'three', 'four'])
  expect(lost).toEqual([
    'the console cannot be written to /dev/full: ENOSPC: no space left on device, write',
  ])
})
