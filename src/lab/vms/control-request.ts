import { hasFields, isRecord } from '../../base/index.ts'
import type { ControlRequest } from './control.ts'

type Fields = Parameters<typeof hasFields>[1]

/** What each request comes with. */
const FIELDS = {
  agent: {},
  reboot: { after: 'number' },
  console: {},
  status: {},
  env: {},
  reports: { from: 'number', graceMs: 'number' },
  qmp: { command: 'string', args: 'object' },
  monitor: { line: 'string' },
  pause: {},
  resume: {},
  stop: { force: 'boolean' },
  wait: {},
  freeze: { dir: 'string' },
  gdb: {},
  dump: { path: 'string', format: 'string' },
} as const satisfies Record<ControlRequest['do'], Fields>

/** Whether what a peer asks a keeper is a request. */
export function isControlRequest(value: unknown): value is ControlRequest {
  if (!isRecord(value)) return false
  const fields = Object.entries(FIELDS).find(([name]) => name === value['do'])?.[1]
  return fields !== undefined && hasFields(value, fields)
}
