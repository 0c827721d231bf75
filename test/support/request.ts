import type { MachineInput } from '../../src/lab/index.ts'
import { machineFor } from '../../src/lab/config/machine.ts'
import { openLab, type Lab } from '../../src/lab/session/context.ts'
import { limitsOf, vmSpecOf } from '../../src/lab/spec/from-config.ts'
import type { RunRequest } from '../../src/lab/spec/run-request.ts'
import { TEST_HOME } from './home.ts'
import { testTree } from './kernels.ts'

/** The lab of the tests, or one with a home of its own. */
export async function testLab(home = TEST_HOME): Promise<Lab> {
  const env = { ...process.env, KLAB_HOME: home }
  return await openLab({ cwd: '/tmp', env, uid: process.getuid?.() ?? 0 })
}

/** A run of root on the kernel of the tests, booted. */
export async function testRequest(
  lab: Lab,
  argv: readonly string[],
  machineInput: MachineInput = {},
): Promise<RunRequest> {
  const machine = await machineFor(lab.config, undefined, machineInput)
  const kernel = { tree: testTree(), options: [], configFiles: [] }
  return {
    vm: vmSpecOf(machine, { kernel, start: 'boot', cwd: lab.cwd }),
    command: { argv, user: 'root', env: [] },
    judge: { allowReports: [], onCrash: 'stop', graceMs: 100, limits: limitsOf(machine) },
  }
}

/** Nobody interrupts. */
export const uninterrupted = () => ({
  onSignal: () => undefined,
  stop: new AbortController().signal,
})
