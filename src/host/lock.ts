import { existsSync } from 'node:fs'
import { open } from 'node:fs/promises'

import { InfraError } from '../base/index.ts'
import { run, start } from './process.ts'

/**
 * Holds an exclusive lock on a file until disposed of, or until this process is gone however it ended: the kernel
 * drops it. `onWait` is called once if somebody else has it. Node has no flock(2), so util-linux's holds it for us and
 * lives on our pipe.
 */
export async function lockFile(path: string, onWait: () => void): Promise<AsyncDisposable> {
  await (await open(path, 'a', 0o600)).close()
  const immediate = await holdLock(path, ['--nonblock'])
  if (immediate) return immediate
  onWait()
  const held = await holdLock(path, [])
  if (!held) throw new InfraError('LOCK', `cannot lock ${path}: flock (util-linux) gave up`)
  return held
}

/** Whether somebody holds the lock of a file now; a file that is not there is not locked. */
export async function isLocked(path: string): Promise<boolean> {
  if (!existsSync(path)) return false
  const { exit } = await run('flock', ['--nonblock', path, 'true'])
  return exit.kind === 'exited' && exit.code === 1
}

async function holdLock(
  path: string,
  options: readonly string[],
): Promise<AsyncDisposable | undefined> {
  // `read` ends when our end of the pipe closes.
  const holder = start('flock', [...options, path, 'sh', '-c', 'echo held; read _'], {
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const held = new Promise<true>((resolve) => holder.stdout?.once('data', () => resolve(true)))
  if ((await Promise.race([held, holder.exited])) === true) {
    return {
      async [Symbol.asyncDispose]() {
        holder.stdin?.end()
        await holder.exited
      },
    }
  }
  return undefined
}
