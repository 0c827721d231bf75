import { AgentLost } from '../../guest/index.ts'
import { BootFailure, type Phase, type Vm } from '../../vm/index.ts'
import { HungBoot } from '../outcome/hung-boot.ts'
import type { Scene } from './scene.ts'

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
  readonly scene: Scene
  readonly vm: Vm
}

/** As reachAgent; a kernel that comes to a standstill on the way is asked where it is: throws HungBoot then. */
export async function reachOrAsk<T>(boot: Boot, phase: Phase, answer: Promise<T>): Promise<T> {
  try {
    return await reachAgent(boot.vm, phase, answer)
  } catch (error) {
    throw error instanceof BootFailure && error.isSilent ? await askedWhy(boot, error) : error
  }
}

async function askedWhy({ scene, vm }: Boot, failure: BootFailure): Promise<HungBoot> {
  const { lab, request, hooks, decision } = scene
  await hooks.onSilence(vm)
  const { makeSpeak } = await import('../hang/speak.ts')
  const { kernel, runDir } = request
  const stuck = { vm, agent: undefined, slowness: decision.slowness }
  const place = { lab, runDir, onEvent: hooks.onEvent }
  return new HungBoot(failure, await makeSpeak(stuck, kernel, place))
}
