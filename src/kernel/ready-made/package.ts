import { createHash } from 'node:crypto'
import { existsSync, statSync } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'

import { InfraError, messageOf } from '../../base/index.ts'
import { describeExit, runOk, start, type LiveProcess } from '../../host/index.ts'
import { TarMeter, type TarLimits } from './tar-meter.ts'

/** Debug packages have some 6 GiB, and 10,000 files. */
const LIMITS: TarLimits = { bytes: 16 * 1024 ** 3, files: 500_000 }

/** Unpacks a kernel package (.deb) into the cache, once; returns where. Throws InfraError, and leaves nothing. */
export async function unpackPackage(
  path: string,
  cacheDir: string,
  limits: TarLimits = LIMITS,
): Promise<string> {
  const { size, mtimeMs } = statSync(path)
  const key = createHash('sha256').update(`${path}\0${size}\0${mtimeMs}`).digest('hex').slice(0, 12)
  const target = join(cacheDir, 'packages', `${basename(path, '.deb')}-${key}`)
  if (existsSync(target)) return target
  const temporary = `${target}.${process.pid}.tmp`
  // What an archive says of its own directory does not open this one to others.
  const root = join(temporary, 'root')
  try {
    await mkdir(dirname(target), { recursive: true })
    await mkdir(temporary, { mode: 0o700 })
    await mkdir(root)
    await unpack(path, root, new TarMeter(limits))
    // A kernel has nothing else, and who unpacks as root would have made devices.
    const others = ['f', 'd', 'l'].flatMap((type) => ['!', '-type', type])
    await runOk('find', [root, ...others, '-delete'])
    await rename(root, target).catch(() => undefined)
    return target
  } catch (error) {
    throw new InfraError('PACKAGE', `cannot unpack ${path}: ${messageOf(error)}`, { cause: error })
  } finally {
    await rm(temporary, { recursive: true, force: true })
  }
}

/** One with debug information has gigabytes. */
const LIMIT_MS = 1_800_000

async function unpack(path: string, into: string, meter: TarMeter): Promise<void> {
  await using packed = start('dpkg-deb', ['--fsys-tarfile', path], {
    stdio: ['ignore', 'pipe', 'pipe'],
    limitMs: LIMIT_MS,
  })
  const plain = ['--no-same-owner', '--no-same-permissions', '--delay-directory-restore']
  await using tar = start('tar', ['-C', into, ...plain, '-xf', '-'], {
    stdio: ['pipe', 'ignore', 'pipe'],
    limitMs: LIMIT_MS,
  })
  const metered = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      try {
        meter.push(chunk)
        done(null, chunk)
      } catch (error) {
        done(error as Error)
      }
    },
  })
  const { stdout } = packed
  const { stdin } = tar
  // Neither is there where a program is not.
  const flow = stdout && stdin ? pipeline(stdout, metered, stdin) : Promise.resolve()
  const broken = await flow.then(
    () => undefined,
    (error: unknown) => error,
  )
  // A pipe that broke is how the end of a program looks from here; which one it was, and why, it says itself.
  if (broken instanceof Error && !('code' in broken)) throw broken
  await check('dpkg-deb', packed)
  await check('tar', tar)
}

async function check(name: string, program: LiveProcess): Promise<void> {
  const exit = await program.exited
  if (exit.kind === 'exited' && exit.code === 0) return
  const said = program.stderrTail().trim().split('\n')[0] ?? ''
  throw new Error(`${name}: ${describeExit(exit)}${said === '' ? '' : `: ${said}`}`)
}
