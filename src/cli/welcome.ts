import { joined, messageOf, shown } from '../base/index.ts'
import { firstLook } from '../lab/index.ts'
import { lookingLab } from './lab.ts'
import { DOCS } from './own-files.ts'
import { out } from './render/print.ts'

type Step = readonly [command: string, meaning: string]

/** What `klab` alone says: what it is, and the first three commands, by where one stands. Asking for nothing is no error. */
export async function welcome(): Promise<number> {
  const steps = await firstSteps()
  const width = Math.max(...steps.map(([command]) => command.length))
  const lines = steps.map(([command, meaning]) => `  ${command.padEnd(width)}  ${meaning}`)
  out.line(shown`klab builds a Linux kernel, boots it in a fresh VM, runs anything in it, and says what happened.

To begin:
${joined(lines, '\n')}

All commands: klab --help. Documentation: ${DOCS}/getting-started.md`)
  return 0
}

async function firstSteps(): Promise<Step[]> {
  try {
    const [lab, { lookAround }] = await Promise.all([lookingLab(), firstLook()])
    const { tree, image, missing } = await lookAround(lab)
    const kernel = tree === undefined ? ` --kernel ${image ?? 'FILE'}` : ''
    const of = tree === undefined ? 'a ready-made kernel' : `the kernel of ${tree}`
    const first: Step =
      missing === undefined
        ? ['klab doctor', 'what klab can use on this machine']
        : ['klab doctor --fix', `there is no ${missing} here: installs what is missing`]
    const run: Step = [`klab run${kernel}`, `a shell on ${of}, in a fresh VM`]
    const start: Step = [`klab start box${kernel}`, 'a VM that stays: klab exec box -- COMMAND']
    return missing === undefined ? [run, start, first] : [first, run, start]
  } catch (error) {
    return [['klab config validate', messageOf(error).split('\n')[0] ?? '']]
  }
}
