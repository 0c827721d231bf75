import { existsSync } from 'node:fs'

import { InfraError } from '../../base/index.ts'
import { findProgram } from '../../host/index.ts'

/** A tap device of a bridge, that the launcher gets from QEMU's helper and leaves open for QEMU. */
export interface BridgeTap {
  readonly bridge: string
  readonly helper: string
  readonly fd: number
}

/** Clear of those that QEMU starts with. */
const TAP_FD = 20
const HELPER_DIRECTORIES = ['/usr/lib/qemu', '/usr/libexec', '/usr/libexec/qemu', '/usr/lib']

/** Throws InfraError when there is no such bridge, or no helper. */
export function findBridge(bridge: string): BridgeTap {
  if (!existsSync(`/sys/class/net/${bridge}/bridge`)) {
    throw new InfraError(
      'BRIDGE',
      `there is no bridge ${bridge} on this machine; make one (ip link add ${bridge} type bridge), or use --net user`,
    )
  }
  const helper = findProgram('qemu-bridge-helper', '', HELPER_DIRECTORIES)
  if (helper !== undefined) return { bridge, helper, fd: TAP_FD }
  throw new InfraError(
    'BRIDGE',
    'qemu-bridge-helper is not installed (Debian: qemu-system-common); use --net user or --net lab:NAME',
  )
}
