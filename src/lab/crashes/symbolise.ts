import { existsSync, statSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'

import { InfraError, messageOf } from '../../base/index.ts'
import {
  namedAddress,
  readAddr2line,
  SymbolTable,
  withPlaces,
  type Place,
} from '../../crash/index.ts'
import { runOk, writeAtomically } from '../../host/index.ts'

/** Its place tells where the tree was when the kernel was built. */
const KNOWN = { symbol: 'start_kernel', file: 'init/main.c' }

/**
 * A report with the source line of each function of the kernel's image, inlined ones included. The same report is found in the cache the next time.
 * Functions of modules stay as they are. Throws InfraError when the vmlinux is of another kernel than the report (`release`), or cannot be read.
 */
export async function symbolised(
  text: string,
  {
    vmlinux,
    release,
    cacheDir,
  }: { vmlinux: string; release: string | undefined; cacheDir: string },
): Promise<string> {
  const table = await symbolsOf(vmlinux)
  const named = text.split('\n').flatMap((line) => {
    const one = namedAddress(line)
    const address = one && one.module === undefined ? table.addressOf(one) : undefined
    return address === undefined ? [] : [address]
  })
  if (named.length === 0) return text
  const cache = new PlaceCache(vmlinux, cacheDir)
  const known = await cache.read()
  const missing = [...new Set(named)].filter((address) => !known.has(address))
  if (missing.length > 0) {
    // Once for a kernel is enough: what is cached was of the right one.
    await checkRelease(vmlinux, release)
    for (const [address, places] of await look(vmlinux, table, missing)) known.set(address, places)
    await cache.write(known)
  }
  return withPlaces(text, (one) => {
    const address = one.module === undefined ? table.addressOf(one) : undefined
    return address === undefined ? undefined : known.get(address)
  })
}

async function symbolsOf(vmlinux: string): Promise<SymbolTable> {
  const map = join(dirname(vmlinux), 'System.map')
  const text = existsSync(map)
    ? await readFile(map, 'utf8')
    : await runOk('nm', ['-n', '--', vmlinux])
  return new SymbolTable(text.split('\n'))
}

async function look(
  vmlinux: string,
  table: SymbolTable,
  addresses: readonly bigint[],
): Promise<Map<bigint, readonly Place[]>> {
  const start = table.first(KNOWN.symbol)
  const asked = start === undefined ? addresses : [start, ...addresses]
  const output = await runOk('addr2line', ['-e', vmlinux, '-a', '-f', '-i'], {
    input: asked.map((address) => `0x${address.toString(16)}\n`).join(''),
  })
  const whole = start === undefined ? undefined : readAddr2line(output, '').get(start)?.at(-1)?.file
  const root = whole?.endsWith(KNOWN.file) ? whole.slice(0, -KNOWN.file.length) : ''
  return readAddr2line(output, root)
}

/** The banner is in the image (init/version.c). */
async function checkRelease(vmlinux: string, release: string | undefined): Promise<void> {
  if (release === undefined) return
  let content: Buffer
  try {
    content = await readFile(vmlinux)
  } catch (error) {
    throw new InfraError('VMLINUX', `cannot read ${vmlinux}: ${messageOf(error)}`)
  }
  if (content.includes(`Linux version ${release} `)) return
  const at = content.indexOf('Linux version ')
  const found = at < 0 ? 'no kernel' : content.toString('latin1', at + 14, at + 78).split(' ')[0]
  throw new InfraError('VMLINUX', `${vmlinux} is of ${found}, and the report is of ${release}`)
}

/** What addr2line said of a vmlinux, kept as long as that does not change. */
class PlaceCache {
  readonly #path: string

  constructor(vmlinux: string, cacheDir: string) {
    const { size, mtimeMs, ino } = statSync(vmlinux)
    this.#path = join(cacheDir, 'places', `${ino}-${size}-${Math.round(mtimeMs)}.json`)
  }

  async read(): Promise<Map<bigint, readonly Place[]>> {
    try {
      // Written by us below, whole or not at all.
      const entries = JSON.parse(await readFile(this.#path, 'utf8')) as [string, Place[]][]
      return new Map(entries.map(([address, places]) => [BigInt(address), places]))
    } catch {
      return new Map()
    }
  }

  async write(places: ReadonlyMap<bigint, readonly Place[]>): Promise<void> {
    const entries = [...places].map(([address, known]) => [address.toString(), known])
    // A cache that cannot be written is none.
    await writeAtomically(this.#path, JSON.stringify(entries)).catch(() => undefined)
  }
}
