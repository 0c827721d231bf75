import { constants, existsSync } from 'node:fs'
import { copyFile, cp, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { writeAtomically } from '../../host/index.ts'
import { archFacts } from '../arch/arch.ts'
import { parseConfig } from '../kconfig/kconfig.ts'
import type { KernelStore } from '../ready-made/kernel-store.ts'
import { digest, type Manifest } from '../ready-made/manifest.ts'
import { noteKernel } from './build-dir.ts'
import type { BuildWork } from './work.ts'

/** What a build has left behind. */
export interface Built {
  /** The directory of objects. */
  readonly output: string
  readonly steps: number
  readonly buildMs: number
  /** Where the kernel keeps what (layout.ts), if that is known. */
  readonly layout: string | undefined
}

/** Moves the results into the cache, whole or not at all. */
export async function collect(
  work: BuildWork,
  built: Built,
  store: KernelStore,
): Promise<Manifest> {
  const { plan, context } = work
  context.onEvent({ kind: 'step', name: 'collect' })
  const { output } = built
  const target = store.directory(plan.id)
  const temporary = `${target}.${process.pid}.tmp`
  try {
    await rm(temporary, { recursive: true, force: true })
    await mkdir(temporary, { recursive: true })
    const manifest = await gather(work, built, temporary)
    await rm(target, { recursive: true, force: true })
    await rename(temporary, target)
    await noteKernel(output, manifest.id)
    return manifest
  } catch (error) {
    await rm(temporary, { recursive: true, force: true })
    throw error
  }
}

/** Copies the results into a directory. */
async function gather(work: BuildWork, built: Built, dir: string): Promise<Manifest> {
  const { request } = work
  const { output } = built
  const copy = (from: string, to: string) =>
    copyFile(join(output, from), join(dir, to), constants.COPYFILE_FICLONE)
  await copy(archFacts(request.arch).image.path, 'image')
  await copy('vmlinux', 'vmlinux')
  await copy('System.map', 'System.map')
  await copy('.config', 'config')
  await copyFile(join(output, '..', 'build.log'), join(dir, 'build.log'))
  if (built.layout !== undefined) await writeFile(join(dir, 'layout.json'), built.layout)
  await installModules(output, dir)
  await installGdbScripts(request.tree.path, output, dir)
  const manifest = await describe(work, built, dir)
  await writeAtomically(join(dir, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`)
  return manifest
}

/** What is to be known of a kernel whose files are in a directory. */
async function describe(
  { request, plan }: BuildWork,
  { output, buildMs, steps }: Built,
  dir: string,
): Promise<Manifest> {
  const { tree, base, profile, toolchain } = request
  const config = await readFile(join(dir, 'config'), 'utf8')
  const release = await readFile(join(output, 'include/config/kernel.release'), 'utf8')
  const files = {
    image: await partAt(join(dir, 'image')),
    vmlinux: await partAt(join(dir, 'vmlinux')),
    config: await partAt(join(dir, 'config')),
  }
  return {
    id: plan.id,
    release: release.trim(),
    arch: request.arch,
    profile: profile.name,
    ...(base.kind === 'config' && { configBase: base.source }),
    tree: tree.path,
    version: tree.version,
    treeId: plan.state.treeId,
    ...(plan.state.commit !== undefined && { commit: plan.state.commit }),
    ...(plan.state.dirty !== undefined && { dirty: plan.state.dirty }),
    configHash: digest(config),
    compiler: toolchain.version,
    imageSha256: files.image.sha256,
    files,
    createdAt: new Date().toISOString(),
    buildMs,
    steps,
    buildDir: output,
    parameters: [...profile.parameters],
    slowness: Math.max(profile.slowness, slownessOf(parseConfig(config))),
  }
}

async function partAt(path: string) {
  const content = await readFile(path)
  return { bytes: content.length, sha256: digest(content) }
}

/** What makes a kernel slow, and by how much, whoever asked for it (debug, a profile, measures 6). */
const SLOW: Readonly<Record<string, number>> = { KASAN: 6, KMSAN: 6, KCSAN: 6, PROVE_LOCKING: 3 }

function slownessOf(config: ReadonlyMap<string, string>): number {
  const found = Object.entries(SLOW).filter(([name]) => config.get(name) === 'y')
  return Math.max(1, ...found.map(([, slowness]) => slowness))
}

async function installModules(output: string, target: string): Promise<void> {
  const order = await readFile(join(output, 'modules.order'), 'utf8').catch(() => '')
  for (const line of order.split('\n').filter((name) => name !== '')) {
    // kbuild lists objects (.o) since v6.3, modules (.ko) before.
    const name = line.replace(/\.o$/, '.ko')
    const to = join(target, 'modules', name)
    await mkdir(join(to, '..'), { recursive: true })
    await copyFile(join(output, name), to, constants.COPYFILE_FICLONE)
  }
}

/**
 * The kernel's own commands for gdb, where the configuration has them (CONFIG_GDB_SCRIPTS); the tree may change later. What kbuild makes of them is
 * links to the place of the build, but for one file.
 */
async function installGdbScripts(tree: string, output: string, target: string): Promise<void> {
  const gdb = join('scripts', 'gdb')
  const generated = join(gdb, 'linux', 'constants.py')
  if (!existsSync(join(output, generated))) return
  await copyFile(join(tree, gdb, 'vmlinux-gdb.py'), join(target, 'vmlinux-gdb.py'))
  await cp(join(tree, gdb, 'linux'), join(target, gdb, 'linux'), {
    recursive: true,
    filter: (path) => !path.endsWith('.in'),
  })
  await copyFile(join(output, generated), join(target, generated))
}
