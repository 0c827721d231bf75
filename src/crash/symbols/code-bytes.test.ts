import { expect, test } from 'vitest'

import { codeBytesOf } from './code-bytes.ts'

test('the byte in brackets is where the CPU stood', () => {
  const text = 'RIP: 0010:f+0x1/0x2\nCode: 90 90 c3 <0f> 0b 5b\nRSP: 0018:ffff'
  expect(codeBytesOf(text)).toEqual({
    bytes: Uint8Array.of(0x90, 0x90, 0xc3, 0x0f, 0x0b, 0x5b),
    at: 3,
    arch: { longest: 15, objdump: 'i386:x86-64' },
  })
})

test.each([
  'RIP: 0010:f+0x1/0x2\nCode: Bad RIP value.',
  'RIP: 0010:0xffffffd6\nCode: Unable to access opcode bytes at 0xffffffd6.',
  'RIP: 0033:0x7f30cc75c350\nCode: 90 <c3> 90',
])('no bytes: %s', (text) => {
  expect(codeBytesOf(text)).toBeUndefined()
})
