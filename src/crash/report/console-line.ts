/** One line of a console, taken apart. */
export interface ConsoleLine {
  /** Without what printk puts before it. */
  readonly text: string
  /** Who printed it: `T12` a task, `C0` a CPU in an interrupt (CONFIG_PRINTK_CALLER); `time` when only the time is known. */
  readonly context: string
}

/**
 * What printk and those that pass its lines on put before the text: a level, the time, the caller
 * (print_prefix in kernel/printk/printk.c), what Android's vendors add, and before all that a login prompt or a note of lost messages.
 */
const PREFIX =
  /^(?:\*\* \d+ printk messages dropped \*\* ?)?(?:[^[\n]{0,40} login: ?)?(?:<\d+>)?\[ *\d+\.\d+\](?:\[ *([CT]\d+)\])?(?: c\d +\d+(?= )| {1,2}\[\d: *[^\]:\n]{1,16}: *\d+\])? ?/

const ISO_DATE = String.raw`\d{4}-\d\d-\d\dT[\d:.,]{8,15}(?:[+-]\d\d:?\d\d|Z)`
/**
 * What others put there: dmesg -T and dmesg --time-format iso the date, with -x the facility, journalctl and syslog the machine and the kernel;
 * what is read from /dev/kmsg begins with numbers.
 */
const DATED = new RegExp(
  String.raw`^(?:\d+,\d+,\d+,[-c](?:,caller=([CT]\d+))?;|(?:[a-z]+\d? *:[a-z]+ *: )?(?:\[[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d [\d:]{8} \d{4}\]|(?:[A-Z][a-z]{2} [ \d]\d [\d:]{8}|${ISO_DATE}) [\w.-]+ kernel:(?: \[ *\d+\.\d+\])?|${ISO_DATE})(?:\[ *([CT]\d+)\])? ?)`,
)

/** The same with something else before it, such as half of another line. */
const TORN_PREFIX = /^.{0,80}\[ *\d+\.\d{6}\](?:\[ *([CT]\d+)\])? /

function readLine(raw: string): ConsoleLine {
  const match = PREFIX.exec(raw) ?? DATED.exec(raw)
  if (!match) return { text: raw, context: '' }
  return { text: raw.slice(match[0].length), context: match[1] ?? match[2] ?? 'time' }
}

/** As readLine, for a line that something of interest stands in the middle of. */
export function readTornLine(raw: string): ConsoleLine {
  const line = readLine(raw)
  if (line.context !== '') return line
  const match = TORN_PREFIX.exec(raw)
  if (!match) return line
  return { text: raw.slice(match[0].length), context: match[1] ?? 'time' }
}

/** Whether a context is a CPU's. */
export function isCpu(context: string): boolean {
  return context.startsWith('C')
}
