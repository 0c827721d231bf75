import { InfraError } from '../../base/index.ts'
import { acceleratorVerdict, type Accelerator } from '../../vm/index.ts'
import type { OnEvent } from '../outcome/events.ts'
import type { Lab } from '../session/context.ts'
import type { MachineSpec } from '../spec/vm-spec.ts'

/** What runs the guest, and one line that says why. Throws InfraError when KVM is demanded and does not work. */
export async function chooseAccelerator(
  lab: Lab,
  { qemu, machine, crowded }: { qemu: string; machine: MachineSpec; crowded: boolean },
  onEvent: OnEvent,
): Promise<Accelerator> {
  const verdict = await acceleratorVerdict({ qemu, arch: machine.arch }, lab.paths.cache)
  if (machine.accel === 'kvm' && !verdict.kvm) {
    throw new InfraError(
      'ACCELERATOR',
      `KVM was asked for, but does not work here: ${verdict.why}; use --accel tcg to emulate`,
    )
  }
  const kvm = machine.accel !== 'tcg' && verdict.kvm
  const why = machine.accel === 'tcg' ? 'asked for' : verdict.why
  onEvent({ kind: 'accelerator', accel: kvm ? 'kvm' : 'tcg', why })
  return kvm ? { kind: 'kvm' } : { kind: 'tcg', tscKHz: verdict.tscKHz, inTurns: crowded }
}
