import { copyFileSync, mkdirSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'

import { KlabError } from '../../src/base/index.ts'
import { findKernel, KernelStore, ModuleDirectory } from '../../src/kernel/index.ts'
import { readKconfig } from '../../src/kernel/kconfig/kconfig-tree.ts'
import { unpackPackage } from '../../src/kernel/ready-made/package.ts'
import { loadConfig } from '../../src/lab/config/layers.ts'
import { readUserFile } from '../../src/lab/config/project-file.ts'
import { dmesgOf, factsOfDump, withDump } from '../../src/lab/dumps/dump-file.ts'
import { convertDump } from '../../src/lab/dumps/write-dump.ts'
import { readPicture } from '../../src/lab/dumps/picture.ts'
import { vmlinuxFor } from '../../src/lab/dumps/vmlinux-for.ts'
import { configText } from '../../src/lab/kernels/config-text.ts'
import { analyseLog, parseLog } from '../../src/lab/logs/index.ts'
import { parseDisk } from '../../src/lab/spec/disk.ts'
import { symbolsOf } from '../../src/lab/symbols/symbolizer.ts'
import { SymbolTable } from '../../src/crash/index.ts'
import { parseConfig } from '../../src/kernel/index.ts'
import { damaged } from './damage-bytes.ts'
import { hostileText, ownPatterns } from './hostile-text.ts'
import type { Seeds } from './seeds.ts'
import { below, oneOf, type Random } from '../support/random.ts'
import { readLikeKlab } from './text-readers.ts'

/** One thing of the outside that klab reads. */
export interface Target {
  readonly name: string
  /** A file for it, as it should not be. */
  readonly make: (random: Random) => Buffer
  /** Reads it as klab does. What it throws for a bad file must be a KlabError. */
  readonly read: (path: string, random: Random) => unknown
}

/** All of them, with real files to damage; `dir` is for what they write. */
export function targetsFor(seeds: Seeds, dir: string): Target[] {
  const of = (files: readonly Buffer[]) => (random: Random) => damaged(oneOf(files, random), random)
  const cache = join(dir, 'cache')
  return [
    {
      name: 'kernel image',
      make: of(seeds.images),
      read: (path) => findKernel(path, new KernelStore(cache), cache),
    },
    { name: 'vmlinux', make: of(seeds.elves), read: (path) => readVmlinux(path, cache) },
    {
      name: 'module',
      make: of(seeds.modules),
      read: (path, random) => readModule(path, dir, random),
    },
    { name: 'package', make: of(seeds.packages), read: (path) => readPackage(path, cache) },
    { name: 'dump', make: of(seeds.dumps), read: (path) => readDump(path, seeds) },
    { name: 'log', make: of(seeds.logs), read: readLog },
    { name: 'hostile log', make: hostileLogs(), read: readLikeKlab },
    { name: 'System.map', make: of(seeds.maps), read: (path) => readMap(path, dir) },
    {
      name: '.config',
      make: of(seeds.configs),
      read: (path) => parseConfig(configText(path, path)),
    },
    { name: 'Kconfig', make: of(seeds.kconfigs), read: (path) => readKconfigAt(path, dir) },
    {
      name: 'klab.yaml',
      make: of(seeds.yamls),
      read: (path) => {
        const file = readUserFile(path)
        return loadConfig({ files: file ? [file] : [], env: {}, flags: new Map() })
      },
    },
    { name: 'manifest', make: of(seeds.manifests), read: (path) => readManifest(path, cache) },
    {
      name: 'disk',
      make: of(seeds.disks),
      read: (path) => parseDisk(path, { cwd: '/', number: 0 }),
    },
  ]
}

/** Runs one of klab's readings; undefined when it went as it should, also for a refusal. Otherwise what was wrong. */
export async function complaint(read: () => unknown): Promise<string | undefined> {
  try {
    await read()
    return undefined
  } catch (error) {
    if (error instanceof KlabError) {
      const { message } = error
      const isOneSentence =
        message.length < 4_000 && !/\n {4}at |RangeError|TypeError/.test(message)
      return isOneSentence ? undefined : `it says: ${message.slice(0, 400)}`
    }
    return error instanceof Error ? (error.stack ?? String(error)) : String(error)
  }
}

async function readVmlinux(path: string, cache: string): Promise<void> {
  const facts = { dump: path, buildId: undefined, release: '6.1.0', vmlinux: path }
  const paths = { runtime: cache, cache, state: cache, userConfig: cache }
  await vmlinuxFor(paths, facts)
  await symbolsOf(path)
}

async function readModule(path: string, dir: string, random: Random): Promise<void> {
  const place = join(dir, 'modules', `damaged.ko${oneOf(['', '.gz', '.xz', '.zst'], random)}`)
  copy(path, place)
  const modules = await ModuleDirectory.open(dirname(place), 16 * 1024 * 1024)
  await modules.closure(['damaged'])
}

async function readPackage(path: string, cache: string): Promise<void> {
  await unpackPackage(path, cache, { bytes: 64 * 1024 * 1024, files: 1_000 })
}

async function readDump(path: string, { layout, map }: Seeds): Promise<void> {
  const table = new SymbolTable(map)
  dmesgOf(path)
  factsOfDump(path)
  withDump(path, (dump) => readPicture(dump, { values: layout, table, allStacks: true }))
  const place = `${path}.elf`
  try {
    await convertDump(path, { path: place, format: 'elf' })
  } finally {
    rmSync(place, { force: true })
  }
}

async function readLog(path: string): Promise<void> {
  for await (const _report of parseLog(path)) continue
  await analyseLog(path)
}

function hostileLogs(): (random: Random) => Buffer {
  const patterns = ownPatterns(['crash', 'vm/running', 'lab/hang', 'lab/logs'])
  return (random) =>
    Buffer.from(hostileText(patterns, 16 + below(256 * 1024, random), random), 'latin1')
}

async function readMap(path: string, dir: string): Promise<void> {
  const place = join(dir, 'map')
  copy(path, join(place, 'System.map'))
  const table = await symbolsOf(join(place, 'vmlinux'))
  table.nameOf(0xffffffff81000000n)
}

function readKconfigAt(path: string, dir: string): void {
  const place = join(dir, 'tree')
  copy(path, join(place, 'Kconfig'))
  copy(path, join(place, 'init/Kconfig'))
  readKconfig(place, 'x86')
}

async function readManifest(path: string, cache: string): Promise<void> {
  copy(path, join(cache, 'kernels/abcd12345678/manifest.json'))
  const store = new KernelStore(cache)
  await store.list()
  await store.find('abcd')
}

function copy(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true })
  copyFileSync(from, to)
}
