import { AgentLost } from '../../guest/index.ts'
import { BootFailure, type Phase, type Vm } from '../../vm/index.ts'
import type { BootRequest } from './boot-plan.ts'
import type { Lab } from '../session/context.ts'
import type { OnEvent } from '../outcome/events.ts'
import { HungBoot } from '../outcome/hung-boot.ts'

/** As Vm.reach, for what the agent has to answer: one that breaks the protocol has failed, one that is gone tells nothing. */
export async function reachAgent<T>(vm: Vm, phase: Phase, answer: Promise<T>): Promise<T> {
  const settled = answer.catch((error: unknown) => {
    if (!(error instanceof AgentLost)) throw error
    if (error.cause) throw vm.failureBecause(`${error.message}; its agent cannot be trusted`)
    return new Promise<never>(() => undefined)
  })
  return await vm.reach(phase, settled)
}

/** A boot that may come to a standstill. */
interface Boot {
  readonly lab: Lab
  readonly request: BootRequest
  readonly vm: Vm
  readonly slowness: number
  readonly onEvent: OnEvent
}

/** As reachAgent; a kernel that comes to a standstill on the way is asked where it is: throws HungBoot then. */
export async function reachOrAsk<T>(boot: Boot, phase: Phase, answer: Promise<T>): Promise<T> {
  try {
    return await reachAgent(boot.vm, phase, answer)
  } catch (error) {
    throw error instanceof BootFailure && error.isSilent ? await askedWhy(boot, error) : error
  }
}

async function askedWhy(
  { lab, request, vm, slowness, onEvent }: Boot,
  failure: BootFailure,
): Promise<HungBoot> {
  await request.onSilence?.(vm)
  const { makeSpeak } = await import('../hang/speak.ts')
  const { kernel, runDir } = request
  const stuck = { vm, agent: undefined, slowness }
  return new HungBoot(failure, await makeSpeak(stuck, kernel, { lab, runDir, onEvent }))
}
