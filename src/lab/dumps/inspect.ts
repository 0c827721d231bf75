import {
  AddressSpace,
  formatRecord,
  readKernelLog,
  type MemoryUse,
  type StackFrame,
  type Task,
} from '../../crash/index.ts'
import type { Paths } from '../session/paths.ts'
import { infoOf, withDump } from './dump-file.ts'
import { layoutOf } from './layout-of.ts'
import { nameFrame, readPicture } from './picture.ts'
import { Symbolizer, symbolsOf } from '../symbols/symbolizer.ts'
import { vmlinuxFor } from './vmlinux-for.ts'

/** A task as it is shown. */
export type InspectedTask = Omit<Task, 'address' | 'sp'>

export interface InspectedCpu {
  readonly cpu: number
  readonly task: InspectedTask
  readonly panicked: boolean
  /** One line a function, with source lines; `user space` for a CPU that was there. */
  readonly stack: readonly string[]
}

/** What a dump tells of a kernel. */
export interface Inspection {
  readonly release: string | undefined
  readonly buildId: string | undefined
  /** The last panic on its log. */
  readonly panic: string | undefined
  /** Seconds from the boot to the last line of its log. */
  readonly lastLine: number
  /** Seconds; absent without the vmlinux. */
  readonly uptime?: number
  /** What follows needs the vmlinux; without it, why there is none. */
  readonly state: KernelPicture | string
}

export interface KernelPicture {
  readonly vmlinux: string
  readonly cpus: readonly InspectedCpu[]
  readonly tasks: readonly InspectedTask[]
  /** Of tasks that wait for something in the kernel (state D), or of all that are asked for. */
  readonly stacks: readonly { readonly task: InspectedTask; readonly stack: readonly string[] }[]
  readonly modules: readonly { readonly name: string; readonly bytes: number }[]
  /** Bytes. */
  readonly memory: MemoryUse
}

export interface InspectRequest {
  readonly dump: string
  /** Absent for the one of klab's kernels that has the dump's build id. */
  readonly vmlinux: string | undefined
  /** The stacks of all tasks, not only of those that wait. */
  readonly allStacks: boolean
  readonly onStep: (what: string) => void
}

/** Reads from a dump what its kernel was doing. Throws InfraError with one sentence for what cannot be read, and for a vmlinux of another kernel. */
export async function inspectDump(paths: Paths, request: InspectRequest): Promise<Inspection> {
  const { dump: path, onStep } = request
  onStep('reading the log')
  const facts = withDump(path, (dump) => {
    const info = infoOf(dump)
    const log = readKernelLog(new AddressSpace(dump, info), info)
    const panic = log.findLast(({ text }) => text.startsWith('Kernel panic - not syncing'))
    return {
      release: info.text('OSRELEASE'),
      buildId: info.text('BUILD-ID'),
      panic: panic && formatRecord(panic),
      lastLine: Number((log.at(-1)?.nanoseconds ?? 0n) / 1_000_000_000n),
    }
  })
  onStep('looking for its vmlinux')
  const vmlinux = await vmlinuxFor(paths, { ...facts, dump: path, vmlinux: request.vmlinux })
  if (vmlinux === undefined) {
    return {
      ...facts,
      state: `klab has no vmlinux with the build id ${facts.buildId ?? '(it tells none)'}: --vmlinux FILE names one, for tasks, stacks, modules and memory`,
    }
  }
  onStep('finding out the layout of its structures')
  const values = await layoutOf(vmlinux, paths.cache)
  const table = await symbolsOf(vmlinux)
  onStep('reading tasks and stacks')
  const read = withDump(path, (dump) =>
    readPicture(dump, { values, table, allStacks: request.allStacks }),
  )
  onStep('looking up source lines')
  const symbols = new Symbolizer({ vmlinux, cacheDir: paths.cache })
  const lines = async (stack: readonly StackFrame[]) =>
    (
      await symbols.symbolised(
        stack.map((frame) => nameFrame(frame, { table, ...read })).join('\n'),
        undefined,
      )
    ).split('\n')
  const cpus: InspectedCpu[] = []
  for (const { stack, ...cpu } of read.cpus)
    cpus.push({
      ...cpu,
      task: shown(cpu.task),
      stack: stack ? await lines(stack) : [' user space'],
    })
  const stacks: KernelPicture['stacks'][number][] = []
  for (const { task, stack } of read.stacks)
    stacks.push({ task: shown(task), stack: await lines(stack) })
  return {
    ...facts,
    uptime: read.uptime,
    state: {
      ...{ vmlinux, cpus, stacks },
      tasks: read.tasks.map(shown),
      modules: read.modules.map(({ name, size }) => ({ name, bytes: size })),
      memory: read.memory,
    },
  }
}

function shown({ pid, tgid, command, state, isKernel, onCpu }: Task): InspectedTask {
  return { pid, tgid, command, state, isKernel, onCpu }
}
