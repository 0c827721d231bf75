import { createInterface } from 'node:readline'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

import {
  hasFields,
  InfraError,
  isStringList,
  newId,
  tryDecodeJson,
  UsageError,
} from '../../base/index.ts'
import { Patience, startDetached, type DetachedProcess } from '../../host/index.ts'
import { chooseKernel, lastingName } from '../kernels/choose-kernel.ts'
import type { VmPolicy } from '../outcome/crash-policy.ts'
import type { OnEvent } from '../outcome/events.ts'
import type { Lab } from '../session/context.ts'
import { ownProgram } from '../session/own-program.ts'
import type { Judge } from '../spec/run-request.ts'
import type { VmSpec } from '../spec/vm-spec.ts'
import type { KeeperNews } from './keeper.ts'
import { VmRegistry, type NamedVm } from './registry.ts'
import type { VmRecord } from './vm-record.ts'

/** A VM that is to stay, as it is asked for. */
export interface StartRequest {
  /** Absent for one that klab makes up. */
  readonly name: string | undefined
  readonly vm: VmSpec
  readonly judge: Judge<VmPolicy>
}

/** Who waits for a VM to come up. */
export interface StartParts {
  readonly signal: AbortSignal
  readonly onEvent: OnEvent
}

/** Starts a VM that outlives this process. Throws KlabError when it does not come up; then it is not there. */
export async function startKept(
  lab: Lab,
  { name: wish, vm, judge }: StartRequest,
  parts: StartParts,
): Promise<NamedVm> {
  const registry = new VmRegistry(lab.paths)
  const name = wish ?? registry.freeName()
  if (registry.find(name))
    throw new InfraError(
      'VM',
      `there is a VM ${name} already; klab ps shows it, klab rm ${name} removes it`,
    )
  const kernel = await chooseKernel(lab, vm.kernel, parts)
  const ready = lastingName(lab, vm.kernel, kernel)
  const record: VmRecord = {
    id: newId(),
    createdAt: new Date().toISOString(),
    request: {
      name,
      vm: { ...vm, kernel: { kernel: ready, options: [], configFiles: [] } },
      judge,
      cwd: lab.cwd,
      env: lab.config.run.env,
    },
    kernel: kernel.origin,
    release: kernel.release,
    state: 'starting',
    runId: newId(),
  }
  registry.add(name, record)
  try {
    return await bringUp(lab, { ...record, name }, parts)
  } catch (error) {
    registry.remove({ ...record, name })
    throw error
  }
}

/** Starts a stopped VM again, as it was asked for at first. */
export async function startAgain(lab: Lab, name: string, parts: StartParts): Promise<NamedVm> {
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
  return await bringUp(lab, { ...record, name }, parts)
}

/** Starts the keeper of a VM and waits until the VM runs. */
export async function bringUp(
  lab: Lab,
  vm: NamedVm,
  { signal, onEvent }: StartParts,
): Promise<NamedVm> {
  const runDir = join(lab.paths.state, 'runs', vm.runId)
  mkdirSync(runDir, { recursive: true, mode: 0o700 })
  const logPath = join(runDir, 'keeper.log')
  onEvent({ kind: 'run', id: vm.runId, dir: runDir, run: vm.runId })
  const keeper = startDetached(process.execPath, [...ownProgram(), 'keep', vm.id], {
    ...{ logPath, env: lab.env },
    cwd: existsSync(vm.request.cwd) ? vm.request.cwd : '/',
  })
  const news = heard(keeper.news, onEvent)
  const outcome = await comingUp(vm, keeper, { signal, news }).finally(() => keeper.forget())
  if (outcome?.kind === 'ready' || outcome?.kind === 'held')
    return { ...(new VmRegistry(lab.paths).find(vm.name) ?? vm) }
  if (signal.aborted) throw new InfraError('VM', `the start of ${vm.name} was stopped`)
  if (outcome?.kind === 'failed')
    throw new InfraError('VM', outcome.message, { details: outcome.details })
  const said = readFileSync(logPath, 'utf8').trim().split('\n').slice(-5)
  throw new InfraError('VM', `the keeper of the VM ${vm.name} ended before it was up`, {
    details: said,
  })
}

/** Its boot has limits of its own; one that is ended by the user, or stopped, ends with its keeper. */
async function comingUp(
  { name }: NamedVm,
  keeper: Pick<DetachedProcess, 'pid' | 'exited' | 'kill'>,
  { signal, news }: { readonly signal: AbortSignal; readonly news: ReturnType<typeof heard> },
): ReturnType<typeof heard> {
  // Told first, so that it can record its end.
  const onAbort = () => {
    keeper.kill('SIGTERM')
    setTimeout(() => keeper.kill('SIGKILL'), LAST_WORDS_MS).unref()
  }
  signal.addEventListener('abort', onAbort, { once: true })
  if (signal.aborted) onAbort()
  const peer = { what: `the keeper of ${name}`, pid: keeper.pid }
  using patience = new Patience(peer, Number.POSITIVE_INFINITY)
  try {
    return await patience.for(
      Promise.race([news, keeper.exited.then(() => news)]),
      (why) => new InfraError('VM_SILENT', `the VM ${name} does not come up: ${why}`),
    )
  } catch (error) {
    keeper.kill('SIGKILL')
    throw error
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

const LAST_WORDS_MS = 2_000

/** Passes events on until the VM is up or has failed; undefined if the keeper says neither. */
async function heard(
  stream: NodeJS.ReadableStream,
  onEvent: OnEvent,
): Promise<Exclude<KeeperNews, { kind: 'event' }> | undefined> {
  for await (const line of createInterface({ input: stream })) {
    const news = tryDecodeJson(line, isNews)
    // A line that was cut off by the end of the keeper: its log tells more.
    if (!news) continue
    if (news.kind !== 'event') return news
    onEvent(news.event)
  }
  return undefined
}

function isNews(value: unknown): value is KeeperNews {
  if (!hasFields(value, { kind: 'string' })) return false
  if (value['kind'] === 'event') return hasFields(value['event'], { kind: 'string' })
  if (value['kind'] === 'failed')
    return typeof value['message'] === 'string' && isStringList(value['details'])
  return value['kind'] === 'ready' || value['kind'] === 'held'
}
