import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import {
  circumstancesOf,
  codeBytesOf,
  framesOf,
  guiltyFile,
  readDisassembly,
  type Circumstances,
  type Frame,
} from '../../crash/index.ts'
import { shellWord } from '../../base/index.ts'
import { run as runProgram } from '../../host/index.ts'
import { KernelStore, type Manifest } from '../../kernel/index.ts'
import type { RunRow } from '../../store/index.ts'
import { commandLineOf } from '../run/command-line.ts'
import type { Lab } from '../session/context.ts'
import { excerptOf, placeInTree, type Excerpt } from './excerpt.ts'
import { requestOfRow } from '../history/stored-run.ts'

/** All that helps to understand a report, as far as it can be had here. */
export interface ReportDetails {
  readonly circumstances: Circumstances
  readonly frames: readonly Frame[]
  readonly guiltyFile: string | undefined
  readonly excerpt: Excerpt | undefined
  /** `Name <address> (role)`, of the tree's own get_maintainer.pl. */
  readonly maintainers: readonly string[]
  /** The instructions around the place of the trap. */
  readonly instructions: readonly { readonly text: string; readonly isHere: boolean }[]
  readonly kernel: Manifest | undefined
  /** The command that does it again. */
  readonly reproduce: string | undefined
  /** What of it klab does not vouch for, or does not know, as a comment; undefined where there is nothing. */
  readonly unsupported: string | undefined
}

/** Gathers what is known of a report; `text` with source lines. What cannot be had (no tree, no perl, no objdump) is left out. */
export async function detailsOf(lab: Lab, text: string, run: RunRow | undefined) {
  const kernel = await manifestOf(lab, run?.kernelId)
  const tree = kernel?.tree
  const file = guiltyFile(text)
  const excerpt = excerptOf(text, file, kernel)
  const [maintainers, instructions] = await Promise.all([
    file === undefined || tree === undefined ? [] : maintainersOf(tree, file),
    instructionsOf(text),
  ])
  const details: ReportDetails = {
    circumstances: circumstancesOf(text),
    frames: framesOf(text.split('\n')),
    ...{ guiltyFile: file, excerpt, maintainers, instructions, kernel },
    ...(run ? reproduceOf(run) : { reproduce: undefined, unsupported: undefined }),
  }
  return details
}

async function manifestOf(lab: Lab, id: string | null | undefined): Promise<Manifest | undefined> {
  if (!id) return undefined
  const found = (await new KernelStore(lab.paths.cache).list()).find(
    ({ manifest }) => manifest.id === id,
  )
  return found?.manifest
}

function reproduceOf(run: RunRow): Pick<ReportDetails, 'reproduce' | 'unsupported'> {
  const asked = requestOfRow(run)
  const { qemuArgs = [] } = asked?.request.vm.machine ?? {}
  const { unkept = [] } = asked ?? {}
  const remarks = [
    ...(qemuArgs.length === 0
      ? []
      : [
          `unsupported: QEMU was given arguments of the user's own (--qemu-arg): ${qemuArgs.map(shellWord).join(' ')}`,
        ]),
    ...(unkept.length === 0
      ? []
      : [`values are not kept: ${unkept.join(', ')} must be in the environment`]),
  ]
  return {
    reproduce: asked && commandLineOf(asked.request, asked.input),
    unsupported: remarks.length === 0 ? undefined : `# ${remarks.join('; ')}`,
  }
}

const MAINTAINERS_LIMIT_MS = 10_000

async function maintainersOf(tree: string, file: string): Promise<string[]> {
  const script = join(tree, 'scripts', 'get_maintainer.pl')
  if (!existsSync(script) || placeInTree(tree, file) === undefined) return []
  const { exit, stdout } = await runProgram(
    'perl',
    [script, '--no-git', '--no-git-fallback', '-f', file],
    { cwd: tree, timeoutMs: MAINTAINERS_LIMIT_MS },
  )
  return exit.kind === 'exited' && exit.code === 0
    ? stdout.split('\n').filter((line) => line !== '')
    : []
}

/** So many instructions before the one in question, and behind it. */
const AROUND = { before: 8, behind: 4 }

/** The instructions of the `Code:` line, by objdump. */
async function instructionsOf(text: string): Promise<ReportDetails['instructions']> {
  const code = codeBytesOf(text)
  if (!code) return []
  const dir = await mkdtemp(join(tmpdir(), 'klab-code-'))
  try {
    const path = join(dir, 'code')
    await writeFile(path, code.bytes)
    for (let start = 0; start <= Math.min(code.arch.longest, code.at); start++) {
      const { exit, stdout } = await runProgram('objdump', [
        ...['-D', '-w', '--no-show-raw-insn', '-b', 'binary', '-m', code.arch.objdump],
        ...[`--start-address=${start}`, path],
      ])
      if (exit.kind !== 'exited' || exit.code !== 0) return []
      const all = readDisassembly(stdout)
      const here = all.findIndex(({ offset }) => offset === code.at)
      if (here < 0) continue
      return all
        .slice(Math.max(0, here - AROUND.before), here + AROUND.behind + 1)
        .map(({ offset, text: one }) => ({ text: one, isHere: offset === code.at }))
    }
    return []
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}
