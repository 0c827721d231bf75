import { expect, test } from 'vitest'

import { scrub } from './scrub.ts'

const ME = { home: '/home/ada', user: 'ada', host: 'engine' }

test.each([
  ['tree /home/ada/linux, not /home/adam', 'tree ~/linux, not /home/adam'],
  ['ada@engine: adapter engineering', 'USER@HOST: adapter engineering'],
  ['API_KEY=abcdef123 next', 'API_KEY=[removed] next'],
  ['password: "hunter22"', 'password: "[removed]"'],
  ['git clone https://ada:pw@example.org/x', 'git clone https://[removed]@example.org/x'],
  ['-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----.', '[removed].'],
  ['Authorization: Bearer abc.def', 'Authorization: Bearer [removed]'],
])('%s', (text, expected) => {
  expect(scrub(text, ME).text).toBe(expected)
})

test('what everybody has stays, and nothing is counted', () => {
  const text = 'root@localhost: token bucket filter at 0xffffffff81000000'
  expect(scrub(text, { home: '/root', user: 'root', host: 'localhost' })).toEqual({
    text,
    found: 0,
  })
})

test('a megabyte of anything takes no more than linear time', () => {
  for (const filler of ['a', 'token', '-----BEGIN ', 'eyJaaaaaaaa.', 'x://y:'])
    expect(scrub(filler.repeat(1_000_000 / filler.length), ME).text.length).toBeGreaterThan(0)
})
