import type { Command } from 'commander'

import { joined, shown, type Shown } from '../../base/index.ts'
import {
  doctor as examination,
  exposure,
  type Diagnosis,
  type Exposure,
  type Finding,
  type Lab,
} from '../../lab/index.ts'
import { lookingLab } from '../lab.ts'
import { collect } from '../options.ts'
import { saysYes } from '../question.ts'
import { color } from '../render/color.ts'
import { err, out } from '../render/print.ts'

interface Flags {
  readonly fix?: boolean
  readonly yes?: boolean
  readonly json?: boolean
  readonly exposed?: boolean
  readonly share: readonly string[]
}

export function addDoctorCommand(program: Command, finish: (code: number) => void): void {
  program
    .command('doctor')
    .summary('what klab can use here, what is missing, and how to get it')
    .description('what klab can use on this machine, what is missing, and how to get it')
    .option('--fix', 'install what is missing; asks first')
    .option('-y, --yes', 'do not ask')
    .option('--json', 'as JSON')
    .option('--exposed', 'look for what a guest would see here that looks like a secret')
    .option(
      '--share <[ro|rw|cow[,cached]:]host[:guest]>',
      'with --exposed: as for klab run, may be repeated',
      collect,
      [],
    )
    .addHelpText(
      'after',
      '\nExit codes: 0 all is well or merely limited; 1 something is missing, or exposed.\n\nExamples:\n  klab doctor\n  klab doctor --fix\n  klab doctor --exposed --share rw:$PWD',
    )
    .action(async (flags: Flags) => finish(await (flags.exposed ? exposed(flags) : doctor(flags))))
}

/** Searches the view that a guest would get. */
async function exposed({ share, json }: Flags): Promise<number> {
  const [lab, { findExposed }] = await Promise.all([lookingLab(), exposure()])
  err.line('klab: looking through all that a guest would see; this may take minutes')
  const seen = await findExposed(lab, share)
  if (json) out.json(seen)
  else printExposed(seen)
  return seen.found.length > 0 ? 1 : 0
}

function printExposed({ found, hidden }: Exposure): void {
  const width = Math.max(0, ...found.map(({ kind }) => kind.length))
  for (const { kind, path, guest } of found) {
    const there = guest === path ? '' : ` (${guest})`
    out.line(shown`${color(kind.padEnd(width), 'yellow')}  ${path}${there}`)
  }
  out.line(
    found.length === 0
      ? `a guest sees nothing that looks like a secret; ${hidden.length} places are hidden from it`
      : shown`\n${found.length} are to be seen by a guest; to hide more, add to run.hide (klab config edit --user); ${hidden.length} places are hidden`,
  )
}

async function doctor(flags: Flags): Promise<number> {
  const [lab, { examineHost }] = await Promise.all([lookingLab(), examination()])
  let diagnosis = await examineHost(lab)
  if (flags.fix && diagnosis.packages.length > 0 && (await install(lab, diagnosis, flags))) {
    diagnosis = await examineHost(lab)
  }
  if (flags.json) out.json(diagnosis)
  else print(diagnosis)
  return diagnosis.findings.some(({ state }) => state === 'missing') ? 1 : 0
}

const MARKS = {
  ok: ['ok', 'green'],
  limited: ['limited', 'yellow'],
  missing: ['missing', 'red'],
} as const

function print({ findings, packages, manager }: Diagnosis): void {
  const width = Math.max(...findings.map(({ name }) => name.length))
  for (const finding of findings) out.line(line(finding, width))
  if (packages.length === 0) return
  out.line(
    shown`\nklab doctor --fix installs them: ${[...(manager?.install ?? []), ...packages].join(' ')}`,
  )
}

function line({ name, state, detail, purpose, without, fix }: Finding, width: number): Shown {
  const [word, tone] = MARKS[state]
  const head = shown`${color(word.padEnd(8), tone)} ${name.padEnd(width)}  ${detail}`
  if (state === 'ok') return head
  const indent = ' '.repeat(width + 11)
  return joined(
    [
      head,
      `${indent}for ${purpose}; without it: ${without}`,
      ...(fix ? [`${indent}get it: ${fix}`] : []),
    ],
    '\n',
  )
}

/** Installs with the machine's package manager, as root, after asking. Returns whether it was tried. */
async function install(lab: Lab, diagnosis: Diagnosis, { yes }: Flags): Promise<boolean> {
  const { installMissing } = await examination()
  return await installMissing(lab, diagnosis, async (command) => {
    err.line(`klab: this needs root: ${command}`)
    return (yes ?? false) || (await confirm())
  })
}

async function confirm(): Promise<boolean> {
  if (!process.stdin.isTTY) {
    err.line('klab: not a terminal, so nobody can be asked; use --yes')
    return false
  }
  return await saysYes('Install them now?')
}
