import { existsSync } from 'node:fs'
import { join } from 'node:path'

import { elfSection, type Bytes } from '../../base/index.ts'
import { withFileBytes } from '../../host/index.ts'
import type { ImageFacts } from './image.ts'

/** The names that a vmlinux has beside an image, or beside a dump. */
export function vmlinuxBeside(dir: string, release: string | undefined): string[] {
  const named = release === undefined ? [] : [`vmlinux-${release}`, `vmlinux-${release}.debug`]
  return [...named, 'vmlinux', 'vmlinux.debug'].map((name) => join(dir, name))
}

/** Where packages with debug information put it: Debian and Ubuntu; Fedora, SUSE and Arch. */
export function vmlinuxOfPackages(release: string, root: string): string[] {
  return [
    `usr/lib/debug/boot/vmlinux-${release}`,
    `usr/lib/debug/lib/modules/${release}/vmlinux`,
    `usr/lib/debug/usr/lib/modules/${release}/vmlinux`,
    `usr/lib/modules/${release}/build/vmlinux`,
  ].map((place) => join(root, place))
}

/** The first of some files that is the vmlinux of an image; what lies beside it may well be of another build. */
export function matchingVmlinux(files: readonly string[], image: ImageFacts): string | undefined {
  return files.find((file) => existsSync(file) && isVmlinuxOf(file, image))
}

/** By the banner (init/version.c), of which the header of an image has the release and the end: the build's number and time. */
function isVmlinuxOf(path: string, { release, version }: ImageFacts): boolean {
  let banner: string | undefined
  try {
    banner = withFileBytes(path, bannerOf)
  } catch {
    // No ELF file, or none that can be read.
    return false
  }
  // Debug information that was taken out of a vmlinux has no banner; its name has to do.
  if (banner === undefined) return true
  const isRelease = release === undefined || banner.startsWith(`Linux version ${release} `)
  return isRelease && (version === undefined || banner.includes(version))
}

const BANNER = 'Linux version '
/** The banner has compiler and linker in it. */
const LONGEST = 1000

function bannerOf(bytes: Bytes): string | undefined {
  const constants = elfSection(bytes, '.rodata')
  // `%s` is the format of /proc/version.
  for (let at = 0; (at = constants?.indexOf(BANNER, at) ?? -1) >= 0; at += BANNER.length) {
    const line = constants?.toString('latin1', at, at + LONGEST).split('\n')[0] ?? ''
    if (!line.startsWith(`${BANNER}%`)) return line
  }
  return undefined
}
