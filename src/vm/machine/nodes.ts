import type { Machine, Topology } from './machine.ts'

/** A node of memory with its CPUs. */
export interface Node {
  readonly memoryMiB: number
  /** The first and the last; absent where there are fewer CPUs than nodes. */
  readonly cpus?: readonly [number, number]
}

/** Divides memory and CPUs among the nodes; what is over goes to the first ones. */
export function nodesOf({ nodes, cpus, memoryMiB }: Machine): Node[] {
  let nextCpu = 0
  return Array.from({ length: nodes }, (_, index) => {
    const count = shareOf(cpus, nodes, index)
    const first = nextCpu
    nextCpu += count
    return {
      memoryMiB: shareOf(memoryMiB, nodes, index),
      ...(count > 0 && { cpus: [first, first + count - 1] as const }),
    }
  })
}

/**
 * How the CPUs lie, if that matters: CPUs of one socket have a cache in common, and a kernel that finds them on different
 * nodes warns of that ("llc-sibling CPU … is not on the same node").
 */
export function topologyOf({ nodes, cpus, topology }: Machine): Topology | undefined {
  if (topology || nodes === 1) return topology
  const sockets = cpus % nodes === 0 ? nodes : cpus
  return { sockets, cores: cpus / sockets, threads: 1 }
}

function shareOf(total: number, parts: number, index: number): number {
  return Math.floor(total / parts) + (index < total % parts ? 1 : 0)
}
