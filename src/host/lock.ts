import { existsSync } from 'node:fs'
import { createInterface } from 'node:readline'

import { InfraError, Interrupted, interruptOf } from '../base/index.ts'
import { LAUNCHER } from './launcher.ts'
import { nativeProgram } from './native.ts'
import { describeExit, run, start, type LiveProcess } from './process.ts'

/** A lock that is ours until disposed of, or until this process is gone however it ended: the kernel drops it. */
export interface HeldLock extends AsyncDisposable {
  /** Settles when whoever holds it for us was killed, and the lock is free; never when it is given back. */
  readonly lost: Promise<void>
}

/** What locking a file takes. */
interface LockParts {
  readonly cacheDir: string
  /** Called once if somebody else has it. */
  readonly onWait?: () => void
  readonly signal?: AbortSignal | undefined
}

/**
 * Takes an exclusive lock on a file, waiting for whoever has it. Node has no flock(2): the launcher holds it for us, as long as
 * our end of its stdin is open. Throws Interrupted when the signal ends the wait.
 */
export async function lockFile(
  path: string,
  { cacheDir, onWait, signal }: LockParts,
): Promise<HeldLock> {
  const launcher = await nativeProgram(LAUNCHER, cacheDir)
  if (signal?.aborted) throw new Interrupted(interruptOf(signal))
  const holder = start(launcher, ['--hold', path], { stdio: ['pipe', 'pipe', 'pipe'] })
  // One that was killed takes no more.
  holder.stdin?.on('error', () => undefined)
  const stop = () => holder.kill('SIGKILL')
  signal?.addEventListener('abort', stop, { once: true })
  const isHeld = await untilHeld(holder, onWait)
  signal?.removeEventListener('abort', stop)
  if (isHeld && !signal?.aborted) return heldBy(holder)
  await holder[Symbol.asyncDispose]()
  if (signal?.aborted) throw new Interrupted(interruptOf(signal))
  const why = holder.stderrTail().trim() || describeExit(await holder.exited)
  throw new InfraError('LOCK', `cannot lock ${path}: ${why}`)
}

/** Whether somebody holds the lock of a file now; one that cannot be looked at is left to whoever may. */
export async function isLocked(path: string, cacheDir: string): Promise<boolean> {
  if (!existsSync(path)) return false
  const { exit } = await run(await nativeProgram(LAUNCHER, cacheDir), ['--is-locked', path])
  return exit.kind !== 'exited' || exit.code !== 0
}

/** False if the holder ends before it has the lock. */
async function untilHeld(holder: LiveProcess, onWait: (() => void) | undefined): Promise<boolean> {
  const held = Promise.withResolvers<true>()
  if (holder.stdout)
    createInterface({ input: holder.stdout }).on('line', (line) => {
      if (line === 'waiting') onWait?.()
      if (line === 'held') held.resolve(true)
    })
  return await Promise.race([held.promise, holder.exited.then(() => false)])
}

function heldBy(holder: LiveProcess): HeldLock {
  const lost = Promise.withResolvers<void>()
  let isGivenBack = false
  void holder.exited.then(() => {
    if (!isGivenBack) lost.resolve()
  })
  return {
    lost: lost.promise,
    async [Symbol.asyncDispose]() {
      isGivenBack = true
      holder.stdin?.end()
      await holder.exited
    },
  }
}
