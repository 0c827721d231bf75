import { accessSync, constants, statSync } from 'node:fs'
import { join } from 'node:path'

import { hasFields, messageOf, tryDecodeJson } from '../../base/index.ts'
import { bootId, LAUNCHER, nativeProgram, run, cacheFile, noteIn } from '../../host/index.ts'
import { archFacts, type Arch } from '../machine/arch.ts'
import { proveKvm, type KvmProof } from './kvm-probe.ts'
import { binaryKey } from './qemu-facts.ts'

const KVM = '/dev/kvm'

export interface AcceleratorVerdict {
  /** Whether guests really run under KVM here. */
  readonly kvm: boolean
  /** Why not, or how it was proven. */
  readonly why: string
  /** Of this host's time-stamp counter, for emulated guests; 0 if there is none. */
  readonly tscKHz: number
}

/** What was proven, and for how long that is believed. */
export interface KeptProof extends KvmProof {
  /** Date.now of it. */
  readonly at: number
  /** How many time-outs there were one after the other, this one included. */
  readonly timeouts: number
}

/** Whether guests of an architecture run under KVM with this QEMU. What costs something to find out is kept. */
export async function acceleratorVerdict(
  { qemu, arch }: { readonly qemu: string; readonly arch: Arch },
  cacheDir: string,
): Promise<AcceleratorVerdict> {
  const boot = bootId()
  const dir = join(cacheDir, 'accelerator')
  const obstacle = kvmObstacle(arch)
  const [proof, tscKHz] = await Promise.all([
    obstacle === undefined
      ? keptProof(join(dir, `${await binaryKey(qemu)}-${deviceKey()}-${boot}.json`), () =>
          proveKvm({ qemu, arch }, cacheDir),
        )
      : { kvm: false, why: obstacle },
    keptTsc(join(dir, `tsc-${boot}.json`), cacheDir),
  ])
  return { kvm: proof.kvm, why: proof.why, tscKHz }
}

/** Why KVM need not be tried. Asked each time: the user may have joined the group since, and it costs nothing. */
export function kvmObstacle(arch: Arch, device = KVM): string | undefined {
  if (archFacts(arch).nodeName !== process.arch)
    return `this host is ${process.arch}, the guest ${arch}`
  try {
    accessSync(device, constants.R_OK | constants.W_OK)
    return undefined
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return `this host has no ${device}`
    return `no permission for ${device} (${messageOf(error)}); join the group kvm`
  }
}

/** Changes when the module was loaded again. */
function deviceKey(): string {
  const { ino, ctimeMs } = statSync(KVM)
  return `${ino}-${Math.round(ctimeMs)}`
}

/** The first time-out is believed for so long, each further one for twice as long: the machine may just have been busy. */
const TIMEOUT_BELIEVED_MS = 10 * 60_000

/** Whether a proof still holds. Pure. */
export function isBelieved({ isTimeout, at, timeouts }: KeptProof, now: number): boolean {
  return !isTimeout || (now >= at && now - at < TIMEOUT_BELIEVED_MS * 2 ** (timeouts - 1))
}

async function keptProof(path: string, prove: () => Promise<KvmProof>): Promise<KvmProof> {
  const before = await readKept(path, isProof)
  if (before && isBelieved(before, Date.now())) return before
  const proof = await prove()
  const timeouts = proof.isTimeout ? (before?.timeouts ?? 0) + 1 : 0
  await cacheFile(path, JSON.stringify({ ...proof, at: Date.now(), timeouts }))
  return proof
}

async function keptTsc(path: string, cacheDir: string): Promise<number> {
  // Not a bare number: the beginning of one is a number too, and no guest boots with such a frequency.
  const before = await readKept(path, isTsc)
  if (before) return before.kHz
  const kHz = await measureTsc(cacheDir)
  await cacheFile(path, JSON.stringify({ kHz }))
  return kHz
}

function isTsc(value: unknown): value is { readonly kHz: number } {
  return hasFields(value, { kHz: 'number' })
}

function isProof(value: unknown): value is KeptProof {
  const fields = { kvm: 'boolean', why: 'string', isTimeout: 'boolean' } as const
  return hasFields(value, { ...fields, at: 'number', timeouts: 'number' })
}

async function readKept<T>(
  path: string,
  check: (value: unknown) => value is T,
): Promise<T | undefined> {
  return tryDecodeJson(noteIn(path), check)
}

async function measureTsc(cacheDir: string): Promise<number> {
  const { stdout } = await run(await nativeProgram(LAUNCHER, cacheDir), ['--tsc'])
  return Number(stdout.trim()) || 0
}
