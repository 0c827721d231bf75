import { messageOf } from '../../base/index.ts'
import { processIdentity } from '../../host/index.ts'
import type { Kernel } from '../../kernel/index.ts'
import type { Booted } from '../boot/boot.ts'
import { lastingName } from '../kernels/choose-kernel.ts'
import type { Lab } from '../session/context.ts'
import type { OnEvent } from '../outcome/events.ts'
import type { RunRequest } from '../spec/run-request.ts'
import type { ReportLog } from '../outcome/verdict.ts'
import { controlPath } from './control.ts'
import { serveControl } from './keeper-control.ts'
import { VmRegistry, type VmRecord } from './registry.ts'

/** A run whose kernel has complained. */
export interface CrashedRun {
  readonly id: string
  readonly request: RunRequest
  readonly kernel: Kernel
  readonly booted: Booted
  readonly reports: ReportLog
}

/**
 * Lets the VM of a run stand still under a name of its own, as one of those that stay, until somebody ends it: by that name, or with the run itself. It lives in this process.
 */
export async function holdForInspection(
  lab: Lab,
  { id, request, kernel, booted, reports }: CrashedRun,
  stop: AbortSignal,
  onEvent: OnEvent,
): Promise<void> {
  const { vm } = booted
  const registry = new VmRegistry(lab.paths)
  const name = registry.freeName(`run-${id}`)
  const [keeper, qemu] = [process.pid, vm.pid ?? 0].map(processIdentity)
  const now = new Date().toISOString()
  let record: VmRecord = {
    id,
    createdAt: now,
    startedAt: now,
    request: {
      name,
      kernel: lastingName(lab, request.choice, kernel),
      machine: request.machine,
      cwd: request.cwd ?? lab.cwd,
      env: lab.config.run.env,
      ...{ fresh: request.fresh, hold: false, allowReports: request.allowReports },
      onCrash: 'pause',
    },
    kernel: kernel.origin,
    release: kernel.release,
    state: 'paused',
    runId: id,
    ...(keeper && { keeper }),
    ...(qemu && { qemu }),
  }
  // A panic has stopped it already.
  await vm.qmp.execute('stop').catch(() => undefined)
  const ended = Promise.withResolvers<void>()
  stop.addEventListener('abort', () => ended.resolve(), { once: true })
  if (stop.aborted) ended.resolve()
  try {
    registry.add(name, record)
    await using _control = await serveControl(controlPath(lab.paths, record), {
      ...{ booted, reports },
      onState: (state) => {
        record = { ...record, state }
        registry.write(record)
      },
      stop: () => ended.resolve(),
    })
    onEvent({
      kind: 'note',
      message: `it stands still as ${name}: klab inspect ${name}, klab debug ${name}, klab dump ${name}; Ctrl-C, or klab rm --force ${name}, ends it`,
    })
    await Promise.race([ended.promise, vm.ended])
    vm.kill()
    await vm.ended
  } catch (error) {
    onEvent({ kind: 'note', message: `it cannot be held for inspection: ${messageOf(error)}` })
  } finally {
    registry.forget(record.id)
  }
}
