import { existsSync, lstatSync, statSync } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { basename, posix, resolve } from 'node:path'

import { Interrupted, interruptOf, messageOf, UsageError } from '../../base/index.ts'
import type { ExecRequest } from '../../guest/index.ts'
import { start, streamOutside } from '../../host/index.ts'
import type { Paths } from '../session/paths.ts'
import { attended } from './attended.ts'
import { copyOut, type Way } from './copy-out.ts'
import { checkTar, guestTar, outputOf } from './copy-tar.ts'
import { agentOf } from './exec.ts'
import { VmRegistry } from './registry.ts'

/** One end of a copy: a path here, or in a VM. */
export type CopyEnd =
  | { readonly kind: 'host'; readonly path: string }
  | { readonly kind: 'guest'; readonly vm: string; readonly path: string }

/** `NAME:PATH` is in a VM; what has a slash before the colon, or no colon, is here. */
export function parseCopyEnd(text: string, cwd: string): CopyEnd {
  const match = /^([^/:]+):(.*)$/.exec(text)
  // As in a shell: a slash at the end follows a link.
  const slash = text.endsWith('/') ? '/' : ''
  if (!match) return { kind: 'host', path: `${resolve(cwd, text)}${slash}` }
  const [, vm = '', path = ''] = match
  if (!path.startsWith('/'))
    throw new UsageError(`${text}: the path in the guest has to be absolute, such as ${vm}:/tmp/x`)
  return { kind: 'guest', vm, path }
}

export interface CopyOptions {
  /** Whose files they become in the guest, and who reads them there. */
  readonly user: ExecRequest['user']
  readonly onProgress: (bytes: number) => void
  /** Ends it. */
  readonly signal: AbortSignal
}

/**
 * Copies a file or a directory into a running VM or out of it, with modes, times and links. What exists as a directory is
 * copied into, as with cp -r. One that is ended leaves nothing here; in the guest a file is as it was, and of a directory there is what has come.
 * Throws KlabError; Interrupted when it was ended.
 */
export async function copy(
  paths: Paths,
  [from, to]: readonly [from: CopyEnd, to: CopyEnd],
  options: CopyOptions,
): Promise<void> {
  if (from.kind === to.kind)
    throw new UsageError(
      'klab cp copies between this machine and a VM: one of the two is NAME:PATH',
    )
  const registry = new VmRegistry(paths)
  const name = from.kind === 'guest' ? from.vm : to.kind === 'guest' ? to.vm : ''
  const vm = registry.getLive(name)
  using agent = await agentOf(paths, vm)
  const way: Way = { agent, source: from.path, target: to.path, paths }
  const { signal } = options
  let gaveAt = Date.now()
  const heard: CopyOptions = {
    ...options,
    onProgress: (bytes) => {
      gaveAt = Date.now()
      options.onProgress(bytes)
    },
  }
  signal.throwIfAborted()
  // Without the guest each way ends, and takes away what it has begun here.
  const leave = () => agent[Symbol.dispose]()
  signal.addEventListener('abort', leave, { once: true })
  try {
    const work = from.kind === 'host' ? copyIn(way, heard) : copyOut(way, heard)
    // A guest that is given something takes what comes, when it comes.
    await attended(paths, {
      vm,
      agent,
      work,
      ...(from.kind === 'guest' && { gaveAt: () => gaveAt }),
    })
  } catch (error) {
    throw signal.aborted ? new Interrupted(interruptOf(signal)) : error
  } finally {
    signal.removeEventListener('abort', leave)
  }
}

async function copyIn({ agent, source, target }: Way, options: CopyOptions): Promise<void> {
  if (!existsSync(source)) throw new UsageError(`${source}: there is no such file`)
  const place =
    (await agent.kindOf(target)) === 'directory' ? posix.join(target, basename(source)) : target
  const { mode } = statSync(source)
  if (!lstatSync(source).isDirectory()) {
    const { uid, gid } = options.user
    const data = counted(
      (await opened(source)).createReadStream({ highWaterMark: 1024 * 1024 }),
      options.onProgress,
    )
    await agent.put(place, data, { mode: mode & 0o7777, uid, gid })
    return
  }
  const script = 'mkdir -p "$1" && exec tar -C "$1" --numeric-owner -xpf -'
  const packer = start('tar', ['-C', source, '-cf', '-', '.'], {
    stdio: ['ignore', 'pipe', 'pipe'],
    limitMs: Number.POSITIVE_INFINITY,
  })
  await using _packer = packer
  const unpacking = guestTar(agent, ['sh', '-c', script, 'sh', place], {
    ...options,
    stdout: () => undefined,
  })
  for await (const chunk of counted(outputOf(packer), options.onProgress)) {
    await unpacking.execution.send(chunk)
    if (unpacking.execution.isOver) break
  }
  unpacking.execution.endInput()
  await unpacking.finished
  await checkTar(packer)
}

async function opened(source: string): Promise<FileHandle> {
  try {
    return await streamOutside(source)
  } catch (error) {
    throw new UsageError(`cannot copy ${source}: ${messageOf(error)}`, { cause: error })
  }
}

async function* counted(
  source: AsyncIterable<Uint8Array | string>,
  onProgress: (bytes: number) => void,
): AsyncIterable<Uint8Array> {
  for await (const chunk of source) {
    onProgress(chunk.length)
    yield Buffer.from(chunk as Uint8Array)
  }
}
