import { once } from 'node:events'
import { existsSync, lstatSync, statSync } from 'node:fs'
import { basename, dirname, join, posix } from 'node:path'

import { UsageError } from '../../base/index.ts'
import type { Agent, ExecRequest } from '../../guest/index.ts'
import { confined, start } from '../../host/index.ts'
import { fetchFile } from '../host-view/fetch-file.ts'
import { stageFor } from '../host-view/staging.ts'
import type { TemporaryPaths } from '../aside/temporary.ts'
import { checkTar, guestTar } from './copy-tar.ts'

/** From where to where, at this machine's end and the guest's. */
export interface Way {
  readonly agent: Agent
  readonly source: string
  readonly target: string
  readonly paths: TemporaryPaths
}

interface OutOptions {
  readonly user: ExecRequest['user']
  readonly onProgress: (bytes: number) => void
}

/** Copies out of a guest. No link is followed that a guest has sent, in this copy or an earlier one. Throws KlabError. */
export async function copyOut(
  { agent, source, target, paths }: Way,
  options: OutOptions,
): Promise<void> {
  const [into, name] = placeOf(target, posix.basename(posix.normalize(source)))
  if (!existsSync(into)) throw new UsageError(`${into}: there is no such directory`)
  if ((await agent.kindOf(source)) === 'directory')
    await unpackInto({ agent, source, target: into, paths }, name, options)
  else await fetchFile(agent, { source, place: join(into, name), paths }, options.onProgress)
}

/** The directory that a copy goes into, and what it is called there: nothing where only what is in it is copied. Throws UsageError. */
export function placeOf(target: string, sourceName: string): [into: string, name: string] {
  if (!existsSync(target) || !statSync(target).isDirectory())
    return [dirname(target), basename(target)]
  if (lstatSync(target).isSymbolicLink())
    throw new UsageError(
      `${target} is a link, and an earlier copy may have brought it: say ${target}/ if the directory it leads to is meant`,
    )
  return [target, sourceName]
}

/** It takes as long as there comes something. */
const ANY = Number.POSITIVE_INFINITY

/** Unpacks what the guest sends aside, and moves it into place. */
async function unpackInto(
  { agent, source, target: into, paths }: Way,
  name: string,
  options: OutOptions,
): Promise<void> {
  await using staging = await stageFor(into, paths)
  await using inside = name === '' ? staging : await staging.make(name)
  const command = ['tar', '--no-same-owner', '-xpf', '-']
  // Who shares the directory could put links into it while tar works.
  const [file, args] = await confined(command, { writesHereOnly: true }, paths.cache)
  const unpacker = start(file, args, {
    cwd: inside.dir,
    stdio: ['pipe', 'ignore', 'pipe'],
    limitMs: ANY,
  })
  await using _unpacker = unpacker
  const broken = new Promise<void>((done) => unpacker.stdin?.once('error', () => done()))
  const stdout = async (chunk: Buffer) => {
    options.onProgress(chunk.length)
    if (unpacker.stdin && !unpacker.stdin.write(chunk))
      await Promise.race([once(unpacker.stdin, 'drain'), broken, unpacker.exited])
  }
  const argv = ['tar', '-C', source, '-cf', '-', '.']
  const packing = guestTar(agent, argv, { ...options, stdout })
  packing.execution.endInput()
  await packing.finished
  unpacker.stdin?.end()
  await checkTar(unpacker)
  await staging.settle()
}
