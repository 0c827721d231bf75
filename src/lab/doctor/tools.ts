import { existsSync } from 'node:fs'

import { findProgram } from '../../host/index.ts'
import { DEFAULT_ARCH } from '../../kernel/index.ts'
import { archFacts } from '../../vm/index.ts'

export interface PackageManager {
  readonly kind: 'apt' | 'dnf' | 'pacman' | 'zypper'
  readonly program: string
  /** Brings the lists of packages up to date. */
  readonly refresh?: readonly string[]
  readonly install: readonly string[]
  readonly staticLibc: readonly string[]
}

/** A program that klab may use. */
export interface Tool {
  readonly name: string
  /** A file that stands for it, where it is not a program. */
  readonly file?: string
  readonly purpose: string
  readonly without: string
  readonly versionArgs?: readonly string[]
  readonly packages: Readonly<Record<PackageManager['kind'], string>>
}

const BUILDS = 'no kernel can be built; ready-made ones run'

/** Most programs have a package of their own name everywhere. */
const same = (name: string): Tool['packages'] => ({
  apt: name,
  dnf: name,
  pacman: name,
  zypper: name,
})

const VERSION = { versionArgs: ['--version'] }
const { qemu, packages: qemuPackages } = archFacts(DEFAULT_ARCH)

/** What klab runs, by the package that has it in each family of distributions. */
export const TOOLS: readonly Tool[] = [
  {
    ...{ name: qemu, ...VERSION, purpose: 'virtual machines', without: 'no VM' },
    packages: qemuPackages,
  },
  {
    ...{ name: 'gcc', ...VERSION, without: BUILDS, packages: same('gcc') },
    purpose: "building kernels and klab's guest agent",
  },
  {
    ...{ name: 'make', ...VERSION, without: BUILDS, packages: same('make') },
    purpose: 'building kernels',
  },
  {
    ...{ name: 'flex', ...VERSION, without: BUILDS, packages: same('flex') },
    purpose: 'building kernels (Kconfig)',
  },
  {
    ...{ name: 'bison', ...VERSION, without: BUILDS, packages: same('bison') },
    purpose: 'building kernels (Kconfig)',
  },
  {
    ...{ name: 'bc', ...VERSION, without: BUILDS, packages: same('bc') },
    purpose: 'building kernels',
  },
  {
    ...{ name: 'ld', ...VERSION, without: BUILDS, packages: same('binutils') },
    purpose: 'building kernels',
  },
  {
    ...{ name: 'lz4', ...VERSION, without: BUILDS, packages: same('lz4') },
    purpose: 'building kernels (image compression)',
  },
  {
    ...{ name: 'perl', ...VERSION, without: BUILDS, purpose: 'building kernels' },
    packages: { ...same('perl'), dnf: 'perl-interpreter' },
  },
  {
    ...{ name: 'libelf', file: '/usr/include/libelf.h', without: BUILDS },
    purpose: 'building kernels (objtool, BTF)',
    packages: {
      apt: 'libelf-dev',
      dnf: 'elfutils-libelf-devel',
      pacman: 'libelf',
      zypper: 'libelf-devel',
    },
  },
  {
    ...{ name: 'git', ...VERSION, purpose: 'the state of git trees' },
    without: 'plain source trees only',
    packages: { ...same('git'), dnf: 'git-core', zypper: 'git-core' },
  },
  {
    ...{ name: 'find', ...VERSION, purpose: 'the state of plain source trees' },
    without: 'git trees only',
    packages: same('findutils'),
  },
  {
    ...{ name: 'xz', ...VERSION, purpose: 'kernels and modules packed with xz' },
    without: 'those packed otherwise',
    packages: { ...same('xz'), apt: 'xz-utils' },
  },
  {
    ...{ name: 'ccache', ...VERSION, purpose: 'building the same file a second time' },
    without: 'builds of other directories and branches start anew',
    packages: same('ccache'),
  },
]

/** Where a tool is; undefined if it is not there. */
export function findTool({ name, file }: Tool, path: string | undefined): string | undefined {
  const extra = ['/usr/bin', '/usr/sbin']
  return file === undefined ? findProgram(name, path, extra) : findFile(file)
}

export function packagesFor(tools: readonly Tool[], { kind }: PackageManager): string[] {
  return [...new Set(tools.map(({ packages }) => packages[kind]))]
}

function findFile(path: string): string | undefined {
  return existsSync(path) ? path : undefined
}
