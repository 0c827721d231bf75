import { expect, test } from 'vitest'

import {
  formatBytes,
  formatDuration,
  parseDurationMs,
  parseSizeBytes,
  parseSizeMiB,
} from './units.ts'

test.each([
  ['90', 90_000],
  ['90s', 90_000],
  ['1.5m', 90_000],
  ['250ms', 250],
  ['2h', 7_200_000],
  ['', undefined],
  ['5 parsecs', undefined],
  ['-1s', undefined],
])('duration %j is %j ms', (text, ms) => expect(parseDurationMs(text)).toBe(ms))

test.each([
  ['512', 512],
  ['2K', 2048],
  ['1.5GiB', 1.5 * 2 ** 30],
  ['1g', 2 ** 30],
  ['lots', undefined],
])('size %j is %j bytes', (text, bytes) => expect(parseSizeBytes(text)).toBe(bytes))

test.each([
  ['512', 512],
  ['1G', 1024],
  ['1.5G', 1536],
  ['x', undefined],
])('memory %j is %j MiB', (text, mib) => expect(parseSizeMiB(text)).toBe(mib))

test('what is shown can be read', () => {
  expect([0, 1536, 2 ** 30].map(formatBytes)).toEqual(['0 B', '1.5 KiB', '1.0 GiB'])
  expect([12, 1234, 59_900, 90_500, 3_720_000].map(formatDuration)).toEqual([
    '12ms',
    '1.23s',
    '59.9s',
    '1m31s',
    '1h02m',
  ])
})
