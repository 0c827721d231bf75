import { createInterface } from 'node:readline'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

import { InfraError, newId, UsageError } from '../../base/index.ts'
import { startDetached } from '../../host/index.ts'
import type { AllowRule } from '../outcome/allow-rule.ts'
import { chooseKernel, lastingName } from '../kernels/choose-kernel.ts'
import type { KernelChoice } from '../spec/kernel-choice.ts'
import type { VmPolicy } from '../outcome/crash-policy.ts'
import type { MachineConfig } from '../config/schema.ts'
import type { Lab } from '../session/context.ts'
import type { OnEvent } from '../outcome/events.ts'
import { parseNet } from '../spec/net-request.ts'
import { ownProgram } from '../session/own-program.ts'
import { parseShare } from '../spec/shares.ts'
import type { KeeperNews } from './keeper.ts'
import { VmRegistry, type NamedVm, type VmRecord } from './registry.ts'

export interface StartRequest {
  /** Absent for one that klab makes up. */
  readonly name: string | undefined
  readonly choice: KernelChoice
  readonly machine: MachineConfig
  readonly fresh: boolean
  readonly hold: boolean
  readonly allowReports: readonly AllowRule[]
  readonly onCrash: VmPolicy
}

/** Starts a VM that outlives this process. Throws KlabError when it does not come up; then it is not there. */
export async function startKept(
  lab: Lab,
  request: StartRequest,
  signal: AbortSignal,
  onEvent: OnEvent,
): Promise<NamedVm> {
  const registry = new VmRegistry(lab.paths)
  const name = request.name ?? registry.freeName()
  if (registry.find(name))
    throw new InfraError(
      'VM',
      `there is a VM ${name} already; klab ps shows it, klab rm ${name} removes it`,
    )
  parseNet(request.machine.net, request.machine.publish)
  for (const share of request.machine.shares) parseShare(share, lab.cwd)
  const kernel = await chooseKernel(lab, request.choice, { signal, onEvent })
  const { choice, machine, fresh, hold, allowReports, onCrash } = request
  const ready = lastingName(lab, choice, kernel)
  const record: VmRecord = {
    id: newId(),
    createdAt: new Date().toISOString(),
    request: {
      name,
      kernel: ready,
      machine,
      cwd: lab.cwd,
      env: lab.config.run.env,
      fresh,
      hold,
      allowReports,
      onCrash,
    },
    kernel: kernel.origin,
    release: kernel.release,
    state: 'starting',
    runId: newId(),
  }
  registry.add(name, record)
  try {
    return await bringUp(lab, registry, { ...record, name }, signal, onEvent)
  } catch (error) {
    registry.remove({ ...record, name })
    throw error
  }
}

/** Starts a stopped VM again, as it was asked for at first. */
export async function startAgain(
  lab: Lab,
  name: string,
  signal: AbortSignal,
  onEvent: OnEvent,
): Promise<NamedVm> {
  const registry = new VmRegistry(lab.paths)
  const vm = registry.get(name)
  if (vm.state !== 'stopped')
    throw new UsageError(`the VM ${name} runs already; klab exec ${name} -- …`)
  const { name: _name, keeper: _keeper, qemu: _qemu, snapshot: _snapshot, ...rest } = vm
  const record: VmRecord = {
    ...rest,
    state: 'starting',
    runId: newId(),
    createdAt: new Date().toISOString(),
  }
  registry.write(record)
  return await bringUp(lab, registry, { ...record, name }, signal, onEvent)
}

/** Starts the keeper of a VM and waits until the VM runs. */
export async function bringUp(
  lab: Lab,
  registry: VmRegistry,
  vm: NamedVm,
  signal: AbortSignal,
  onEvent: OnEvent,
): Promise<NamedVm> {
  const runDir = join(lab.paths.state, 'runs', vm.runId)
  mkdirSync(runDir, { recursive: true, mode: 0o700 })
  const logPath = join(runDir, 'keeper.log')
  onEvent({ kind: 'run', id: vm.runId, dir: runDir })
  const keeper = startDetached(process.execPath, [...ownProgram(), 'keep', vm.id], {
    ...{ logPath, env: lab.env },
    cwd: existsSync(vm.request.cwd) ? vm.request.cwd : '/',
  })
  const onAbort = () => keeper.kill()
  signal.addEventListener('abort', onAbort, { once: true })
  const news = heard(keeper.news, onEvent)
  const outcome = await Promise.race([news, keeper.exited.then(() => news)])
  signal.removeEventListener('abort', onAbort)
  keeper.forget()
  if (outcome?.kind === 'ready' || outcome?.kind === 'held')
    return { ...(registry.find(vm.name) ?? vm) }
  if (signal.aborted) throw new InfraError('VM', `the start of ${vm.name} was stopped`)
  if (outcome?.kind === 'failed')
    throw new InfraError('VM', outcome.message, { details: outcome.details })
  const said = readFileSync(logPath, 'utf8').trim().split('\n').slice(-5)
  throw new InfraError('VM', `the keeper of the VM ${vm.name} ended before it was up`, {
    details: said,
  })
}

/** Passes events on until the VM is up or has failed; undefined if the keeper says neither. */
async function heard(
  stream: NodeJS.ReadableStream,
  onEvent: OnEvent,
): Promise<Exclude<KeeperNews, { kind: 'event' }> | undefined> {
  for await (const line of createInterface({ input: stream })) {
    // Written by our keeper.
    const news = JSON.parse(line) as KeeperNews
    if (news.kind !== 'event') return news
    onEvent(news.event)
  }
  return undefined
}
