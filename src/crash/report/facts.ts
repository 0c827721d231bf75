/** What a report says of the circumstances. */
export interface Circumstances {
  readonly cpu: number | undefined
  readonly pid: number | undefined
  /** The name of the task (comm). */
  readonly command: string | undefined
  /** Of the kernel. */
  readonly release: string | undefined
  /** The letters of its taints (Documentation/admin-guide/tainted-kernels.rst); empty for none. */
  readonly taint: string | undefined
  readonly hardware: string | undefined
}

/** dump_stack_print_info() in lib/dump_stack.c; UID since v6.11, `Kdump: loaded` where there is a crash kernel. */
const INFO =
  /CPU: (\d+) (?:UID: \d+ )?PID: (\d+) Comm: (.{1,32}?) (?:Kdump: loaded )?(?:Not tainted|Tainted: ((?:[A-Z] *)+)(?:, [\w, ]*)?) (\S+)/

/** Reads the circumstances from a report. */
export function circumstancesOf(text: string): Circumstances {
  const [, cpu, pid, command, taint, release] = INFO.exec(text) ?? []
  return {
    cpu: cpu === undefined ? undefined : Number(cpu),
    pid: pid === undefined ? undefined : Number(pid),
    command,
    release,
    taint: release === undefined ? undefined : (taint ?? '').replaceAll(' ', ''),
    hardware: /^Hardware name: (.*)$/m.exec(text)?.[1],
  }
}
