import { InfraError } from '../../base/index.ts'
import { findKernel, KernelStore, type Kernel } from '../../kernel/index.ts'
import type { Paths } from '../session/paths.ts'
import type { NamedVm } from '../vms/registry.ts'

/** The kernel of a VM, and the vmlinux that a debugger needs. Throws InfraError when there is none. */
export async function symbolsOfVm(
  paths: Paths,
  vm: NamedVm,
): Promise<{ readonly kernel: Kernel; readonly vmlinux: string }> {
  const kernel = await kernelOf(paths, vm)
  const { vmlinux } = kernel
  if (vmlinux !== undefined) return { kernel, vmlinux }
  throw new InfraError(
    'VMLINUX',
    `there is no vmlinux of ${kernel.origin}: a debugger would know no symbol; build the kernel with klab build, put its vmlinux beside the image, or install its debug symbols`,
  )
}

/** The vmlinux of a VM's kernel; undefined when there is none. */
export async function vmlinuxOfVm(paths: Paths, vm: NamedVm): Promise<string | undefined> {
  return (await kernelOf(paths, vm)).vmlinux
}

async function kernelOf(paths: Paths, vm: NamedVm): Promise<Kernel> {
  return await findKernel(
    vm.request.vm.kernel.kernel ?? '',
    new KernelStore(paths.cache),
    paths.cache,
  )
}
