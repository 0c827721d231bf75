import type { NativeProgram } from '../host/index.ts'

/** The guest's PID 1. */
export const AGENT: NativeProgram = { kind: 'program', name: 'klab-agent', sources: 'guest' }
