import { existsSync, readdirSync, statSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'

import { InfraError, messageOf } from '../../base/index.ts'
import { setAside, textOutside } from '../../host/index.ts'
import { archFacts, DEFAULT_ARCH } from '../arch/arch.ts'
import type { Config } from './boot-needs.ts'
import { imageFacts } from './image.ts'
import type { KernelStore } from './kernel-store.ts'
import { parseConfig } from '../kconfig/kconfig.ts'
import type { Manifest } from './manifest.ts'
import { unpackPackage } from './package.ts'
import { matchingVmlinux, vmlinuxBeside, vmlinuxOfPackages } from './vmlinux.ts'

/** A bootable kernel, wherever it came from. */
export interface Kernel {
  readonly image: string
  readonly release: string | undefined
  readonly config: Config | undefined
  readonly modulesDir: string | undefined
  readonly vmlinux: string | undefined
  /** For people: `6.1.0-56-amd64 (/boot/vmlinuz-…)`. */
  readonly origin: string
  /** Of a kernel that klab built. */
  readonly manifest?: Manifest
}

/** Where installed kernels are; a test or a chroot has others. */
const BOOT = '/boot'
const MODULES = '/lib/modules'
const MAX_CONFIG = 16 * 1024 * 1024

/**
 * The kernel that the user means: an id of `klab kernel ls`, an image, a directory with one, a .deb, or the release of
 * an installed kernel. Throws InfraError that says what was tried.
 */
export async function findKernel(
  what: string,
  store: KernelStore,
  cacheDir: string,
): Promise<Kernel> {
  const built = await store.find(what)
  if (built) return await builtKernel(built, store)
  const path = resolve(what)
  if (existsSync(path)) {
    if (statSync(path).isDirectory()) return await kernelInDirectory(path)
    if (path.endsWith('.deb') && statSync(path).isFile())
      return await kernelOfPackage(path, cacheDir)
    return await kernelOfImage(path)
  }
  const installed = join(BOOT, `vmlinuz-${what}`)
  if (existsSync(installed)) return await kernelOfImage(installed)
  throw new InfraError(
    'KERNEL',
    `there is no kernel ${what}: no such file or directory, no installed release (${installed}), and no kernel of that id (klab kernel ls)`,
  )
}

/** The releases of installed kernels. */
export function installedReleases(): string[] {
  if (!existsSync(BOOT)) return []
  return readdirSync(BOOT).flatMap((file) => /^vmlinuz-(.+)$/.exec(file)?.[1] ?? [])
}

/** A kernel of the cache as a bootable one. */
export async function builtKernel(manifest: Manifest, store: KernelStore): Promise<Kernel> {
  const dir = store.directory(manifest.id)
  const config = parseConfig(textOf(join(dir, 'config')))
  return {
    image: join(dir, startsFromElf(config) ? 'vmlinux' : 'image'),
    release: manifest.release,
    config,
    modulesDir: join(dir, 'modules'),
    vmlinux: join(dir, 'vmlinux'),
    origin: `${manifest.release} (${manifest.profile}, ${manifest.id})`,
    manifest,
  }
}

/**
 * The ELF kernel starts at once (PVH); the compressed one takes 80 ms more when emulating, and moves itself (KASLR). With
 * KASAN the PVH entry is instrumented like the rest (v6.1) and touches the shadow before there is one: a reset at once.
 */
function startsFromElf(config: Config): boolean {
  // Only the compressed one moves itself: who builds RANDOMIZE_BASE wants to see that.
  const barriers = ['KASAN', 'RANDOMIZE_BASE']
  return config.get('PVH') === 'y' && barriers.every((name) => config.get(name) !== 'y')
}

/** A kernel tree or build directory, a directory with one image, or an unpacked package. */
async function kernelInDirectory(dir: string): Promise<Kernel> {
  const { path: pathOfImage, names, target } = archFacts(DEFAULT_ARCH).image
  const inTree = join(dir, pathOfImage)
  if (existsSync(inTree)) {
    const facts = imageFacts(inTree)
    const { release } = facts
    return {
      image: inTree,
      release,
      config: configAt(join(dir, '.config')),
      modulesDir: dir,
      vmlinux: matchingVmlinux([join(dir, 'vmlinux')], facts),
      origin: `${release ?? 'kernel'} (${dir})`,
    }
  }
  const places = [dir, join(dir, 'boot')].filter((place) => existsSync(place))
  const images = places.flatMap((place) =>
    readdirSync(place)
      .filter((file) => names.test(file))
      .map((file) => join(place, file)),
  )
  if (images[0] === undefined) {
    throw new InfraError(
      'KERNEL',
      `${dir} has no kernel image (looked for vmlinuz*, ${target}, boot/vmlinuz*, ${pathOfImage})`,
    )
  }
  if (images.length > 1) {
    throw new InfraError('KERNEL', `${dir} has several kernels; name one: ${images.join(', ')}`)
  }
  return await kernelOfImage(images[0])
}

/** An image, and what lies where distributions put it: the configuration beside it, modules under /lib/modules. */
async function kernelOfImage(image: string): Promise<Kernel> {
  const facts = imageFacts(image)
  const { release } = facts
  const dir = dirname(image)
  const named = /^vmlinuz-(.+)$/.exec(basename(image))?.[1] ?? release
  const root = basename(dir) === 'boot' ? dirname(dir) : dir
  const modules = [join(root, 'lib/modules'), join(root, 'usr/lib/modules'), join(dir, 'modules')]
  return {
    image,
    release,
    config: configAt(join(dir, `config-${named}`)) ?? configAt(join(dir, 'config')),
    modulesDir:
      modules.map((place) => join(place, release ?? '')).find(existsSync) ??
      (root === '/' ? join(MODULES, release ?? '') : undefined),
    vmlinux:
      facts.format === 'elf' ? image : matchingVmlinux(vmlinuxFiles(dir, root, named), facts),
    origin: `${release ?? 'kernel'} (${image})`,
  }
}

function configAt(path: string): Config | undefined {
  return existsSync(path) ? parseConfig(textOf(path)) : undefined
}

/** The configuration of a kernel; the largest have 300 KiB. Throws InfraError. */
function textOf(path: string): string {
  try {
    return textOutside(path, MAX_CONFIG)
  } catch (error) {
    throw new InfraError('CONFIG', `cannot read the configuration ${path}: ${messageOf(error)}`, {
      cause: error,
    })
  }
}

function vmlinuxFiles(dir: string, root: string, release: string | undefined): string[] {
  const roots = release === undefined ? [] : [...new Set([root, '/'])]
  return [
    ...vmlinuxBeside(dir, release),
    ...roots.flatMap((place) => vmlinuxOfPackages(release ?? '', place)),
  ]
}

/** What was unpacked before and is damaged by now is unpacked again. */
async function kernelOfPackage(path: string, cacheDir: string): Promise<Kernel> {
  const dir = await unpackPackage(path, cacheDir)
  try {
    return await kernelInDirectory(dir)
  } catch {
    setAside(dir)
    return await kernelInDirectory(await unpackPackage(path, cacheDir))
  }
}
