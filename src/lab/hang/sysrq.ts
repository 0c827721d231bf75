import { setTimeout as sleep } from 'node:timers/promises'

import { messageOf } from '../../base/index.ts'
import type { Agent } from '../../guest/index.ts'
import type { Vm } from '../../vm/index.ts'

/** w: blocked tasks, d: locks that are held (lockdep), l: backtraces of active CPUs (Documentation/admin-guide/sysrq.rst). */
const KEYS = ['w', 'd', 'l'] as const
const ASKED = 'blocked tasks, held locks, backtraces of CPUs'
const PING_MS = 500
const EXEC_MS = 1_500
/** The kernel takes a key only after the break that came before it. */
const BETWEEN_MS = 40

export interface Askable {
  readonly vm: Vm
  /** Absent before it has connected. */
  readonly agent: Agent | undefined
  readonly slowness: number
}

/** Asks the kernel for its tasks and locks: through its user space, or where that does not answer by a break on its serial console. Returns what was done. */
export async function sysrq({ vm, agent, slowness }: Askable): Promise<string> {
  if (agent && (await answers(vm, agent, slowness))) {
    const refusal = await fromUserSpace(agent, slowness)
    if (refusal === undefined) return `SysRq: ${ASKED}`
  }
  return await fromSerial(vm)
}

async function answers(vm: Vm, agent: Agent, slowness: number): Promise<boolean> {
  return await Promise.race([
    agent.ping().then(() => true),
    sleep(PING_MS * slowness, false, { ref: false }),
    vm.ended.then(() => false),
  ]).catch(() => false)
}

/** Why it could not be asked; undefined when it was. */
async function fromUserSpace(agent: Agent, slowness: number): Promise<string | undefined> {
  const script = `for key in ${KEYS.join(' ')}; do echo $key > /proc/sysrq-trigger; done`
  const user = { uid: 0, gid: 0, groups: [0] }
  const execution = agent.exec(
    { argv: ['/bin/sh', '-c', script], env: {}, cwd: '/', user },
    { stdout: () => undefined, stderr: () => undefined },
  )
  const end = await Promise.race([
    execution.ended,
    sleep(EXEC_MS * slowness, undefined, { ref: false }),
  ])
  return end?.kind === 'exited' && end.code === 0 ? undefined : 'no new process runs'
}

/** Needs nothing but interrupts, and a console that was opened (drivers/tty/serial: uart_handle_sysrq_char). */
async function fromSerial(vm: Vm): Promise<string> {
  try {
    for (const key of KEYS) {
      await vm.qmp.execute('chardev-send-break', { id: 'console' })
      vm.console.type(key)
      await sleep(BETWEEN_MS)
    }
    return `SysRq, by a break on the serial console: ${ASKED}`
  } catch (error) {
    return `SysRq: ${messageOf(error)}`
  }
}
