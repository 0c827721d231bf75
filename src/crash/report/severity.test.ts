import { expect, test } from 'vitest'

import { severityOf } from './severity.ts'

test.each([
  ['BUG: kmalloc Redzone overwritten', 'critical'],
  ['BUG: Object already free', 'critical'],
  ['BUG: slab error in victim_close', 'critical'],
  ['BUG: hard lockup in victim_work', 'medium'],
  ['WARNING in victim_check', 'low'],
])('%s is %s', (title, severity) => {
  expect(severityOf(title)).toBe(severity)
})
