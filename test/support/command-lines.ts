import type { Argument, Command, Option } from 'commander'

import { commandTree } from '../../src/cli/command-tree.ts'
import { COMPLETION_SCRIPTS } from '../../src/cli/completion/scripts.ts'
import { NAME, FINGERPRINTS, KERNEL, RUNS, TEMPLATE } from './hostile-home.ts'

/** What stands for each placeholder of the help in a hostile home; a command with a new one needs a row here. */
const VALUES: Readonly<Record<string, readonly string[]>> = {
  vm: ['box'],
  'vm|run': ['box'],
  'dump|vm': ['box'],
  'dump|vm|run-id': [RUNS[0]],
  'file|vm|run-id': [`${NAME}.log`],
  // Not box: what cannot be started is told as its end.
  name: ['failed'],
  'new-name': ['other'],
  command: ['true'],
  from: ['box:/x'],
  to: ['.'],
  snapshot: ['before'],
  'kernel-id': [KERNEL],
  'run-id': [RUNS[0]],
  file: [`${NAME}.log`],
  crash: [FINGERPRINTS[0]],
  'other-crash': [FINGERPRINTS[1]],
  'gdb arguments': ['vmlinux'],
  'qmp-command': ['query-status'],
  arguments: ['{}'],
  setting: ['run.env'],
  value: [NAME],
  backup: [NAME],
  template: [TEMPLATE],
  shell: Object.keys(COMPLETION_SCRIPTS),
  words: ['stop', ''],
  dir: ['.'],
}

/** Commands that are not run here, and why. */
const LEFT_OUT: Readonly<Record<string, string>> = {
  keep: 'prints nothing: its events go to whoever started it, as JSON',
  switch: 'serves a socket until nobody is there',
  'ssh-proxy': 'what it prints is the protocol of ssh',
}

/** Options that do what a test must not. */
const OPTIONS_LEFT_OUT = /^--(?:fix|yes|tty|no-tty)$/

/** They change what the others show, and then take it away. */
const CHANGES = /^(?:crash ignore|rename|config (?!list|get|validate|schema)|trust --revoke) /
const REMOVES = /^(?:rm|\w+ (?:rm|prune|clean)) /

/**
 * Command lines of every command: as it is meant, with each of its options, and with a hostile name for each of its arguments and of the
 * values of its options, and an option that it does not have. From commander's own tree: what is added to that is run too.
 */
export async function allCommandLines(): Promise<string[][]> {
  const tree = await commandTree(undefined, () => undefined)
  const lines = leaves(tree, []).flatMap(({ command, path }) =>
    path.join(' ') in LEFT_OUT ? [] : linesOf(command, path),
  )
  const whole = [[], ['--help'], [NAME], [`--${NAME}`], ...lines]
  const turnOf = (line: readonly string[]) =>
    [CHANGES, REMOVES].findIndex((some) => some.test(`${line.join(' ')} `))
  return [-1, 0, 1].flatMap((turn) => whole.filter((line) => turnOf(line) === turn))
}

interface Leaf {
  readonly command: Command
  readonly path: readonly string[]
}

function leaves(command: Command, path: readonly string[]): Leaf[] {
  const below = command.commands
    .filter((one) => one.name() !== 'help')
    .flatMap((one) => leaves(one, [...path, one.name()]))
  const takesPart =
    path.length > 0 && (below.length === 0 || command.registeredArguments.length > 0)
  return [...below, ...(takesPart || path.join(' ') === 'runs' ? [{ command, path }] : [])]
}

function linesOf(command: Command, path: readonly string[]): string[][] {
  const { registeredArguments: args, options } = command
  const usual = args.map((argument) => valuesOf(argument)[0] ?? '')
  const withWords = (words: readonly string[], more: readonly string[] = []) => [
    ...[...path, ...more],
    ...(words.length > 0 && args.at(-1)?.name() === 'command' ? ['--'] : []),
    ...words,
  ]
  return [
    withWords(usual),
    withWords([], [`--${NAME}`]),
    ...args.flatMap((argument, at) =>
      [NAME, ...valuesOf(argument).slice(1)].map((value) => withWords(usual.with(at, value))),
    ),
    ...options
      .filter(({ long }) => !OPTIONS_LEFT_OUT.test(long ?? ''))
      .flatMap((option) => choicesOf(option).map((words) => withWords(usual, words))),
  ]
}

function valuesOf(argument: Argument): readonly string[] {
  const values = VALUES[argument.name()]
  if (!values) throw new Error(`VALUES has nothing for <${argument.name()}>`)
  return values
}

/** The option with each of its choices, and with a hostile value. */
function choicesOf({ long, short, flags, argChoices = [] }: Option): string[][] {
  const flag = long ?? short ?? ''
  const [, placeholder] = /[<[](.*)[>\]]/.exec(flags) ?? []
  if (placeholder === undefined) return [[flag]]
  const words = placeholder.split('|').filter((word) => /^[\w-]+$/.test(word))
  const choices = words.length > 1 ? words : argChoices
  return [...choices, NAME].map((value) => [flag, value])
}

/** Hostile words of a command line as it is meant. */
export const NAMED_HERE = [`${NAME}.log`]
