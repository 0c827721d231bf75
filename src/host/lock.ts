import { existsSync } from 'node:fs'
import { createInterface } from 'node:readline'

import { Deadline, InfraError, Interrupted, interruptOf, messageOf } from '../base/index.ts'
import { makeRoomFor } from './kept-file.ts'
import { LAUNCHER } from './launcher.ts'
import { lockHolders } from './lock-holder.ts'
import { nativeProgram } from './native.ts'
import { Patience, type Peer } from './patience.ts'
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
 * our end of its stdin is open. Throws Interrupted when the signal ends the wait, InfraError when whoever has it is stopped.
 */
export async function lockFile(path: string, parts: LockParts): Promise<HeldLock> {
  try {
    return await hold(path, parts)
  } catch (error) {
    if (!(error instanceof InfraError) || existsSync(path)) throw error
    // Whoever had it has removed all that it was the lock of.
    return await hold(path, parts)
  }
}

/** As lockFile, if nobody has it; undefined otherwise. */
export async function tryLockFile(path: string, cacheDir: string): Promise<HeldLock | undefined> {
  const taken = new AbortController()
  try {
    const onWait = () => taken.abort()
    return await lockFile(path, { cacheDir, onWait, signal: taken.signal })
  } catch (error) {
    if (taken.signal.aborted) return undefined
    throw error
  }
}

async function hold(path: string, { cacheDir, onWait, signal }: LockParts): Promise<HeldLock> {
  const launcher = await nativeProgram(LAUNCHER, cacheDir)
  if (signal?.aborted) throw new Interrupted(interruptOf(signal))
  try {
    // What is no file is nobody's lock.
    makeRoomFor(path)
  } catch (error) {
    throw new InfraError('LOCK', `cannot lock ${path}: ${messageOf(error)}`, { cause: error })
  }
  const holder = start(launcher, ['--hold', path], { stdio: ['pipe', 'pipe', 'pipe'] })
  // One that was killed takes no more.
  holder.stdin?.on('error', () => undefined)
  const stop = () => holder.kill('SIGKILL')
  signal?.addEventListener('abort', stop, { once: true })
  try {
    const isHeld = await untilHeld(path, holder, onWait)
    if (signal?.aborted) throw new Interrupted(interruptOf(signal))
    if (isHeld) return heldBy(holder)
    const why = holder.stderrTail().trim() || describeExit(await holder.exited)
    throw notLocked(path, why)
  } catch (error) {
    await holder[Symbol.asyncDispose]()
    throw error
  } finally {
    signal?.removeEventListener('abort', stop)
  }
}

function notLocked(path: string, why: string): InfraError {
  return new InfraError('LOCK', `cannot lock ${path}: ${why}`)
}

/** A launcher that is stopped tells nothing; then somebody may hold it. */
const LOOK_LIMIT_MS = 10_000

/** Whether somebody holds the lock of a file now; one that cannot be looked at is left to whoever may. */
export async function isLocked(path: string, cacheDir: string): Promise<boolean> {
  if (!existsSync(path)) return false
  const { exit } = await run(await nativeProgram(LAUNCHER, cacheDir), ['--is-locked', path], {
    timeoutMs: LOOK_LIMIT_MS,
  })
  return exit.kind !== 'exited' || exit.code !== 0
}

/** How long the launcher takes for its first word. */
const FIRST_WORD_MS = 30_000

/** False if the holder ends before it has the lock. */
async function untilHeld(
  path: string,
  holder: LiveProcess,
  onWait: (() => void) | undefined,
): Promise<boolean> {
  const first = Promise.withResolvers<'waiting' | 'held'>()
  const held = Promise.withResolvers<'held'>()
  if (holder.stdout)
    createInterface({ input: holder.stdout }).on('line', (line) => {
      if (line !== 'waiting' && line !== 'held') return
      first.resolve(line)
      if (line === 'held') held.resolve(line)
    })
  const ended = holder.exited.then(() => 'ended' as const)
  const late = (why: string) => notLocked(path, why)
  const launcher: Peer = { what: LAUNCHER.name, pid: holder.pid }
  using answering = new Patience(launcher, FIRST_WORD_MS)
  const word = await answering.for(Promise.race([first.promise, ended]), late)
  if (word !== 'waiting') return word === 'held'
  onWait?.()
  // Whoever has it may have it for long, as for a build; but not while he does nothing.
  const peer: Peer = {
    ...launcher,
    get behind() {
      return lockHolders(path)
    },
  }
  using waiting = new Patience(peer, Number.POSITIVE_INFINITY)
  return (await waiting.for(Promise.race([held.promise, ended]), late)) === 'held'
}

/** A holder that is there ends at once. */
const GIVEN_BACK_MS = 2_000

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
      using deadline = new Deadline(GIVEN_BACK_MS)
      // One that is stopped reads no end; killed, it gives the lock back as well.
      if ((await Promise.race([holder.exited, deadline.passed])) === 'passed')
        holder.kill('SIGKILL')
      await holder.exited
    },
  }
}
