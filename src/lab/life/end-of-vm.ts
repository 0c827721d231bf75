import { setTimeout as sleep } from 'node:timers/promises'

import type { Booted } from '../boot/booted.ts'
import type { Ending } from '../outcome/verdict.ts'

/** Settles when a VM of ours ends by itself, or breaks the protocol, even while its output waits for a slow reader. */
export async function endOfVm(booted: Booted): Promise<Ending> {
  const gone = booted.vm.ended.then((end): Ending => ({ kind: 'vm', end }))
  return await Promise.race([lostEnding(booted), gone])
}

/** The channel is closed: either the guest did something wrong, or QEMU is about to be gone, which says more. */
async function lostEnding({ vm, agent }: Booted): Promise<Ending> {
  const error = await agent.closed
  if (error) return { kind: 'agent', error }
  const end = await Promise.race([vm.ended, sleep(2_000, undefined, { ref: false })])
  return end ? { kind: 'vm', end } : { kind: 'agent', error: undefined }
}
