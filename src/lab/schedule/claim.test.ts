import { expect, test } from 'vitest'

import { mayRun, type Claim, type EarlierClaim } from './claim.ts'

const claim = (change: Partial<Claim> = {}): Claim => ({
  ...{ cpus: 2, memoryMiB: 1000, patient: true },
  ...change,
})
const earlier = (change: Partial<EarlierClaim> = {}): EarlierClaim => ({
  ...claim(),
  takenMiB: 0,
  ...change,
})
const machine = { cpus: 4, availableMiB: 4000, totalMiB: 8000 }

test('what others were promised is not free, what they have already is not counted twice', () => {
  const three = [earlier(), earlier(), earlier({ takenMiB: 900 })]
  expect(mayRun(claim({ memoryMiB: 1900, patient: false }), three, machine)).toEqual({
    kind: 'yes',
  })
  expect(mayRun(claim({ memoryMiB: 1901, patient: false }), three, machine)).toMatchObject({
    kind: 'wait',
    why: expect.stringMatching(/1900 MiB are free beside 3 other VMs/),
  })
})

test('the first of all never waits, and what can never be is said at once', () => {
  expect(mayRun(claim({ cpus: 64 }), [], machine)).toEqual({ kind: 'yes' })
  const alone = claim({ memoryMiB: 5000, patient: false })
  expect(mayRun(alone, [], machine)).toMatchObject({ kind: 'never' })
  // Memory that others have just now comes back: one of many waits for it.
  expect(mayRun({ ...alone, patient: true }, [], machine)).toMatchObject({ kind: 'wait' })
  expect(mayRun(claim({ memoryMiB: 9000 }), [], machine)).toMatchObject({ kind: 'never' })
})

test('one of many waits for CPUs, whoever sits before a terminal does not', () => {
  const full = [earlier({ cpus: 4 }), earlier({ cpus: 3 })]
  expect(mayRun(claim(), full, machine)).toMatchObject({
    kind: 'wait',
    why: expect.stringMatching(/7 virtual ones, and this machine has 4/),
  })
  expect(mayRun(claim({ cpus: 1 }), full, machine)).toEqual({ kind: 'yes' })
  expect(mayRun(claim({ patient: false }), full, machine)).toEqual({ kind: 'yes' })
})
