import { Argument, type Command } from 'commander'

import { block, joined } from '../../base/index.ts'

import { completionLines } from '../completion/complete.ts'
import { out } from '../render/print.ts'
import { COMPLETION_SCRIPTS } from '../completion/scripts.ts'

type Shell = keyof typeof COMPLETION_SCRIPTS

const HELP = `
Commands, options, choices, and names of VMs, kernels, runs and the like are completed.

Examples:
  source <(klab completion bash)          in ~/.bashrc; for zsh as well, in ~/.zshrc after compinit
  klab completion bash > ~/.local/share/bash-completion/completions/klab
  klab completion fish > ~/.config/fish/completions/klab.fish`

export function addCompletionCommand(program: Command, finish: (code: number) => void): void {
  program
    .command('completion')
    .description('print the script that lets your shell complete klab')
    .addArgument(new Argument('<shell>', 'the shell').choices(Object.keys(COMPLETION_SCRIPTS)))
    .addHelpText('after', HELP)
    // One of the choices.
    .action((shell: Shell) => {
      out.part(block(COMPLETION_SCRIPTS[shell]))
      finish(0)
    })
}

/** What the scripts ask. Whatever happens, a shell that waits for a key's effect must not be disturbed. */
export function addCompleteCommand(program: Command, finish: (code: number) => void): void {
  program
    .command('complete [words...]', { hidden: true })
    .passThroughOptions()
    .action(async (words: string[]) => {
      const lines = await completionLines(words).catch(() => ['none'])
      out.part(joined([...lines, ''], '\n'))
      finish(0)
    })
}
