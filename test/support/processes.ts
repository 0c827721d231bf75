import { readdirSync, readFileSync } from 'node:fs'

/** Processes that name this in their command line. */
export function processesNaming(text: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && name !== String(process.pid))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes(text)
      } catch {
        // It ended meanwhile.
        return false
      }
    })
}
