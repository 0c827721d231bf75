import { constants } from 'node:os'

import { Interrupted, messageOf } from '../../base/index.ts'
import { processIdentity } from '../../host/index.ts'
import { lastingName } from '../kernels/choose-kernel.ts'
import type { Living } from '../life/living.ts'
import type { Outcome } from '../outcome/outcome.ts'
import type { Lab } from '../session/context.ts'
import type { Farewell } from '../vms/control.ts'

/** A run that is over sooner than this is in nobody's list. */
const ANNOUNCED_AFTER_MS = 200

/**
 * Makes a run visible beside the VMs that stay, under a name of its own: `klab ps` shows it, and exec, shell, console, dump, debug and
 * inspect enter it. It lives in this process, and is gone with it.
 */
export class Presence implements AsyncDisposable {
  readonly #lab: Lab
  readonly #ending = new AbortController()
  readonly #user: AbortSignal
  readonly #onUser = () => this.#ending.abort(this.#user.reason)
  readonly #resources = new AsyncDisposableStack()
  #timer: NodeJS.Timeout | undefined
  #announced: Promise<string> | undefined
  #living: Living | undefined
  readonly #farewell = Promise.withResolvers<Farewell>()

  /** `user`: aborted when the run's own user ends it. */
  constructor(lab: Lab, user: AbortSignal) {
    this.#lab = lab
    this.#user = user
    if (user.aborted) this.#onUser()
    else user.addEventListener('abort', this.#onUser, { once: true })
  }

  /** Aborted when the user, or somebody who stops the run by its name, ends it. */
  get stop(): AbortSignal {
    return this.#ending.signal
  }

  begin(living: Living): void {
    this.#living = living
    const announce = () => void this.#announce(living).catch(() => undefined)
    this.#timer = setTimeout(announce, ANNOUNCED_AFTER_MS).unref()
  }

  /** Lets the VM stand still until somebody ends it: by its name, or with the run itself. */
  async hold(living: Living): Promise<void> {
    const { vm } = living.booted
    // A panic has stopped it already.
    await vm.holds.pause().catch(() => undefined)
    try {
      const name = await this.#announce(living)
      living.onEvent({
        kind: 'note',
        message: `it stands still as ${name}: klab inspect ${name}, klab debug ${name}, klab dump ${name}; Ctrl-C, or klab rm --force ${name}, ends it`,
      })
      const stopped = new Promise<void>((resolve) => {
        if (this.stop.aborted) resolve()
        else this.stop.addEventListener('abort', () => resolve(), { once: true })
      })
      await Promise.race([stopped, vm.ended])
      vm.kill()
      await vm.ended
    } catch (error) {
      const message = `it cannot be held for inspection: ${messageOf(error)}`
      living.onEvent({ kind: 'note', message })
    }
  }

  /** The command is over: who is not announced by now is not any more, and an announcement that is on its way arrives before the VM's directory goes. */
  async settle(): Promise<void> {
    clearTimeout(this.#timer)
    await this.#announced?.catch(() => undefined)
  }

  /** Tells whoever waits how the run has ended. */
  end(outcome: Outcome): void {
    this.#farewell.resolve({ outcome, reports: this.#living?.reports.counted ?? [] })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.settle()
    this.#user.removeEventListener('abort', this.#onUser)
    await this.#resources.disposeAsync()
  }

  #announce(living: Living): Promise<string> {
    this.#announced ??= this.#register(living)
    return this.#announced
  }

  async #register({ request, booted, reports }: Living): Promise<string> {
    const [{ controlPath }, { serveControl }, { KeptRecord }, { processesOf }, { VmRegistry }] =
      await Promise.all([
        import('../vms/control.ts'),
        import('../vms/keeper-control.ts'),
        import('../vms/kept-record.ts'),
        import('../vms/processes.ts'),
        import('../vms/registry.ts'),
      ])
    const lab = this.#lab
    const { id, vm, kernel, judge } = request
    const registry = new VmRegistry(lab.paths)
    const name = registry.freeName(`run-${id}`)
    const keeper = processIdentity(process.pid)
    const now = new Date().toISOString()
    const record = {
      ...({ id, kind: 'run', createdAt: now, startedAt: now, runId: id } as const),
      request: {
        name,
        vm: {
          ...vm,
          kernel: { kernel: lastingName(lab, vm.kernel, kernel), options: [], configFiles: [] },
        },
        judge,
        ...{ cwd: request.asked?.command.cwd ?? lab.cwd, env: lab.config.run.env },
      },
      ...{ kernel: kernel.origin, release: kernel.release },
      ...(keeper && { keeper }),
      ...processesOf(booted),
      slowness: booted.slowness,
    }
    registry.add(name, { ...record, state: 'running' })
    const present = this.#resources.use(new KeptRecord(registry, { ...record, state: 'running' }))
    this.#resources.defer(() => registry.forget(id))
    this.#resources.use(
      await serveControl(controlPath(lab.paths, { runId: id }), {
        ...{ booted, reports, env: lab.config.run.env, farewell: this.#farewell.promise },
        onState: (state) => present.change({ state }),
        stop: () => this.#ending.abort(new Interrupted(constants.signals.SIGTERM)),
      }),
    )
    const { status } = (await booted.vm.qmp.execute('query-status')) as { status: string }
    if (status !== 'running') present.change({ state: 'paused' })
    return name
  }
}
