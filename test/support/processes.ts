import { readdirSync, readFileSync } from 'node:fs'

/** Processes that name this in their command line, or were started with it in their environment. */
export function processesNaming(text: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && name !== String(process.pid))
    .filter((pid) => {
      try {
        return ['cmdline', 'environ'].some((file) =>
          readFileSync(`/proc/${pid}/${file}`, 'latin1').includes(text),
        )
      } catch {
        // It ended meanwhile.
        return false
      }
    })
}
