import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'

import { hasFields, InfraError, isListOf, messageOf, type Bytes } from '../../base/index.ts'
import {
  namedAddress,
  readAddr2line,
  SymbolTable,
  withPlaces,
  type NamedAddress,
  type Place,
} from '../../crash/index.ts'
import { readOutside, runOk, withFileBytes } from '../../host/index.ts'
import { FileCache } from './file-cache.ts'
import { ModuleSymbols, modulesIn } from './module-symbols.ts'

/** Its place tells where the tree was when the kernel was built. */
const KNOWN = { symbol: 'start_kernel', file: 'init/main.c' }

/** Where the symbols are. */
export interface SymbolFiles {
  readonly vmlinux: string
  /** The modules of that kernel; absent for those beside it (`modules`). */
  readonly modules?: string | undefined
  readonly cacheDir: string
}

/** Finds the source lines of reports of one kernel. What was found once is in the cache the next time. */
export class Symbolizer {
  readonly #files: SymbolFiles
  readonly #cache: FileCache<readonly Place[]>
  #places: Map<string, readonly Place[]> | undefined
  #table: SymbolTable | undefined
  readonly #modules = new Map<string, ModuleSymbols>()
  readonly #checked = new Set<string>()
  #modulePaths: ReadonlyMap<string, string> | undefined

