export {
  Agent,
  AgentLost,
  errnoName,
  type AgentFacts,
  type GuestNet,
  type MountRequest,
} from './agent.ts'
export { ProtocolError } from './codec.ts'
export { type ExecEnd, type Execution, type ExecRequest, type ExecSinks } from './execution.ts'
export { initramfs, type BootModule } from './initramfs.ts'
export { AGENT } from './program.ts'
export { relay } from './relay.ts'
