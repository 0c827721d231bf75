import type { NativeProgram } from '../host/index.ts'

/** The guest's PID 1. */
export const AGENT: NativeProgram = { name: 'klab-agent', sources: 'guest' }
