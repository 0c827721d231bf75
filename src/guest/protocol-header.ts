import {
  EXEC_TTY,
  HEADER_BYTES,
  MAX_GUEST_PAYLOAD,
  MAX_HOST_PAYLOAD,
  MESSAGES,
  MOUNT_FLAGS,
  MOUNT_KINDS,
  OUTPUT_WINDOW,
  PROTOCOL_VERSION,
  STDIN_WINDOW,
} from './protocol.ts'

/** `guest/protocol.h`, the agent's view of the table. A test fails when the checked-in file differs. */
export function protocolHeader(): string {
  const constants = {
    PROTOCOL_VERSION,
    HEADER_BYTES,
    MAX_GUEST_PAYLOAD,
    MAX_HOST_PAYLOAD,
    STDIN_WINDOW,
    OUTPUT_WINDOW,
    EXEC_TTY,
    ...prefixed('MOUNT_KIND_', MOUNT_KINDS),
    ...prefixed('MOUNT_', MOUNT_FLAGS),
  }
  const lines = Object.entries(MESSAGES).map(([name, { id, from, does, fields }]) => {
    const layout = Object.entries(fields).map(([field, type]) => `${type} ${field}`)
    return `\t/* ${from}: ${does}. Payload: ${layout.join(', ') || 'none'} */\n\tMSG_${upper(name)} = ${id},\n`
  })
  return [
    '/* Generated from src/guest/protocol.ts by `npm run generate`. Do not edit. */',
    '#pragma once',
    ...Object.entries(constants).map(([name, value]) => `#define ${name} ${value}u`),
    '',
    'enum message {',
    lines.join(''),
    '};',
    '',
  ]
    .join('\n')
    .replace('\n\n};', '\n};')
}

function prefixed(prefix: string, table: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(table).map(([name, value]) => [prefix + upper(name), value]),
  )
}

function upper(name: string): string {
  return name.replaceAll(/(?<=[a-z])(?=[A-Z])/g, '_').toUpperCase()
}
