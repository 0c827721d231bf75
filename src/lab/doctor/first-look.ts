import { accessSync, constants } from 'node:fs'
import { release } from 'node:os'

import { findProgram } from '../../host/index.ts'
import { findTree } from '../../kernel/index.ts'
import type { Lab } from '../session/context.ts'

/** What a newcomer has here, as far as a look of milliseconds tells. */
export interface FirstLook {
  /** The kernel tree around the directory. */
  readonly tree: string | undefined
  /** The image of the kernel that this machine runs, where it can be read. */
  readonly image: string | undefined
  /** A program without which there is no VM. */
  readonly missing: string | undefined
}

/** Looks around, and tries nothing: that is what klab doctor does. */
export async function lookAround({ cwd, env, config }: Lab): Promise<FirstLook> {
  const image = `/boot/vmlinuz-${release()}`
  return {
    tree: (await findTree(cwd))?.path,
    image: isReadable(image) ? image : undefined,
    missing: findProgram(config.qemu, env['PATH']) ? undefined : config.qemu,
  }
}

function isReadable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK)
    return true
  } catch {
    return false
  }
}
