import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

import { Deadline, InfraError } from '../../base/index.ts'
import { isAlive, Patience, type ProcessIdentity } from '../../host/index.ts'
import type { Paths } from '../session/paths.ts'
import { converse, keeperOf } from './control.ts'
import { VmRegistry, type NamedVm } from './registry.ts'

/** With force: how long a keeper is asked before it is killed. */
const ASKED_MS = 2_500
/** How long the kernel takes to clear a killed process away, with all its memory. */
const GONE_MS = 1_500
/** How long a keeper takes to end a guest that does not power off: keeper.ts gives it 5 s, multiplied by slowness. */
const QUIET_END_MS = 30_000

/**
 * Ends a VM and waits until that is recorded: the keeper then closes the connection. One that is being started is ended with
 * its keeper. With force it ends in any case: a keeper that does not come to it is killed, and QEMU with it. Throws InfraError.
 */
export async function endVm(
  paths: Paths,
  vm: NamedVm,
  { force }: { readonly force: boolean },
): Promise<void> {
  if (!force) {
    await (vm.state === 'starting' ? endStart(vm) : endByKeeper(paths, vm))
    return
  }
  using deadline = new Deadline(ASKED_MS)
  const asked = (vm.state === 'starting' ? endStart(vm) : endByKeeper(paths, vm, 'force')).then(
    () => 'ended' as const,
    () => 'failed' as const,
  )
  if ((await Promise.race([asked, deadline.passed])) !== 'ended') await endByKill(paths, vm)
}

async function endByKeeper(paths: Paths, vm: NamedVm, force?: 'force'): Promise<void> {
  const { socket } = await converse(paths, vm, { do: 'stop', force: force !== undefined })
  using patience = new Patience(keeperOf(vm), QUIET_END_MS)
  await patience.for(
    untilClosed(socket, () => patience.renew()),
    (why) => {
      socket.destroy()
      return notEnded(vm, why)
    },
  )
}

/** Its end is to be noticed; what it says until then are signs of life. */
async function untilClosed(socket: Socket, onSign: () => void): Promise<void> {
  socket.on('data', onSign).resume()
  if (!socket.closed) await once(socket, 'close')
}

/** A keeper whose VM is not up yet ends by SIGTERM. */
async function endStart(vm: NamedVm): Promise<void> {
  const { keeper } = vm
  if (!keeper) return
  process.kill(keeper.pid, 'SIGTERM')
  using patience = new Patience(keeperOf(vm), QUIET_END_MS)
  await patience.for(untilGone(keeper), (why) => notEnded(vm, why))
}

function notEnded({ name }: NamedVm, why: string): InfraError {
  return new InfraError(
    'VM_SILENT',
    `the VM ${name} was told to end and has not: ${why}; klab stop --force ${name} kills it`,
  )
}

async function endByKill(paths: Paths, vm: NamedVm): Promise<void> {
  const { id, name, runId, keeper, qemu } = vm
  const processes = [keeper, qemu].filter((one) => one !== undefined).filter(isAlive)
  for (const { pid } of processes) kill(pid)
  using deadline = new Deadline(GONE_MS)
  await Promise.race([Promise.all(processes.map(untilGone)), deadline.passed])
  const left = processes.filter(isAlive).map(({ pid }) => pid)
  if (left.length > 0)
    throw new InfraError(
      'VM_SILENT',
      `the VM ${name} was killed, but its process ${left.join(', ')} hangs in the kernel of this machine and is not gone yet`,
    )
  // Sees that its keeper is gone, and says so in its record.
  new VmRegistry(paths).read(id)
  await rm(join(paths.runtime, runId), { recursive: true, force: true, maxRetries: 5 })
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has just ended.
  }
}

/** It is nobody's child here: there is nothing that could be awaited. */
async function untilGone(one: ProcessIdentity): Promise<void> {
  while (isAlive(one)) await sleep(25, undefined, { ref: false })
}
