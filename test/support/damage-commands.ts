import type { Names } from './sound-home.ts'

/** A command that is given to a klab whose home is damaged, and the codes with which it may answer beside 0, 2 and 125. */
export interface Given {
  readonly args: readonly string[]
  /** Whatever is damaged, it does what it is asked for, if that is there. */
  readonly alwaysWorks?: true
}

/** The commands that read or write what klab keeps, all but those that boot. */
export function commandsFor({ kernel, run, crash, template }: Names): readonly Given[] {
  const looking = [
    ['ps'],
    ['ps', '--json'],
    ['stats', '--no-stream'],
    ['status', 'box'],
    ['logs', 'box'],
    ['snapshot', 'ls', 'box'],
    ['runs'],
    ['runs', 'show', run],
    ['runs', 'show', run, '--console'],
    ['runs', 'show', run, '--output'],
    ['logs', 'analyse', run],
    ['crash', 'ls'],
    ['crash', 'show', crash],
    ['crash', 'runs', crash],
    ['crash', 'export', crash, '-o', 'bug.tar.gz'],
    ['kernel', 'ls'],
    ['kernel', 'show', kernel],
    ['template', 'ls'],
    ['template', 'show', template],
    ['config', 'list'],
    ['config', 'validate'],
    ['ssh-config'],
    ['completion', 'bash'],
  ]
  const changing = [
    ['runs', 'prune', '--keep', '1'],
    ['kernel', 'clean'],
    ['template', 'prune'],
    ['rename', 'box', 'crate'],
    ['rm', 'box'],
    ['snapshot', 'rm', 'box', 'one'],
    ['restore', 'box', 'one'],
    ['config', 'set', '--user', 'machine.cpus', '1'],
  ]
  const always = [
    ['rm', '--force', 'box'],
    ['kernel', 'rm', kernel],
    ['template', 'rm', template],
    ['runs', 'rm', run],
    ['crash', 'rm', crash],
  ]
  return [
    ...[...looking, ...changing].map((args) => ({ args })),
    ...always.map((args) => ({ args, alwaysWorks: true as const })),
  ]
}
