import { existsSync, lstatSync, statSync } from 'node:fs'
import { mkdir, mkdtemp, rename, rm, type FileHandle } from 'node:fs/promises'
import { once } from 'node:events'
import { basename, dirname, join, posix, resolve } from 'node:path'

import { InfraError, Interrupted, interruptOf, messageOf, UsageError } from '../../base/index.ts'
import { type Agent, type ExecEnd, type ExecRequest } from '../../guest/index.ts'
import { describeExit, runOk, start, streamOutside } from '../../host/index.ts'
import { fetchFile } from '../host-view/fetch-file.ts'
import type { Paths } from '../session/paths.ts'
import { attended } from './attended.ts'
import { agentOf } from './exec.ts'
import { VmRegistry } from './registry.ts'

/** One end of a copy: a path here, or in a VM. */
export type CopyEnd =
  | { readonly kind: 'host'; readonly path: string }
  | { readonly kind: 'guest'; readonly vm: string; readonly path: string }

/** `NAME:PATH` is in a VM; what has a slash before the colon, or no colon, is here. */
export function parseCopyEnd(text: string, cwd: string): CopyEnd {
  const match = /^([^/:]+):(.*)$/.exec(text)
  if (!match) return { kind: 'host', path: resolve(cwd, text) }
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
  const way: Way = { agent, source: from.path, target: to.path }
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

/** From where to where, at this machine's end and the guest's. */
interface Way {
  readonly agent: Agent
  readonly source: string
  readonly target: string
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
  })
  await using _packer = packer
  const unpacking = guestTar(agent, ['sh', '-c', script, 'sh', place], {
    ...options,
    stdout: () => undefined,
  })
  for await (const chunk of counted(outputOf(packer), options.onProgress))
    await unpacking.execution.send(chunk)
  unpacking.execution.endInput()
  await unpacking.finished
  await checkPacker(packer)
}

async function opened(source: string): Promise<FileHandle> {
  try {
    return await streamOutside(source)
  } catch (error) {
    throw new UsageError(`cannot copy ${source}: ${messageOf(error)}`, { cause: error })
  }
}

async function copyOut({ agent, source, target }: Way, options: CopyOptions): Promise<void> {
  const place =
    existsSync(target) && statSync(target).isDirectory()
      ? join(target, posix.basename(source))
      : target
  if (!existsSync(dirname(place)))
    throw new UsageError(`${dirname(place)}: there is no such directory`)
  if ((await agent.kindOf(source)) === 'directory')
    await unpackHere({ agent, source, target: place }, options)
  else await fetchFile(agent, { source, place }, options.onProgress)
}

/**
 * Unpacks what the guest sends in a directory that nobody else can look into, takes out what only a hostile guest would put
 * there, and moves it into place.
 */
async function unpackHere(
  { agent, source, target: place }: Way,
  options: CopyOptions,
): Promise<void> {
  const staging = await mkdtemp(join(dirname(place), '.klab-cp-'))
  try {
    const inside = join(staging, 'copy')
    await mkdir(inside)
    const unpacker = start('tar', ['-C', inside, '--no-same-owner', '-xpf', '-'], {
      stdio: ['pipe', 'ignore', 'pipe'],
    })
    await using _unpacker = unpacker
    const broken = new Promise<void>((done) => unpacker.stdin?.once('error', () => done()))
    const argv = ['tar', '-C', source, '-cf', '-', '.']
    const stdout = async (chunk: Buffer) => {
      options.onProgress(chunk.length)
      if (unpacker.stdin && !unpacker.stdin.write(chunk))
        await Promise.race([once(unpacker.stdin, 'drain'), broken, unpacker.exited])
    }
    const packing = guestTar(agent, argv, { ...options, stdout })
    packing.execution.endInput()
    await packing.finished
    unpacker.stdin?.end()
    await checkPacker(unpacker)
    await runOk('find', [inside, '(', '-type', 'b', '-o', '-type', 'c', ')', '-delete'])
    await runOk('find', [
      inside,
      '-perm',
      '/6000',
      '!',
      '-type',
      'l',
      '-exec',
      'chmod',
      'a-s',
      '{}',
      '+',
    ])
    if (existsSync(place)) await runOk('cp', ['-a', '--', `${inside}/.`, place])
    else await rename(inside, place)
  } finally {
    await rm(staging, { recursive: true, force: true })
  }
}

function guestTar(
  agent: Agent,
  argv: readonly string[],
  {
    user,
    stdout,
  }: Pick<CopyOptions, 'user'> & { readonly stdout: (chunk: Buffer) => Promise<void> | void },
) {
  let said = ''
  const request = { argv, env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' }, cwd: '/', user }
  const stderr = (chunk: Buffer) => void (said = (said + chunk.toString()).slice(-2_000))
  const execution = agent.exec(request, { stdout, stderr })
  const finished = execution.ended.then((end) => checkGuestTar(end, said))
  // Where the host's end fails first, that is the error.
  finished.catch(() => undefined)
  return { execution, finished }
}

function checkGuestTar(end: ExecEnd, said: string): void {
  if (end.kind === 'exited' && end.code === 0) return
  if (end.kind === 'not-started')
    throw new InfraError(
      'COPY',
      'the guest has no tar, so it takes single files alone; VMs with --root host have one',
    )
  if (end.kind === 'lost') throw new InfraError('COPY', 'the VM ended in the middle of the copy')
  const last = said.trim().split('\n').at(-1) ?? ''
  throw new InfraError('COPY', `tar failed in the guest: ${last}`)
}

async function checkPacker(tar: ReturnType<typeof start>): Promise<void> {
  const exit = await tar.exited
  if (exit.kind === 'exited' && exit.code === 0) return
  const last = tar.stderrTail().trim().split('\n').at(-1) ?? ''
  throw new InfraError('COPY', `tar failed on this machine: ${describeExit(exit)} (${last})`)
}

function outputOf({ stdout }: ReturnType<typeof start>): AsyncIterable<Uint8Array | string> {
  if (!stdout) throw new Error('tar was started without a pipe')
  return stdout
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
