import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { confined, describeExit, run } from '../../host/index.ts'
import type { Arch } from '../machine/arch.ts'

const LIMIT_MS = 2_000

/** What came of trying KVM. */
export interface KvmProof {
  readonly kvm: boolean
  /** Why not, or how it was proven. */
  readonly why: string
  /** The guest did not finish in time: one that does is possible. */
  readonly isTimeout: boolean
}

/** A guest that says K and ends. */
interface Probe {
  /** Its firmware. */
  readonly rom: Buffer
  /** QEMU's arguments but for that. */
  readonly args: readonly string[]
}

/** launcher/probe.S, assembled. A test assembles it again and compares. */
export const X86_PROBE_CODE =
  '+i5mDwEWuAAPIMAMAQ8iwGbqGAAPAAgAZrgYAI7YjsCO0L8AEAAADyLfMcC5AAwAAPzzq8cFABAAAAMgAADHBQAgAAADMAAAxwUAMAAAgwAAAA8g4IPIIA8i4LmAAADADzINAAEAAA8wDyDADQAAAIAPIsDqewAPABAAuQAtMQH/yXX8Zrr4A7BL7ma69ACwEO706/0PHwAAAAAAAAAAAP//AAAAm88A//8AAACbrwD//wAAAJPPAB8AmAAPAA=='

const PROBES: Readonly<Record<Arch, () => Probe>> = {
  x86_64: () => ({
    rom: x86Rom(),
    args: [
      ['-machine', 'microvm,accel=kvm', '-cpu', 'host', '-m', '16'],
      ['-device', 'isa-debug-exit,iobase=0xf4,iosize=1'],
    ].flat(),
  }),
}

/** Proves KVM by booting a tiny guest of our own. */
export async function proveKvm(
  { qemu, arch }: { readonly qemu: string; readonly arch: Arch },
  cacheDir: string,
): Promise<KvmProof> {
  const { rom, args: machine } = PROBES[arch]()
  const romPath = join(cacheDir, 'accelerator', `probe-${arch}.rom`)
  await mkdir(join(cacheDir, 'accelerator'), { recursive: true })
  await writeFile(romPath, rom)
  const command = [
    ...[qemu, '-nodefaults', '-no-user-config', ...machine],
    ...['-display', 'none', '-no-reboot', '-bios', romPath, '-serial', 'stdio'],
  ]
  const [file, args] = await confined(command, {}, cacheDir)
  const startedAt = performance.now()
  const { exit, stdout, stderr } = await run(file, args, { timeoutMs: LIMIT_MS })
  const ms = Math.round(performance.now() - startedAt)
  if (stdout.includes('K'))
    return { kvm: true, why: `a probe guest ran in ${ms} ms`, isTimeout: false }
  const isTimeout = exit.kind === 'given-up'
  if (isTimeout) {
    const why = `/dev/kvm opens, but a probe guest did not finish in ${LIMIT_MS / 1000} s`
    return { kvm: false, why, isTimeout }
  }
  const said = stderr.trim().split('\n')[0] ?? ''
  const why = `/dev/kvm opens, but a probe guest failed: ${said || describeExit(exit)}`
  return { kvm: false, why, isTimeout }
}

/** 64 KiB: the code at its start, and at the reset vector a jump to it. */
function x86Rom(): Buffer {
  const rom = Buffer.alloc(64 * 1024)
  Buffer.from(X86_PROBE_CODE, 'base64').copy(rom)
  rom.set([0xe9, 0x0d, 0x00], 0xfff0)
  return rom
}
