import { existsSync } from 'node:fs'

import { findProgram } from '../../host/index.ts'

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

/** What klab runs, by the package that has it in each family of distributions. */
export const TOOLS: readonly Tool[] = [
  tool(
    'qemu-system-x86_64',
    'virtual machines',
    'no VM',
    ['--version'],
    ['qemu-system-x86', 'qemu-system-x86-core', 'qemu-system-x86', 'qemu-x86'],
  ),
  tool(
    'gcc',
    "building kernels and klab's guest agent",
    BUILDS,
    ['--version'],
    ['gcc', 'gcc', 'gcc', 'gcc'],
  ),
  tool('make', 'building kernels', BUILDS, ['--version'], ['make', 'make', 'make', 'make']),
  tool(
    'flex',
    'building kernels (Kconfig)',
    BUILDS,
    ['--version'],
    ['flex', 'flex', 'flex', 'flex'],
  ),
  tool(
    'bison',
    'building kernels (Kconfig)',
    BUILDS,
    ['--version'],
    ['bison', 'bison', 'bison', 'bison'],
  ),
  tool('bc', 'building kernels', BUILDS, ['--version'], ['bc', 'bc', 'bc', 'bc']),
  tool(
    'ld',
    'building kernels',
    BUILDS,
    ['--version'],
    ['binutils', 'binutils', 'binutils', 'binutils'],
  ),
  tool(
    'lz4',
    'building kernels (image compression)',
    BUILDS,
    ['--version'],
    ['lz4', 'lz4', 'lz4', 'lz4'],
  ),
  tool(
    'perl',
    'building kernels',
    BUILDS,
    ['--version'],
    ['perl', 'perl-interpreter', 'perl', 'perl'],
  ),
  {
    ...tool(
      'libelf',
      'building kernels (objtool, BTF)',
      BUILDS,
      [],
      ['libelf-dev', 'elfutils-libelf-devel', 'libelf', 'libelf-devel'],
    ),
    file: '/usr/include/libelf.h',
  },
  tool(
    'git',
    'the state of git trees',
    'plain source trees only',
    ['--version'],
    ['git', 'git-core', 'git', 'git-core'],
  ),
  tool(
    'flock',
    'locks that die with their owner',
    'nothing works',
    ['--version'],
    ['util-linux', 'util-linux-core', 'util-linux', 'util-linux'],
  ),
  tool(
    'find',
    'the state of plain source trees',
    'git trees only',
    ['--version'],
    ['findutils', 'findutils', 'findutils', 'findutils'],
  ),
  tool(
    'xz',
    'kernels and modules packed with xz',
    'those packed otherwise',
    ['--version'],
    ['xz-utils', 'xz', 'xz', 'xz'],
  ),
  tool(
    'ccache',
    'building the same file a second time',
    'builds of other directories and branches start anew',
    ['--version'],
    ['ccache', 'ccache', 'ccache', 'ccache'],
  ),
]

/** Where a tool is; undefined if it is not there. */
export function findTool({ name, file }: Tool, path: string | undefined): string | undefined {
  const extra = ['/usr/bin', '/usr/sbin']
  return file === undefined ? findProgram(name, path, extra) : findFile(file)
}

export function packagesFor(tools: readonly Tool[], { kind }: PackageManager): string[] {
  return [...new Set(tools.map(({ packages }) => packages[kind]))]
}

function tool(
  name: string,
  purpose: string,
  without: string,
  versionArgs: readonly string[],
  [apt, dnf, pacman, zypper]: readonly [string, string, string, string],
): Tool {
  return {
    name,
    purpose,
    without,
    ...(versionArgs.length > 0 && { versionArgs }),
    packages: { apt, dnf, pacman, zypper },
  }
}

function findFile(path: string): string | undefined {
  return existsSync(path) ? path : undefined
}
