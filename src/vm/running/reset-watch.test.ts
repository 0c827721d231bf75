import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'

import { ResetWatch, type NewBoot } from './reset-watch.ts'

const port = (state: 'opened' | 'closed') => ({
  event: 'VSERPORT_CHANGE',
  data: { id: 'agent', open: state === 'opened' },
})
const RESET = { event: 'RESET', data: { guest: true, reason: 'guest-reset' } }

type Happening = 'boot' | 'clone' | 'it speaks' | 'a moment' | 'more than a second'
type Event = ReturnType<typeof port> | typeof RESET | Happening

test.each<[string, readonly Event[], readonly NewBoot['kind'][]]>([
  ['a first boot is none', ['boot', port('opened')], []],
  ['a reset', ['boot', port('opened'), port('closed'), RESET, port('opened')], ['reset']],
  [
    'a reset whose closing is told late',
    ['boot', port('opened'), RESET, 'a moment', port('closed')],
    ['reset'],
  ],
  [
    'a reset that takes its time after the closing',
    ['boot', port('opened'), port('closed'), 'a moment', RESET, port('opened')],
    ['reset'],
  ],
  ['resets before the agent was there', ['boot', RESET, RESET, port('opened')], []],
  [
    'a reset that the firmware follows by another',
    ['boot', port('opened'), port('closed'), RESET, RESET, port('opened')],
    ['reset'],
  ],
  ['a reset of an agent whose port is not told yet', ['boot', 'it speaks', RESET], ['reset']],
  ['a kexec', ['boot', port('opened'), port('closed'), 'a moment', port('opened')], ['kexec']],
  [
    'a kexec within the second in which QEMU tells once',
    ['boot', port('opened'), port('opened')],
    ['kexec'],
  ],
  ['a kexec of a clone', ['clone', port('closed'), 'a moment', port('opened')], ['kexec']],
  [
    'a kexec whose kernel resets the machine on its way up',
    ['clone', port('closed'), 'more than a second', RESET, RESET, port('opened')],
    ['kexec', 'reset'],
  ],
  [
    'another port',
    ['clone', { event: 'VSERPORT_CHANGE', data: { id: 'x', open: false } }, 'a moment'],
    [],
  ],
])('%s: how the guest began anew', async (_, [way, ...events], expected) => {
  const boots: NewBoot[] = []
  let hasSpoken = false
  const watch = new ResetWatch({
    isOpen: way === 'clone',
    hasSpoken: () => hasSpoken,
    onBoot: (boot) => boots.push(boot),
  })
  for (const event of events) {
    if (event === 'a moment') await sleep(70)
    else if (event === 'more than a second') await sleep(1_100)
    else if (event === 'it speaks') hasSpoken = true
    else if (typeof event === 'object') watch.take(event)
  }
  expect(boots.map(({ kind }) => kind)).toEqual(expected)
})
