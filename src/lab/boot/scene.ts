import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'

import type { Confinement } from '../../host/index.ts'
import {
  startVm,
  type BootSpec,
  type FrozenState,
  type Vm,
  type VmOptions,
} from '../../vm/index.ts'
import { makePlaces, nineExports, withSlots, type HostView } from '../host-view/exports.ts'
import type { Network } from '../net/network.ts'
import type { Lab } from '../session/context.ts'
import type { BootHooks, BootRequest } from './boot-request.ts'
import type { BootDecision } from './decision.ts'

/** What the steps of a boot share. */
export interface Scene {
  readonly lab: Lab
  readonly request: BootRequest
  readonly hooks: BootHooks
  readonly decision: BootDecision
  readonly view: HostView
  /** Made ready when they are asked for: a template that has to be made first may take long, and the switch of a segment does not wait. */
  readonly networks: () => Promise<readonly Network[]>
}

/** QEMU's part of a scene; `change` is what this VM has of its own. */
export function specOf({ request, decision }: Scene, change: Partial<BootSpec>): BootSpec {
  const { qemu, machine, accelerator, parameters, display } = decision
  const { pvpanic, vmcoreinfo, sandbox } = decision
  return {
    ...{ qemu, machine, accelerator, parameters, pvpanic, vmcoreinfo, sandbox },
    image: request.kernel.image,
    exports: [],
    net: [],
    ...(display && { display }),
    ...(request.vm.start === 'held' && { hold: true }),
    ...change,
  }
}

/** The exports of a VM that has the devices of a template: places that nothing is on hold an empty directory. */
export function slottedExports({ request, view }: Scene, empty: string) {
  return withSlots(nineExports(view), { hasRoot: request.vm.root.kind === 'host', empty })
}

/** The empty directory of a VM's own. It goes with the VM. */
export async function emptyPlace({ lab, request }: Scene): Promise<string> {
  const dir = join(lab.paths.runtime, request.id, 'empty')
  await mkdir(dir, { recursive: true, mode: 0o700 })
  return dir
}

/** Starts QEMU for a scene. Throws BootFailure. */
export async function startQemu(
  { lab, request, hooks, decision }: Scene,
  spec: BootSpec,
  parts: {
    readonly confinement: Confinement
    readonly frozen?: FrozenState
    readonly socketDir?: string
    readonly onReset?: VmOptions['onReset']
  },
): Promise<Vm> {
  const { confinement } = parts
  // Made here and not once: it goes with each VM.
  await makePlaces(confinement)
  return await startVm({
    spec,
    stop: hooks.stop,
    runDir: request.runDir,
    socketDir: join(lab.paths.runtime, request.id, parts.socketDir ?? ''),
    confinement: { ...confinement, lock: join(request.runDir, 'lock') },
    cacheDir: lab.paths.cache,
    slowness: decision.slowness,
    bootTimeoutMs: request.vm.bootTimeoutMs * decision.slowness,
    consoleReaders: hooks.consoleReaders,
    onPhase: (phase, ms) => hooks.onEvent({ kind: 'phase', phase, ms }),
    onConsoleLost: (message) => hooks.onEvent({ kind: 'note', message }),
    onPanic: hooks.onPanic,
    // A template's is nobody's.
    ...(parts.socketDir === undefined && { onCommand: hooks.onQemu }),
    ...(parts.frozen && { frozen: parts.frozen }),
    ...(parts.onReset && decision.machine.reboots && { onReset: parts.onReset }),
  })
}
