import { findProgram, run } from '../../host/index.ts'
import { runTool } from '../dumps/dump-tools.ts'
import type { Paths } from '../session/paths.ts'
import { toolsSocket } from '../vms/control.ts'
import type { NamedVm } from '../vms/registry.ts'
import { symbolsOfVm } from './symbols-of-vm.ts'

/** Whether the installed drgn can look into a VM that runs (0.2 and later). */
export async function canAttach(searchPath: string | undefined): Promise<boolean> {
  const drgn = findProgram('drgn', searchPath)
  return drgn !== undefined && (await run(drgn, ['--help'])).stdout.includes('--qemu')
}

/** Runs drgn on a VM in our terminal, over QMP: nothing is copied, and the VM runs on or hangs on. Returns its exit code. Throws InfraError. */
export async function attachDrgn(
  paths: Paths,
  vm: NamedVm,
  { vmlinux, searchPath }: { vmlinux: string | undefined; searchPath: string | undefined },
): Promise<number> {
  const symbols = vmlinux ?? (await symbolsOfVm(paths, vm)).vmlinux
  return runTool('drgn', ['--qemu', toolsSocket(paths, vm), '-s', symbols], searchPath)
}
