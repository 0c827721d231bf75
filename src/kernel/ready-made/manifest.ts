import { createHash } from 'node:crypto'

import { hasFields, isRecord, isStringList } from '../../base/index.ts'
import type { Arch } from '../arch/arch.ts'

/** What a kernel cannot be without, beside its manifest. */
export const KERNEL_PARTS = ['image', 'vmlinux', 'config'] as const
export type KernelPart = (typeof KERNEL_PARTS)[number]

/** What is known of a kernel in the cache. */
export interface Manifest {
  readonly id: string
  readonly release: string
  readonly arch: Arch
  readonly profile: string
  /** The whole configuration that it was laid over. */
  readonly configBase?: string
  readonly tree: string
  readonly version: string
  readonly treeId: string
  readonly commit?: string
  readonly dirty?: string
  readonly configHash: string
  readonly compiler: string
  /** Of the image: identical input gives an identical one. */
  readonly imageSha256: string
  /** What it cannot be without, as it was built; absent in kernels of klabs that did not note it down. */
  readonly files?: Readonly<Record<KernelPart, { readonly bytes: number; readonly sha256: string }>>
  readonly createdAt: string
  readonly buildMs: number
  readonly steps: number
  /** Its objects, as long as they are there and no later build has taken their place. */
  readonly buildDir?: string
  readonly parameters: readonly string[]
  readonly slowness: number
}

const FIELDS = {
  id: 'string',
  release: 'string',
  arch: 'string',
  profile: 'string',
  tree: 'string',
  version: 'string',
  treeId: 'string',
  configHash: 'string',
  compiler: 'string',
  imageSha256: 'string',
  createdAt: 'string',
  buildMs: 'number',
  steps: 'number',
  slowness: 'number',
} as const

/** Whether a file's content is a manifest of this klab. By hand: every run reads one, and zod takes 20 ms to load. */
export function isManifest(value: unknown): value is Manifest {
  return (
    hasFields(value, FIELDS) &&
    isStringList(value['parameters']) &&
    (value['files'] === undefined || isFiles(value['files']))
  )
}

function isFiles(value: unknown): boolean {
  const part = { bytes: 'number', sha256: 'string' } as const
  return isRecord(value) && KERNEL_PARTS.every((name) => hasFields(value[name], part))
}

/** Raised when the way of building changes, so that older kernels are not taken for new ones. */
const RECIPE = 3

/** The id of the kernel that these would give. */
export function kernelId(input: {
  readonly treeId: string
  readonly dirty: string | undefined
  readonly version: string
  readonly arch: string
  readonly base: string
  readonly fragment: string
  /** They are in the manifest. */
  readonly parameters: readonly string[]
  readonly toolchain: readonly string[]
}): string {
  return digest(JSON.stringify([RECIPE, input])).slice(0, 12)
}

export function digest(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex')
}
