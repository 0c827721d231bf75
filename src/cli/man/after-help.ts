import type { Command } from 'commander'

/** A paragraph that a command has after its options. */
export interface Note {
  /** `Examples`, `Exit codes`; empty for one that has no heading. */
  readonly title: string
  readonly lines: readonly string[]
}

/** What a command's help says after its options: commander keeps that as something to be printed. */
export function afterHelp(command: Command): Note[] {
  const printed: string[] = []
  const before = command.configureOutput()
  command.configureOutput({ writeOut: (text) => printed.push(text) })
  command.outputHelp()
  command.configureOutput(before)
  return printed
    .slice(1)
    .join('')
    .split(/\n\s*\n/)
    .map((paragraph) => paragraph.replaceAll(/^\n+|\s+$/g, ''))
    .filter((paragraph) => paragraph !== '')
    .map(noteOf)
}

function noteOf(paragraph: string): Note {
  const [, title, rest] = /^(Examples|Exit codes): ?\n?([^]*)$/.exec(paragraph) ?? []
  return {
    title: title ?? '',
    lines: (rest ?? paragraph).split('\n').map((line) => line.replace(/^ {2}/, '')),
  }
}
