import { constants } from 'node:fs'
import { mkdir, open, rm, type FileHandle } from 'node:fs/promises'

import { InfraError, messageOf } from '../../base/index.ts'
import { asideName, LAUNCHER, leftAside, nativeProgram, run } from '../../host/index.ts'

/** An open directory, by a name for us and the processes that we start. What somebody else puts into its place is not met. */
interface HeldDirectory extends AsyncDisposable {
  readonly dir: string
}

/** A place for what a guest sends, which nobody else can look into. Disposing of it takes away what was not settled. */
export interface Staging extends HeldDirectory {
  /** Makes a directory in it. */
  make(name: string): Promise<HeldDirectory>
  /** Moves all that was sent into the directory it is for, by the rules of launcher/settle.c. Throws InfraError; nothing was moved then, as far as could be foreseen. */
  settle(): Promise<void>
}

/** Makes a place in the directory that things are to move into: so they can be renamed. Throws InfraError. */
export async function stageFor(into: string, cacheDir: string): Promise<Staging> {
  await using resources = new AsyncDisposableStack()
  const launcher = await nativeProgram(LAUNCHER, cacheDir)
  const target = held(resources.use(await open(into, DIRECTORY)))
  await removeLeft(target, launcher)
  const outer = `${target}/${asideName()}`
  await mkdir(outer, { mode: 0o700 }).catch((error: unknown) => {
    const { code } = error as NodeJS.ErrnoException
    throw new InfraError('COPY', `cannot write to ${into}: ${code ?? messageOf(error)}`)
  })
  // What cannot be taken away (the disk fails) is at least private.
  resources.defer(() => run(launcher, ['--remove', outer]).then(() => undefined))
  const dir = held(resources.use(await open(outer, DIRECTORY | constants.O_NOFOLLOW)))
  const owned = resources.move()
  return {
    dir,
    make: async (name) => {
      await mkdir(`${dir}/${name}`, { mode: 0o700 })
      const handle = await open(`${dir}/${name}`, DIRECTORY | constants.O_NOFOLLOW)
      return { dir: held(handle), [Symbol.asyncDispose]: () => handle.close() }
    },
    settle: async () => {
      const { exit, stderr } = await run(launcher, ['--settle', dir, target])
      if (exit.kind === 'exited' && exit.code === 0) return
      throw new InfraError(
        'COPY',
        `what the guest sent cannot be moved into ${into}: ${stderr.trim()}`,
      )
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

/** What copies that were killed have left. */
async function removeLeft(target: string, launcher: string): Promise<void> {
  for (const { name, isDirectory } of leftAside(target)) {
    if (isDirectory) await run(launcher, ['--remove', `${target}/${name}`])
    else await rm(`${target}/${name}`, { force: true })
  }
}

const DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY

/** Not /proc/self: it is told to processes that we start. */
function held({ fd }: FileHandle): string {
  return `/proc/${process.pid}/fd/${fd}`
}
