import { execFileSync } from 'node:child_process'
import {
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { brotliCompressSync, gzipSync, zstdCompressSync } from 'node:zlib'

import { smallDump } from './small-dump.ts'

/** Sound files, of which damaged ones are made. */
export interface Seeds {
  readonly images: readonly Buffer[]
  readonly elves: readonly Buffer[]
  readonly modules: readonly Buffer[]
  readonly packages: readonly Buffer[]
  readonly dumps: readonly Buffer[]
  readonly logs: readonly Buffer[]
  readonly maps: readonly Buffer[]
  readonly configs: readonly Buffer[]
  readonly kconfigs: readonly Buffer[]
  readonly yamls: readonly Buffer[]
  readonly manifests: readonly Buffer[]
  readonly disks: readonly Buffer[]
  /** Of the kernel of the dumps. */
  readonly map: readonly string[]
  readonly layout: ReadonlyMap<string, number>
}

/** Where a kernel that klab built is, and dumps of it (klab dump), if there are any. */
export interface RealFiles {
  readonly kernel?: string
  readonly dumps?: readonly string[]
}

/** Small ones that are made in a second and, where they are given, those of a real kernel. */
export function seedsFrom({ kernel, dumps = [] }: RealFiles): Seeds {
  const dir = mkdtempSync(join(tmpdir(), 'klab-seeds-'))
  try {
    const object = compiled(dir)
    const real = (name: string) => (kernel === undefined ? [] : [readFileSync(join(kernel, name))])
    const map = kernel === undefined ? '' : readFileSync(join(kernel, 'System.map'), 'latin1')
    const layout = kernel === undefined ? '{}' : readFileSync(join(kernel, 'layout.json'), 'utf8')
    const config = real('config')
    return {
      images: [smallImage(), ...real('image')],
      elves: [object, ...real('vmlinux')],
      modules: [object, gzipSync(object), zstdCompressSync(object), packed('xz', object)],
      packages: [smallPackage(dir)],
      dumps: [smallDump(), ...dumps.map((file) => readFileSync(file))],
      logs: logs(),
      maps: [
        Buffer.from('ffffffff81000000 T _text\nffffffff81000010 t b\n'),
        ...real('System.map'),
      ],
      configs: [
        Buffer.from('CONFIG_A=y\n# CONFIG_B is not set\n'),
        ...config,
        ...config.map((one) => gzipSync(one)),
      ],
      kconfigs: [Buffer.from(KCONFIG)],
      yamls: [Buffer.from(YAML)],
      manifests: [Buffer.from(MANIFEST), ...real('manifest.json')],
      disks: [smallDisk()],
      map: map.split('\n'),
      layout: new Map(Object.entries(JSON.parse(layout) as Record<string, number>)),
    }
  } finally {
    rmSync(dir, { recursive: true })
  }
}

/** An object file that says of itself what a module does, with debug information, a build id and a banner. */
function compiled(dir: string): Buffer {
  const section = '__attribute__((section(".modinfo"), used))'
  writeFileSync(
    join(dir, 'a.c'),
    `static const char info[] ${section} = "depends=\\0softdep=pre: soft\\0license=GPL";
const char banner[] = "Linux version 6.1.0 (a@b) #1";
int start_kernel(int x) { return x + banner[x]; }\n`,
  )
  execFileSync('gcc', [
    '-g',
    '-shared',
    '-fPIC',
    '-nostdlib',
    '-Wl,--build-id',
    '-o',
    join(dir, 'a.ko'),
    join(dir, 'a.c'),
  ])
  return readFileSync(join(dir, 'a.ko'))
}

function smallImage(): Buffer {
  const image = Buffer.alloc(8192)
  // Documentation/arch/x86/boot.rst
  image.write('HdrS', 0x202, 'latin1')
  image.writeUInt16LE(0x20f, 0x206)
  image.writeUInt16LE(0x300, 0x20e)
  image.writeUInt16LE(1, 0x236)
  image.write('6.1.0-test (a@b) #1 SMP\0', 0x500, 'latin1')
  return image
}

function smallPackage(dir: string): Buffer {
  const root = join(dir, 'root')
  for (const [file, text] of [
    [
      'DEBIAN/control',
      'Package: k\nVersion: 1\nArchitecture: all\nMaintainer: n <n@example.com>\nDescription: none\n',
    ],
    ['boot/vmlinuz-6.1', 'k'.repeat(10_000)],
    ['boot/config-6.1', 'CONFIG_A=y\n'],
  ] as const) {
    mkdirSync(dirname(join(root, file)), { recursive: true })
    writeFileSync(join(root, file), text)
  }
  execFileSync('dpkg-deb', ['--build', root, join(dir, 'k.deb')], { stdio: 'ignore' })
  return readFileSync(join(dir, 'k.deb'))
}

function logs(): Buffer[] {
  const consoles = join(import.meta.dirname, '../console')
  const plain = globSync(join(consoles, '*')).map((file) => readFileSync(file))
  const one = plain[0] ?? Buffer.alloc(0)
  const programs = ['xz', 'bzip2', 'lz4'].filter((name) => existsSync(join('/usr/bin', name)))
  return [
    ...plain,
    ...[gzipSync(one), zstdCompressSync(one), brotliCompressSync(one)],
    ...programs.map((program) => packed(program, one)),
  ]
}

function packed(program: string, bytes: Buffer): Buffer {
  return execFileSync(program, ['-c'], { input: bytes })
}

/** The head of a qcow2 of 1 GiB, version 3. */
function smallDisk(): Buffer {
  const head = Buffer.alloc(512)
  head.writeUInt32BE(0x514649fb, 0)
  head.writeUInt32BE(3, 4)
  head.writeBigUInt64BE(2n ** 30n, 24)
  return head
}

const KCONFIG = `mainmenu "x"
source "init/Kconfig"
config A
	bool "a" if B
	depends on C && (D || !E)
	select F if G
	help
	  text
menu "m"
	depends on H
choice
	prompt "c"
config I
	def_bool y
endchoice
endmenu
if J
config K
	int "k"
endif
`

const YAML = `machine: { cpus: 2, memory: 1G, shares: [ro:/src] }
run:
  env: [A=1, &b B=2, *b]
  allowReports:
    - { report: "WARNING in \\\\w+", reason: known }
machines:
  big: { cpus: 8 }
profiles: { mine: [a.config, b.config] }
`

const MANIFEST = JSON.stringify({
  ...{ id: 'abcd12345678', release: '6.1.0', arch: 'x86_64', profile: 'minimal', tree: '/t' },
  ...{ version: '6.1.0', treeId: 'a', configHash: 'b', compiler: 'gcc', imageSha256: 'c' },
  ...{ createdAt: '2026-01-01T00:00:00.000Z', buildMs: 1, steps: 1, parameters: [], slowness: 1 },
})
