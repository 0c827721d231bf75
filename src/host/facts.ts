import { accessSync, constants, readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { delimiter, join } from 'node:path'

/** Kernel's id of this boot of the host: what is cached under it is forgotten with a reboot. */
export function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
}

/** CPUs this process may use. */
export function cpuCount(): number {
  return availableParallelism()
}

/** Memory that can be had without swapping, and all there is, in MiB (MemAvailable, MemTotal of proc_meminfo(5)). */
export function memoryMiB(): { availableMiB: number; totalMiB: number } {
  const text = readFileSync('/proc/meminfo', 'utf8')
  const of = (name: string) =>
    Math.floor(Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0) / 1024)
  return { availableMiB: of('MemAvailable'), totalMiB: of('MemTotal') }
}

/** Memory that can be had without swapping, in MiB. */
export function availableMemoryMiB(): number {
  return memoryMiB().availableMiB
}

/** How many files a process may open at most: proc_pid_limits(5). */
export function openFileLimit(): number {
  const match = /^Max open files\s+\S+\s+(\d+|unlimited)/m.exec(
    readFileSync('/proc/self/limits', 'utf8'),
  )
  return match?.[1] === 'unlimited' ? Number.POSITIVE_INFINITY : Number(match?.[1] ?? 0)
}

/** The path of a program on PATH, or in the further places given. */
export function findProgram(
  name: string,
  path = '',
  extra: readonly string[] = [],
): string | undefined {
  if (name.includes('/')) return isExecutable(name) ? name : undefined
  return [...path.split(delimiter), ...extra]
    .filter((dir) => dir !== '')
    .map((dir) => join(dir, name))
    .find(isExecutable)
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
