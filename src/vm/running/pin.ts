import { InfraError } from '../../base/index.ts'
import { LAUNCHER, nativeProgram, run } from '../../host/index.ts'
import type { Qmp } from './qmp.ts'

/** Binds the virtual CPUs of a VM to CPUs of this machine (Machine.pinned). Throws InfraError where one cannot be. */
export async function pinCpus(
  qmp: Qmp,
  pinned: readonly number[],
  cacheDir: string,
): Promise<void> {
  // QMP: an array of objects with `cpu-index` and `thread-id`.
  const cpus = (await qmp.execute('query-cpus-fast')) as readonly Readonly<
    Record<string, unknown>
  >[]
  const pairs = pinPairs(
    cpus.map((cpu) => Number(cpu['thread-id'])),
    pinned,
  )
  const program = await nativeProgram(LAUNCHER, cacheDir)
  const { exit, stderr } = await run(program, ['--pin', ...pairs.flat().map(String)])
  if (exit.kind === 'exited' && exit.code === 0) return
  const why = stderr.trim().replace(/^klab-launch: /, '')
  throw new InfraError(
    'PIN',
    `the virtual CPUs cannot be bound to the CPUs ${pinned.join(', ')} of this machine: ${why}`,
  )
}

/** Each thread with its CPU. Emulated CPUs that take turns in one thread are where the first of them is. Pure. */
export function pinPairs(
  threads: readonly number[],
  pinned: readonly number[],
): (readonly [number, number])[] {
  const pairs = threads.map(
    (thread, index) => [thread, pinned[index % pinned.length] ?? 0] as const,
  )
  return pairs.filter(([thread], index) => threads.indexOf(thread) === index)
}
