export { ask, askFor, converse, endVm, untilClosed } from './control.ts'
export { agentOf, execInVm } from './exec.ts'
export { VmRegistry, type NamedVm } from './registry.ts'
export { usageOf, type VmUsage } from './usage.ts'
