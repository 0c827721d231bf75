import { lstatSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

import { newId } from '../base/index.ts'
import { isAlive, processIdentity } from './identity.ts'

/**
 * A name for what this process writes beside the place that it is for, to be renamed or removed. It says whose it is, so that somebody can take it away
 * when its writer was killed.
 */
export function asideName(): string {
  const own = processIdentity(process.pid)
  if (!own) throw new Error('/proc has nothing of this process')
  return `.klab-${own.pid}-${own.startTicks}-${bootOf(own.bootId)}-${newId()}`
}

const NAME = /^\.klab-(?<pid>\d+)-(?<startTicks>\d+)-(?<boot>[0-9a-f]{8})-[a-z0-9]{8}$/

/** What killed processes of this user have left in a directory. Of other machines and boots nobody here knows whether they go on. */
export function leftAside(dir: string): { readonly name: string; readonly isDirectory: boolean }[] {
  return readdirSync(dir)
    .filter((name) => isLeft(name))
    .flatMap((name) => {
      const found = lstatSync(join(dir, name), { throwIfNoEntry: false })
      const isOurs = found !== undefined && found.uid === process.getuid?.()
      return isOurs ? [{ name, isDirectory: found.isDirectory() }] : []
    })
}

function isLeft(name: string): boolean {
  const { pid, startTicks, boot } = NAME.exec(name)?.groups ?? {}
  const here = processIdentity(process.pid)?.bootId ?? ''
  if (pid === undefined || startTicks === undefined || boot !== bootOf(here)) return false
  return !isAlive({ pid: Number(pid), startTicks, bootId: here })
}

/** Enough to tell one from another. */
function bootOf(bootId: string): string {
  return bootId.slice(0, 8)
}
