export { planBoot, type BootPlan, type BootWishes } from './ready-made/boot-needs.ts'
export { buildKernel, type BuildEvent, type BuildRequest } from './build/plan.ts'
export { KernelStore } from './ready-made/kernel-store.ts'
export { parseAssignment, parseConfig, type WantedOption } from './kconfig/kconfig.ts'
export type { Manifest } from './ready-made/manifest.ts'
export { ModuleDirectory } from './ready-made/modules.ts'
export { findProfile, PROFILES, type Profile } from './kconfig/profiles.ts'
export {
  builtKernel,
  findKernel,
  installedReleases,
  kernelInDirectory,
  type Kernel,
} from './ready-made/ready-made.ts'
export { defaultJobs, findToolchain, type Toolchain } from './build/toolchain.ts'
export { findTree, treeAt, type Tree } from './tree/tree.ts'
