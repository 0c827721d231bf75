import { constants, existsSync } from 'node:fs'
import { copyFile, mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { homedir, hostname, tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'

import { block, field, InfraError, json, messageOf, shown, type Shown } from '../../base/index.ts'
import { scrub } from '../../crash/index.ts'
import { run as runProgram, runOk } from '../../host/index.ts'
import { KernelStore } from '../../kernel/index.ts'
import { temporaryIn } from '../aside/temporary.ts'
import { qemuPath, type Lab } from '../session/context.ts'
import { ownAccount } from '../session/own-account.ts'
import { ownVersion } from '../session/own-program.ts'
import { CRASH_FORMATS } from './formats/index.ts'
import { showCrash, type CrashView } from './list.ts'

export interface ExportRequest {
  readonly crash: string
  /** The archive; absent for `klab-crash-ID.tar.gz` here. */
  readonly output: string | undefined
  /** The image, System.map and vmlinux too. */
  readonly withKernel: boolean
  /** The dump of the run's memory, if it made one. */
  readonly withDump: boolean
}

export interface Exported {
  readonly path: string
  readonly files: readonly string[]
  /** Places where secrets, names and the home directory were taken out. */
  readonly scrubbed: number
}

/** Writes all that a bug report needs into one archive, whole or not at all. Throws InfraError for what was asked for and is not there. */
export async function exportCrash(lab: Lab, request: ExportRequest): Promise<Exported> {
  const crash = await showCrash(lab, request.crash)
  const name = `klab-crash-${crash.fingerprint.slice(0, 8)}`
  const path = resolve(lab.cwd, request.output ?? `${name}.tar.gz`)
  try {
    await using work = await temporaryIn(lab.paths, tmpdir())
    await using beside = await temporaryIn(lab.paths, dirname(path))
    const partial = beside.path('')
    await mkdir(work.path(''), { mode: 0o700 })
    const bundle = new Bundle(join(work.path(''), name))
    await mkdir(bundle.dir)
    for (const [file, text] of await textsOf(lab, crash, request)) await bundle.text(file, text)
    const [newest] = crash.seenBy
    const kernelDir = crash.kernel && new KernelStore(lab.paths.cache).directory(crash.kernel.id)
    if (kernelDir !== undefined) await bundle.raw('config', await read(join(kernelDir, 'config')))
    if (newest) await bundle.raw('console.log', await read(newest.consolePath))
    if (request.withKernel) {
      if (kernelDir === undefined)
        throw new InfraError(
          'EXPORT',
          'klab did not build the kernel of this crash, or has it no more: leave --kernel out',
        )
      for (const file of ['image', 'System.map', 'vmlinux'])
        await bundle.file(join('kernel', file), join(kernelDir, file))
    }
    if (request.withDump) {
      const dumps = crash.seenBy.map(({ consolePath }) => join(dirname(consolePath), 'vmcore'))
      const dump = dumps.find((one) => existsSync(one))
      if (dump === undefined)
        throw new InfraError(
          'EXPORT',
          'no run of this crash wrote a dump (klab run --on-crash dump): leave --dump out',
        )
      await bundle.file('vmcore', dump)
    }
    // tar keeps the mode of the file that is there: memory and consoles are for nobody else to read.
    await writeFile(partial, '', { flag: 'wx', mode: 0o600 })
    await runOk('tar', ['-C', work.path(''), '-czSf', partial, '--owner=0', '--group=0', name], {
      // A dump may have any size.
      timeoutMs: Number.POSITIVE_INFINITY,
    })
    await rename(partial, path)
    return { path, files: bundle.files, scrubbed: bundle.scrubbed }
  } catch (error) {
    if (error instanceof InfraError) throw error
    throw new InfraError('EXPORT', `cannot write ${path}: ${messageOf(error)}`, { cause: error })
  }
}

async function textsOf(
  lab: Lab,
  crash: CrashView,
  request: ExportRequest,
): Promise<readonly (readonly [string, Shown])[]> {
  const { bareText, text, kernel, reproduce, seenBy } = crash
  return [
    ['README.md', CRASH_FORMATS.markdown(crash)],
    ['mail.txt', CRASH_FORMATS.mail(crash)],
    ['report.txt', shown`${block(bareText.trimEnd())}\n`],
    ['report-symbolised.txt', shown`${block(text.trimEnd())}\n`],
    ['crash.json', CRASH_FORMATS.json(crash)],
    ['crash.sarif', CRASH_FORMATS.sarif(crash)],
    ['runs.json', shown`${json(seenBy, 2)}\n`],
    ['versions.txt', await versionsOf(lab)],
    ...(kernel ? [['kernel.json', shown`${json(kernel, 2)}\n`] as const] : []),
    ...(reproduce === undefined
      ? []
      : [['reproduce.sh', scriptOf(crash, reproduce, request)] as const]),
  ]
}

/** In an archive with the kernel that one is booted. */
function scriptOf(
  { kernel, unsupported }: CrashView,
  command: string,
  { withKernel }: Pick<ExportRequest, 'withKernel'>,
): Shown {
  const again = withKernel
    ? command.replace(`--kernel ${kernel?.id}`, '--kernel kernel/image')
    : command
  const whole = (line: string) => field(line, Number.POSITIVE_INFINITY)
  // sh does not know how shellWord writes what cannot be seen.
  return shown`#!/usr/bin/env ${again.includes("$'") ? 'bash' : 'sh'}
# The run that saw it, again. On another machine, build its kernel first (klab build --config-file config, in a tree of ${kernel?.commit ?? kernel?.version ?? 'its release'}) and put its id behind --kernel.
${unsupported === undefined ? shown`` : shown`${whole(unsupported)}\n`}cd "$(dirname "$0")" || exit 1
exec ${whole(again)}
`
}

async function versionsOf(lab: Lab): Promise<Shown> {
  const first = async (file: string, args: readonly string[]) =>
    (await runProgram(file, args)).stdout.split('\n')[0] ?? ''
  const [qemu, host] = await Promise.all([
    first(qemuPath(lab), ['--version']),
    first('uname', ['-srm']),
  ])
  return shown`klab ${ownVersion()}\nNode ${process.version}\n${qemu}\nhost: ${host}\n`
}

async function read(path: string): Promise<string> {
  return await readFile(path, 'latin1').catch(() => '(not there any more)\n')
}

/** The directory that becomes the archive. */
class Bundle {
  readonly dir: string
  readonly files: string[] = []
  scrubbed = 0
  readonly #private = { home: homedir(), user: ownAccount().name, host: hostname() }

  constructor(dir: string) {
    this.dir = dir
  }

  async text(name: string, content: Shown): Promise<void> {
    await this.#write(name, String(content), 'utf8')
  }

  /** As klab recorded it: bytes, one character for each. */
  async raw(name: string, content: string): Promise<void> {
    await this.#write(name, content, 'latin1')
  }

  async #write(name: string, content: string, encoding: 'utf8' | 'latin1'): Promise<void> {
    const { text, found } = scrub(content, this.#private)
    this.scrubbed += found
    this.files.push(name)
    await writeFile(join(this.dir, name), text, {
      encoding,
      mode: name.endsWith('.sh') ? 0o755 : 0o644,
    })
  }

  async file(name: string, from: string): Promise<void> {
    this.files.push(name)
    await mkdir(dirname(join(this.dir, name)), { recursive: true })
    await copyFile(from, join(this.dir, name), constants.COPYFILE_FICLONE)
  }
}
