import { posix } from 'node:path'

import { cpio, S_IFCHR, S_IFDIR, S_IFREG, type CpioEntry } from './cpio.ts'

/** A kernel module for the initramfs: its path under /lib/modules, and its bytes, not compressed. */
export interface BootModule {
  readonly path: string
  readonly data: Uint8Array
}

/** The initramfs of every boot: the agent as /init, and the modules it loads, in this order. */
export function initramfs(agent: Uint8Array, modules: readonly BootModule[]): Buffer {
  const files: CpioEntry[] = [
    { path: 'init', mode: S_IFREG | 0o755, data: agent },
    ...modules.map(({ path, data }) => ({ path: `klab/${path}`, mode: S_IFREG | 0o644, data })),
    {
      path: 'klab/modules',
      mode: S_IFREG | 0o644,
      data: Buffer.from(modules.map(({ path }) => `/klab/${path}\n`).join('')),
    },
  ]
  const directories = new Set(files.flatMap(({ path }) => parents(path)))
  return cpio([
    ...['dev', ...directories].map((path) => ({ path, mode: S_IFDIR | 0o755 })),
    // The kernel opens it for PID 1 before anything is mounted.
    { path: 'dev/console', mode: S_IFCHR | 0o600, device: [5, 1] },
    ...files,
  ])
}

function parents(path: string): string[] {
  const parent = posix.dirname(path)
  return parent === '.' ? [] : [...parents(parent), parent]
}
