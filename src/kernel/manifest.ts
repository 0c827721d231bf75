import { createHash } from 'node:crypto'
import { z } from 'zod'

/** What is known of a kernel in the cache. */
export const manifestSchema = z.strictObject({
  id: z.string(),
  release: z.string(),
  arch: z.literal('x86_64'),
  profile: z.string(),
  tree: z.string(),
  version: z.string(),
  treeId: z.string(),
  commit: z.string().optional(),
  dirty: z.string().optional(),
  configHash: z.string(),
  compiler: z.string(),
  /** Of the image: identical input gives an identical one. */
  imageSha256: z.string(),
  createdAt: z.string(),
  buildMs: z.number(),
  steps: z.number(),
  parameters: z.array(z.string()),
  slowness: z.number(),
})
export type Manifest = z.infer<typeof manifestSchema>

/** Raised when the way of building changes, so that older kernels are not taken for new ones. */
const RECIPE = 2

/** The id of the kernel that these would give. */
export function kernelId(input: {
  readonly treeId: string
  readonly dirty: string | undefined
  readonly version: string
  readonly arch: string
  readonly base: string
  readonly fragment: string
  readonly toolchain: readonly string[]
}): string {
  return digest(JSON.stringify([RECIPE, input])).slice(0, 12)
}

export function digest(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex')
}
