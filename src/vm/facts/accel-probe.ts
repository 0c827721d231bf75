import { accessSync, constants, existsSync } from 'node:fs'
import { readFile, writeFile, mkdir } from 'node:fs/promises'
import { join } from 'node:path'

import { messageOf } from '../../base/index.ts'
import {
  bootId,
  confined,
  describeExit,
  nativeProgram,
  LAUNCHER,
  run,
  writeAtomically,
} from '../../host/index.ts'
import { binaryKey } from './qemu-facts.ts'

export interface AcceleratorVerdict {
  /** Whether guests really run under KVM here. */
  readonly kvm: boolean
  /** Why not, or how it was proven. */
  readonly why: string
  /** Of this host's time-stamp counter, for emulated guests; 0 if there is none. */
  readonly tscKHz: number
}

/** launcher/probe.S, assembled. A test assembles it again and compares. */
export const PROBE_CODE =
  '+i5mDwEWuAAPIMAMAQ8iwGbqGAAPAAgAZrgYAI7YjsCO0L8AEAAADyLfMcC5AAwAAPzzq8cFABAAAAMgAADHBQAgAAADMAAAxwUAMAAAgwAAAA8g4IPIIA8i4LmAAADADzINAAEAAA8wDyDADQAAAIAPIsDqewAPABAAuQAtMQH/yXX8Zrr4A7BL7ma69ACwEO706/0PHwAAAAAAAAAAAP//AAAAm88A//8AAACbrwD//wAAAJPPAB8AmAAPAA=='

const PROBE_LIMIT_MS = 2_000

/** Proves KVM by booting a tiny guest of our own. Cached for this boot of the host and this QEMU. */
export async function acceleratorVerdict(
  qemu: string,
  cacheDir: string,
): Promise<AcceleratorVerdict> {
  const path = join(cacheDir, 'accelerator', `${await binaryKey(qemu)}-${bootId()}.json`)
  try {
    // Written by us below, whole or not at all.
    return JSON.parse(await readFile(path, 'utf8')) as AcceleratorVerdict
  } catch {
    const [kvm, tscKHz] = await Promise.all([proveKvm(qemu, cacheDir), measureTsc(cacheDir)])
    const verdict = { ...kvm, tscKHz }
    await writeAtomically(path, JSON.stringify(verdict))
    return verdict
  }
}

async function proveKvm(qemu: string, cacheDir: string): Promise<{ kvm: boolean; why: string }> {
  if (!existsSync('/dev/kvm')) return { kvm: false, why: 'this host has no /dev/kvm' }
  try {
    accessSync('/dev/kvm', constants.R_OK | constants.W_OK)
  } catch (error) {
    return {
      kvm: false,
      why: `no permission for /dev/kvm (${messageOf(error)}); join the group kvm`,
    }
  }
  const rom = join(cacheDir, 'accelerator', 'probe.rom')
  await mkdir(join(cacheDir, 'accelerator'), { recursive: true })
  await writeFile(rom, probeRom())
  const [file, args] = await confined([qemu, ...probeArgs(rom)], {}, cacheDir)
  const startedAt = performance.now()
  const { exit, stdout, stderr } = await run(file, args, { timeoutMs: PROBE_LIMIT_MS })
  const ms = Math.round(performance.now() - startedAt)
  if (stdout.includes('K')) return { kvm: true, why: `a probe guest ran in ${ms} ms` }
  if (exit.kind === 'killed') {
    return {
      kvm: false,
      why: `/dev/kvm opens, but a probe guest did not finish in ${PROBE_LIMIT_MS / 1000} s`,
    }
  }
  const said = stderr.trim().split('\n')[0] ?? ''
  return {
    kvm: false,
    why: `/dev/kvm opens, but a probe guest failed: ${said || describeExit(exit)}`,
  }
}

function probeArgs(rom: string): string[] {
  return [
    ['-nodefaults', '-no-user-config', '-machine', 'microvm,accel=kvm', '-cpu', 'host'],
    ['-m', '16', '-display', 'none', '-no-reboot', '-bios', rom, '-serial', 'stdio'],
    ['-device', 'isa-debug-exit,iobase=0xf4,iosize=1'],
  ].flat()
}

/** A 64 KiB ROM: the code at its start, and at the reset vector a jump to it. */
function probeRom(): Buffer {
  const rom = Buffer.alloc(64 * 1024)
  Buffer.from(PROBE_CODE, 'base64').copy(rom)
  rom.set([0xe9, 0x0d, 0x00], 0xfff0)
  return rom
}

async function measureTsc(cacheDir: string): Promise<number> {
  const { stdout } = await run(await nativeProgram(LAUNCHER, cacheDir), ['--tsc'])
  return Number(stdout.trim()) || 0
}
