import { readdir, realpath, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'

import { hasFields, InfraError, isStringList, messageOf, tryDecodeJson } from '../../base/index.ts'
import { run, runOk, cacheFile, noteIn } from '../../host/index.ts'
import { SANDBOX } from '../argv/machine-args.ts'

/** What a QEMU binary can do, asked of it and not guessed from its version. */
export interface QemuFacts {
  readonly version: string
  readonly machines: readonly string[]
  readonly devices: readonly string[]
  /** gtk, sdl … as far as they are installed; vnc and spice are not among them. */
  readonly displays: readonly string[]
  /** It can be forbidden what it is never asked to do: some are built without libseccomp. */
  readonly sandbox: boolean
}

/** The facts of a QEMU, cached until it or its modules change. Throws InfraError if it does not run. */
export async function qemuFacts(qemu: string, cacheDir: string): Promise<QemuFacts> {
  const key = `${await binaryKey(qemu)}-${await modulesKey(qemu)}`
  const cachePath = join(cacheDir, 'qemu', `${key}-3.json`)
  const cached = tryDecodeJson(noteIn(cachePath), isFacts)
  if (cached) return cached
  const facts = await askQemu(qemu)
  await cacheFile(cachePath, JSON.stringify(facts))
  return facts
}

function isFacts(value: unknown): value is QemuFacts {
  return (
    hasFields(value, { version: 'string', sandbox: 'boolean' }) &&
    [value['machines'], value['devices'], value['displays']].every(isStringList)
  )
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

/** Where distributions put the modules of a QEMU, from the prefix that its binary has. */
const MODULE_PLACES = ['lib/qemu', 'lib64/qemu', 'libexec/qemu'] as const

/** Changes whenever a module of that QEMU is installed or removed: displays and some devices come by packages of their own. */
export async function modulesKey(qemu: string): Promise<string> {
  const prefix = dirname(dirname(await realpath(qemu)))
  const triplets = await readdir(join(prefix, 'lib')).catch(() => [])
  const places = [
    ...MODULE_PLACES,
    ...triplets.filter((name) => /-linux-gnu/.test(name)).map((name) => `lib/${name}/qemu`),
  ]
  const times = await Promise.all(
    places.map(async (place) => {
      const facts = await stat(join(prefix, place)).catch(() => undefined)
      return facts ? [Math.round(facts.mtimeMs)] : []
    }),
  )
  return times.flat().join('-') || 'none'
}

async function askQemu(qemu: string): Promise<QemuFacts> {
  const [version, machines, devices, displays, sandbox] = await Promise.all([
    runOk(qemu, ['--version']),
    runOk(qemu, ['-machine', 'help']),
    runOk(qemu, ['-device', 'help']),
    runOk(qemu, ['-display', 'help']),
    // One without it says so, and does not come to its version.
    run(qemu, ['-sandbox', SANDBOX, '-version']),
  ])
  return {
    version: /version (\S+)/.exec(version)?.[1] ?? 'unknown',
    machines: [...machines.matchAll(/^(\S+) {2,}/gm)].map((m) => m[1] ?? ''),
    displays: [...displays.matchAll(/^([a-z-]+)$/gm)].map((m) => m[1] ?? ''),
    devices: [...devices.matchAll(/^name "([^"]+)"/gm)].map((m) => m[1] ?? ''),
    sandbox: sandbox.exit.kind === 'exited' && sandbox.exit.code === 0,
  }
}
