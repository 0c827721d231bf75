import { expect, test } from 'vitest'

import { parseNet } from './net-request.ts'
import { segmentNet } from '../net/segment.ts'

test.each([
  ['none', undefined],
  ['user', { kind: 'user', restrict: false, publish: [] }],
  ['restrict', { kind: 'user', restrict: true, publish: [] }],
  ['bridge=br0', { kind: 'bridge', bridge: 'br0' }],
  ['lab:red', { kind: 'lab', segment: 'red' }],
])('--net %s', (text, request) => {
  expect(parseNet(text, [])).toEqual(request ? [request] : [])
})

test.each([
  ['8080:80', { address: '127.0.0.1', hostPort: 8080, guestPort: 80, protocol: 'tcp' }],
  ['0:53/udp', { address: '127.0.0.1', hostPort: 0, guestPort: 53, protocol: 'udp' }],
  ['0.0.0.0:1:2', { address: '0.0.0.0', hostPort: 1, guestPort: 2, protocol: 'tcp' }],
])('--publish %s', (text, published) => {
  expect(parseNet('user', [text])).toMatchObject([{ publish: [published] }])
})

test('several networks have a card each, and the ports go with the one to this machine', () => {
  expect(parseNet(['lab:red', 'user', 'lab:blue'], ['1:2'])).toMatchObject([
    { kind: 'lab', segment: 'red' },
    { kind: 'user', publish: [{ hostPort: 1 }] },
    { kind: 'lab', segment: 'blue' },
  ])
  expect(() => parseNet(['user', 'restrict'], [])).toThrow('one user network')
  expect(() => parseNet(['none', 'user'], [])).toThrow('does not go with user')
})

test.each(['', 'usr', 'bridge=', 'bridge=a,b', 'bridge=../x', 'lab:', 'lab:../x', 'lab:a b'])(
  'a network %j is refused',
  (text) => {
    expect(() => parseNet(text, [])).toThrow('none of')
  },
)

test.each(['80', ':80:80', '70000:1', '1:0', '300.0.0.1:1:1', '1:1/sctp', '1:1,hostfwd=x'])(
  'a published port %j is refused',
  (text) => {
    expect(() => parseNet('user', [text])).toThrow('is not')
  },
)

test('a segment has addresses of its own, the same every time', () => {
  expect(segmentNet('red')).toMatch(/^10\.(6[4-9]|[7-9]\d|1[0-8]\d|19[01])\.\d+$/)
  expect(segmentNet('red')).toBe(segmentNet('red'))
  expect(segmentNet('red')).not.toBe(segmentNet('blue'))
})
