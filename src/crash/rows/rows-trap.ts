import { FAULT_ROWS } from './rows-fault.ts'
import { OTHER_ROWS } from './rows-other.ts'
import { PANIC_ROWS, RUST_ROWS } from './rows-panic.ts'
import type { Row } from './rows.ts'

/** Complaints that do not begin with BUG:, WARNING: or INFO:. */
export const TRAP_ROWS: readonly Row[] = [...FAULT_ROWS, ...RUST_ROWS, ...PANIC_ROWS, ...OTHER_ROWS]
