export { ask, askFor, converse, endVm } from './control.ts'
export { agentOf, execInVm, waitFor } from './exec.ts'
export { VmRegistry, type NamedVm } from './registry.ts'
export { usageOf, type VmUsage } from './usage.ts'
