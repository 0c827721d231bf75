export { kernelParameters } from './argv/kernel-parameters.ts'
export { qemuArgs } from './argv/qemu-args.ts'
export { acceleratorVerdict, type AcceleratorVerdict } from './facts/accelerator.ts'
export { binaryKey, qemuFacts, type QemuFacts } from './facts/qemu-facts.ts'
export {
  archFacts,
  machineTypeFacts,
  machineTypeOn,
  machineTypesOf,
  type Arch,
  type MachineType,
} from './machine/arch.ts'
export type { BootSpec, Display, Export, NetCard } from './machine/boot-spec.ts'
export { carryObstacle, type Carrier } from './machine/carry.ts'
export { neededDevices } from './machine/devices.ts'
export { diskOptions, type Disk, type DiskInterface, type DiskSource } from './machine/disk.ts'
export { PLAIN, type Accelerator, type Machine, type Topology } from './machine/machine.ts'
export { machineProblem, needsPci } from './machine/machine-problem.ts'
export { BootFailure } from './running/boot-failure.ts'
export type { Console, ConsoleReader } from './running/console.ts'
export type { Phase, PhaseTimings } from './running/phases.ts'
export { startVm } from './running/start.ts'
export { startVirtiofsd } from './running/virtiofsd.ts'
export type { VmEnd } from './running/vm-end.ts'
export type { AfterPanic, FrozenState, Reset, Vm, VmOptions } from './running/vm.ts'