  constructor(files: SymbolFiles) {
    this.#files = files
    this.#cache = new FileCache(files.cacheDir, {
      ...{ what: 'places', file: files.vmlinux },
      check: isPlaces,
    })
  }

  /**
   * A report with the source line of each function of the kernel's image and its modules, inlined ones included. Throws InfraError when the vmlinux is of
   * another kernel than the report (`release`, or the build id that it prints), or cannot be read.
   */
  async symbolised(text: string, release: string | undefined): Promise<string> {
    const known = (this.#places ??= new Map(await this.#cache.read()))
    const all = text.split('\n').flatMap((line) => namedAddress(line) ?? [])
    const missing = all.filter((one) => !known.has(keyOf(one)))
    if (missing.length > 0) {
      // Once for a kernel is enough: what is cached was of the right one.
      await this.#check(text, release)
      for (const [key, places] of await this.#look(missing)) known.set(key, places)
      await this.#cache.write(known)
    }
    return withPlaces(text, (one) => known.get(keyOf(one)))
  }

  async #check(text: string, release: string | undefined): Promise<void> {
    // CONFIG_STACKTRACE_BUILD_ID prints it behind the release.
    const buildId = / #\d+ ([0-9a-f]{40})\b/.exec(text)?.[1]
    const own = buildId ?? release
    if (own === undefined || this.#checked.has(own)) return
    await checkKernel(this.#files.vmlinux, { release, buildId })
    this.#checked.add(own)
  }

  async #look(missing: readonly NamedAddress[]): Promise<Map<string, readonly Place[]>> {
    const table = (this.#table ??= await symbolsOf(this.#files.vmlinux))
    const found = new Map<string, readonly Place[]>(missing.map((one) => [keyOf(one), []]))
    const inImage = missing.flatMap((one) => {
      const address = one.module === undefined ? table.addressOf(one) : undefined
      return address === undefined ? [] : [{ one, address }]
    })
    const { places, root } = await look(this.#files.vmlinux, table, [
      ...new Set(inImage.map(({ address }) => address)),
    ])
    for (const { one, address } of inImage) found.set(keyOf(one), places.get(address) ?? [])
    for (const [name, some] of Map.groupBy(missing, ({ module }) => module)) {
      const module = name === undefined ? undefined : await this.#module(name)
      for (const [one, lines] of (await module?.look(some, root)) ?? [])
        found.set(keyOf(one), lines)
    }
    return found
  }

  async #module(name: string): Promise<ModuleSymbols | undefined> {
    const { vmlinux, modules = join(dirname(vmlinux), 'modules') } = this.#files
    const path = (this.#modulePaths ??= modulesIn(modules)).get(name)
    const known = this.#modules.get(name)
    if (path === undefined || known) return known
    const read = await ModuleSymbols.read(path)
    this.#modules.set(name, read)
    return read
  }
}

/** All that decides where a named address is. */
function keyOf({ symbol, offset, size, module = '', isReturn }: NamedAddress): string {
  return `${symbol} ${offset} ${size} ${module}${isReturn ? ' return' : ''}`
}

/** The symbols of a vmlinux: of the System.map beside it, or its own. */
export async function symbolsOf(vmlinux: string): Promise<SymbolTable> {
  const told = await systemMapOf(vmlinux)
  return told ?? new SymbolTable((await runOk('nm', ['-n', '--', vmlinux])).split('\n'))
}

/** The symbols of the System.map beside a vmlinux; undefined where there is none. */
export async function systemMapOf(vmlinux: string): Promise<SymbolTable | undefined> {
  const map = join(dirname(vmlinux), 'System.map')
  return existsSync(map) ? new SymbolTable(mapText(map).split('\n')) : undefined
}

async function look(
  vmlinux: string,
  table: SymbolTable,
  addresses: readonly bigint[],
): Promise<{ places: Map<bigint, readonly Place[]>; root: string }> {
  const start = table.first(KNOWN.symbol)
  const asked = start === undefined ? addresses : [start, ...addresses]
  const output = await runOk('addr2line', ['-e', vmlinux, '-a', '-f', '-i'], {
    input: asked.map((address) => `0x${address.toString(16)}\n`).join(''),
  })
  const whole = start === undefined ? undefined : readAddr2line(output, '').get(start)?.at(-1)?.file
  const root = whole?.endsWith(KNOWN.file) ? whole.slice(0, -KNOWN.file.length) : ''
  return { places: readAddr2line(output, root), root }
}

/** The banner is in the image (init/version.c), and so is the build id. */
async function checkKernel(
  vmlinux: string,
  { release, buildId }: { release: string | undefined; buildId: string | undefined },
): Promise<void> {
  const has = (what: string | Buffer) => readVmlinux(vmlinux, (file) => find(file, what) >= 0)
  if (buildId !== undefined) {
    if (has(Buffer.from(buildId, 'hex'))) return
    throw new InfraError(
      'VMLINUX',
      `${vmlinux} does not have the build id of the report, ${buildId}`,
    )
  }
  if (has(`Linux version ${release} `)) return
  const found = readVmlinux(vmlinux, releaseIn)
  throw new InfraError('VMLINUX', `${vmlinux} is of ${found}, and the report is of ${release}`)
}

function readVmlinux<T>(path: string, use: (file: Bytes) => T): T {
  try {
    return withFileBytes(path, use)
  } catch (error) {
    throw new InfraError('VMLINUX', `cannot read ${path}: ${messageOf(error)}`, { cause: error })
  }
}

function releaseIn(file: Bytes): string {
  const at = find(file, BANNER)
  if (at < 0) return 'no kernel'
  const from = at + BANNER.length
  return (
    file
      .read(from, Math.min(64, file.size - from))
      .toString('latin1')
      .split(' ')[0] ?? ''
  )
}

const BANNER = 'Linux version '
/** What is searched at once: a vmlinux may have a gigabyte. */
const PIECE = 16 * 1024 * 1024

/** Where something stands in a file; -1 where it does not. */
function find(file: Bytes, what: string | Buffer): number {
  for (let at = 0; at < file.size; at += PIECE) {
    // What lies across the end of a piece is in the next one's overlap.
    const piece = file.read(at, Math.min(PIECE + what.length - 1, file.size - at))
    const found = piece.indexOf(what)
    if (found >= 0) return at + found
  }
  return -1
}

/** That of a kernel with everything built in has 20 MiB. */
const MAX_MAP = 256 * 1024 * 1024

/** The text of a System.map. Throws InfraError. */
export function mapText(path: string): string {
  try {
    return readOutside(path, MAX_MAP).toString('latin1')
  } catch (error) {
    throw new InfraError('VMLINUX', `cannot read ${path}: ${messageOf(error)}`, { cause: error })
  }
}

function isPlaces(value: unknown): value is readonly Place[] {
  return isListOf(value, (place): place is Place =>
    hasFields(place, { function: 'string', file: 'string', line: 'number' }),
  )
}
