import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'

import { InfraError, messageOf } from '../../base/index.ts'
import { runOk, writeAtomically } from '../../host/index.ts'

/** What a QEMU binary can do, asked of it and not guessed from its version. */
export interface QemuFacts {
  readonly version: string
  readonly machines: readonly string[]
  readonly devices: readonly string[]
  /** gtk, sdl … as far as they are installed; vnc and spice are not among them. */
  readonly displays: readonly string[]
}

/** The facts of a QEMU, cached by the binary's size and time. Throws InfraError if it does not run. */
export async function qemuFacts(qemu: string, cacheDir: string): Promise<QemuFacts> {
  const key = await binaryKey(qemu)
  const cachePath = join(cacheDir, 'qemu', `${key}-2.json`)
  try {
    // Written by us below, whole or not at all.
    return JSON.parse(await readFile(cachePath, 'utf8')) as QemuFacts
  } catch {
    const facts = await askQemu(qemu)
    await writeAtomically(cachePath, JSON.stringify(facts))
    return facts
  }
}

/** Changes whenever the binary does. */
export async function binaryKey(qemu: string): Promise<string> {
  try {
    const { size, mtimeMs, ino } = await stat(qemu)
    return [qemu.replaceAll('/', '_'), size, Math.round(mtimeMs), ino].join('-')
  } catch (error) {
    throw new InfraError('QEMU', `cannot use ${qemu}: ${messageOf(error)}`)
  }
}

async function askQemu(qemu: string): Promise<QemuFacts> {
  const [version, machines, devices, displays] = await Promise.all([
    runOk(qemu, ['--version']),
    runOk(qemu, ['-machine', 'help']),
    runOk(qemu, ['-device', 'help']),
    runOk(qemu, ['-display', 'help']),
  ])
  return {
    version: /version (\S+)/.exec(version)?.[1] ?? 'unknown',
    machines: [...machines.matchAll(/^(\S+) {2,}/gm)].map((m) => m[1] ?? ''),
    displays: [...displays.matchAll(/^([a-z-]+)$/gm)].map((m) => m[1] ?? ''),
    devices: [...devices.matchAll(/^name "([^"]+)"/gm)].map((m) => m[1] ?? ''),
  }
}
