import { expect, test } from 'vitest'

import { pinPairs } from './pin.ts'

test('virtual CPUs are dealt out to the CPUs, from the beginning again where there are fewer', () => {
  expect(pinPairs([70, 71, 72], [4, 5])).toEqual([
    [70, 4],
    [71, 5],
    [72, 4],
  ])
})

test('CPUs that take turns in one thread are where the first of them is', () => {
  expect(pinPairs([70, 70], [4, 5])).toEqual([[70, 4]])
})
