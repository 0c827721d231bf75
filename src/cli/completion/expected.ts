import type { Argument, Command, Option } from 'commander'

import { meaningOf, type Meaning } from './kinds.ts'

export interface Candidate {
  readonly word: string
  readonly about: string
}

/** What the last word of a command line may be. */
export interface Expected {
  /** Commands, options and choices. */
  readonly candidates: readonly Candidate[]
  /** What else it may stand for. */
  readonly kinds: Meaning['kinds']
  /** Stands before it in the same word: `--net=`. */
  readonly prefix: string
  /** The arguments before it. */
  readonly given: readonly string[]
}

/** Reads a command line as commander would, by commander's own commands and options, up to its last word. */
export function expectedAt(root: Command, words: readonly string[]): Expected {
  const line = readLine(root, words.slice(0, -1))
  const last = words.at(-1) ?? ''
  if (line.open) return valuesOf(line, line.open, '')
  if (line.isOver || !last.startsWith('-')) return argumentsAt(line, last)
  const [, prefix, name] = /^((--[^=]+)=)/.exec(last) ?? []
  if (name === undefined || prefix === undefined) return { ...nothing(line), ...optionsOf(line) }
  const option = findOption(line.command, name)
  return option ? valuesOf(line, option, prefix) : nothing(line)
}

/** A command line, as far as it goes. */
interface Line {
  readonly command: Command
  readonly given: readonly string[]
  readonly used: ReadonlySet<Option>
  /** It waits for its value. */
  readonly open: Option | undefined
  /** No option can follow. */
  readonly isOver: boolean
}

function readLine(root: Command, words: readonly string[]): Line {
  let line = begin(root)
  for (const word of words) line = readWord(line, word)
  return line
}

function begin(command: Command): Line {
  return { command, given: [], used: new Set(), open: undefined, isOver: false }
}

function readWord(line: Line, word: string): Line {
  const { command, given, used, open, isOver } = line
  if (open) return { ...line, open: undefined }
  if (!isOver && word === '--') return { ...line, isOver: true }
  if (!isOver && word.startsWith('-') && word !== '-') {
    const option = findOption(command, word.split('=')[0] ?? '')
    const takesNext = option?.required && !word.includes('=')
    return {
      ...line,
      used: option ? new Set([...used, option]) : used,
      open: takesNext ? option : undefined,
    }
  }
  const sub = given.length === 0 && !isOver ? findSubcommand(command, word) : undefined
  if (sub) return begin(sub)
  const more = [...given, word]
  return { ...line, given: more, isOver: isOver || startsCommand(command, given.length) }
}

/** From its first word on, all that follows belongs to the command to be run. */
function startsCommand(command: Command, index: number): boolean {
  return argumentAt(command, index)?.name() === 'command'
}

function findSubcommand(command: Command, word: string): Command | undefined {
  // klab help COMMAND
  if (command.parent === null && word === 'help') return command
  return command.commands.find((one) => one.name() === word)
}

function findOption({ options }: Command, flag: string): Option | undefined {
  return options.find(({ long, short }) => long === flag || short === flag)
}

function argumentAt({ registeredArguments: all }: Command, index: number): Argument | undefined {
  const last = all.at(-1)
  return all[index] ?? (last?.variadic ? last : undefined)
}

function nothing({ given }: Line): Expected {
  return { candidates: [], kinds: [], prefix: '', given }
}

function valuesOf(line: Line, option: Option, prefix: string): Expected {
  // From the first bracket to the last: there are brackets in some placeholders.
  const placeholder = /[<[](.*)[>\]]/.exec(option.flags)?.[1] ?? ''
  const { kinds, words } = meaningOf(placeholder)
  const all = [...(option.argChoices ?? []), ...words]
  return { ...nothing(line), candidates: all.map((word) => ({ word, about: '' })), kinds, prefix }
}

function argumentsAt(line: Line, last: string): Expected {
  const { command, given, isOver } = line
  const { length: awaited } = command.registeredArguments
  const argument = argumentAt(command, given.length)
  const subcommands = given.length === 0 && !isOver ? visible(command) : []
  const { kinds, words } = meaningOf(argument?.name() ?? '')
  const choices = [...(argument?.argChoices ?? []), ...words].map((word) => ({ word, about: '' }))
  const found = { ...nothing(line), candidates: [...subcommands, ...choices], kinds }
  const withOptions = { ...nothing(line), ...optionsOf(line) }
  const mayBeOption = last === '' && !isOver
  if (argument?.name() === 'command') {
    // After the first word of a command come its arguments.
    if (given.length >= awaited) return { ...found, kinds: [{ shell: 'files' }] }
    // All programs that there are help nobody.
    return mayBeOption ? withOptions : found
  }
  const isDone = !argument && given.length === awaited && subcommands.length === 0
  return isDone && mayBeOption ? withOptions : found
}

function visible(command: Command): Candidate[] {
  return command
    .createHelp()
    .visibleCommands(command)
    .map((one) => ({ word: one.name(), about: one.summary() || one.description() }))
}

/** Options that have not been given, or that may be given again. */
function optionsOf({ command, used }: Line): Pick<Expected, 'candidates'> {
  const all = command
    .createHelp()
    .visibleOptions(command)
    .filter((option) => !used.has(option) || Array.isArray(option.defaultValue))
  return {
    candidates: all.map(({ long, short, description }) => ({
      word: long ?? short ?? '',
      about: description,
    })),
  }
}
