import { machineTypeFacts } from './arch.ts'
import { interfaceFacts, type Disk } from './disk.ts'
import type { Machine } from './machine.ts'

/** QEMU's limit for nodes of memory (MAX_NODES). */
const MAX_NODES = 128
/** A node of less is of no use to a kernel. */
const MIN_NODE_MIB = 64
/** The shortest that all kinds of disk take (virtio-blk, NVMe). */
const SERIAL = /^[\w.-]{1,20}$/

/** Whether a machine must have PCI, or a firmware that describes its memory: the smallest has neither. */
export function needsPci({ disks, nodes }: Pick<Machine, 'disks' | 'nodes'>): boolean {
  return nodes > 1 || disks.some((disk) => interfaceFacts(disk).needsPci)
}

/** What is wrong with a machine that is asked for, as a clause; undefined when it can be built. */
export function machineProblem(machine: Machine): string | undefined {
  return cpuProblem(machine) ?? nodeProblem(machine) ?? disksProblem(machine)
}

function cpuProblem({ topology, cpus, pinned }: Machine): string | undefined {
  const foreign = pinned.find((cpu) => !Number.isInteger(cpu) || cpu < 0)
  if (foreign !== undefined) return `${foreign} is not the number of a CPU`
  if (!topology) return undefined
  const { sockets, cores, threads } = topology
  if (sockets * cores * threads === cpus) return undefined
  return `${sockets} sockets of ${cores} cores of ${threads} threads are ${sockets * cores * threads} CPUs, not ${cpus}`
}

function nodeProblem(machine: Machine): string | undefined {
  const { nodes, memoryMiB, topology, type } = machine
  if (nodes === 1) return undefined
  if (!machineTypeFacts(machine).describesMemory)
    return `a machine of type ${type} cannot tell its guest of ${nodes} nodes of memory`
  if (nodes > MAX_NODES) return `${nodes} nodes of memory are more than ${MAX_NODES}`
  if (memoryMiB < nodes * MIN_NODE_MIB)
    return `${memoryMiB} MiB of memory are too little for ${nodes} nodes of at least ${MIN_NODE_MIB} MiB`
  if (topology && topology.sockets % nodes !== 0)
    return `${topology.sockets} sockets cannot be divided among ${nodes} nodes of memory`
  return undefined
}

function disksProblem(machine: Machine): string | undefined {
  const { disks } = machine
  const serials = disks.map(({ serial }) => serial)
  const double = serials.find((serial, index) => serials.indexOf(serial) < index)
  if (double !== undefined) return `two disks have the serial number ${double}`
  for (const disk of disks) {
    const problem = diskProblem(disk, machine)
    if (problem !== undefined) return `the disk ${disk.serial}: ${problem}`
  }
  return undefined
}

function diskProblem(disk: Disk, machine: Machine): string | undefined {
  const { source, serial, iops } = disk
  if (!SERIAL.test(serial))
    return 'a serial number is up to 20 letters, digits, dots, underscores and dashes'
  if (interfaceFacts(disk).needsPci && machineTypeFacts(machine).bus !== 'pci')
    return `${disk.interface} needs PCI, and a machine of type ${machine.type} has none`
  if (disk.interface === 'pmem') return pmemProblem(disk)
  if (disk.interface === 'zoned' && source.kind === 'file')
    return 'zones begin empty, so a file cannot be behind them'
  if (iops !== undefined && !(iops >= 1)) return `${iops} operations a second are too few`
  return undefined
}

function pmemProblem({ source, iops }: Disk): string | undefined {
  if (iops !== undefined) return 'memory cannot be made slow'
  if (source.kind === 'scratch') return undefined
  if (source.format !== 'raw') return `a ${source.format} file cannot be mapped as memory`
  if (source.access === 'ro') return 'persistent memory can always be written: rw or cow'
  return undefined
}
