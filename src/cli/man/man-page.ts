import type { Argument, Command, Option } from 'commander'

import { afterHelp, type Note } from './after-help.ts'
import { describeOption } from '../render/help.ts'
import { bold, italic, item, literal, section, subsection, text, verbatim } from './roff.ts'

/** A page of the manual, ready to be written. */
export interface ManPage {
  /** `klab-run.1`. */
  readonly file: string
  readonly roff: string
}

/** klab(1), and a page for each command that people use. */
export function manPages(program: Command, version: string): ManPage[] {
  const commands = commandsOf(program)
  return [
    page('klab', version, mainPage(program)),
    ...commands.map((command) => page(`klab-${command.name()}`, version, commandPage(command))),
  ]
}

function page(name: string, version: string, lines: readonly string[]): ManPage {
  // Without a date: what is built twice is the same twice.
  const head = `.TH ${name.toUpperCase()} 1 "" "klab ${version}" "klab"`
  return { file: `${name}.1`, roff: [head, ...lines, ''].join('\n') }
}

function mainPage(program: Command): string[] {
  const groups = Map.groupBy(commandsOf(program), (command) => command.helpGroup())
  const commands = [...groups].flatMap(([group, all]) =>
    subsection(
      group.replace(/:$/, ''),
      all.flatMap((command) => item(bold(`klab ${command.name()}`), summaryOf(command))),
    ),
  )
  const seeAlso = commandsOf(program).map((command) => `${bold(`klab-${command.name()}`)}(1)`)
  return [
    ...section('NAME', [`klab \\- ${text('a Linux kernel lab')}`]),
    ...section('SYNOPSIS', [`${bold('klab')} ${italic('command')} [${italic('options')}]`]),
    ...section('DESCRIPTION', [text(sentence(program.description()))]),
    ...section('COMMANDS', commands),
    ...section('OPTIONS', optionItems(program)),
    ...section(
      'ENVIRONMENT',
      ENVIRONMENT.flatMap(([name, about]) => item(bold(name), about)),
    ),
    ...section(
      'FILES',
      FILES.flatMap(([name, about]) => item(italic(name), about)),
    ),
    ...section(
      'EXIT STATUS',
      EXIT_CODES.flatMap(([code, about]) => item(bold(code), about)),
    ),
    ...notes(afterHelp(program).filter(({ title }) => title === 'Examples')),
    ...section('SEE ALSO', [seeAlso.join(',\n')]),
  ]
}

const ENVIRONMENT = [
  ['KLAB_HOME', 'one directory for all that klab keeps: configuration, cache, state, sockets'],
  [
    'KLAB_*',
    'every setting has a variable: machine.bootTimeout is KLAB_MACHINE_BOOT_TIMEOUT (klab config list)',
  ],
  ['XDG_CONFIG_HOME, XDG_CACHE_HOME, XDG_STATE_HOME, XDG_RUNTIME_DIR', 'where else it keeps them'],
  ['NO_COLOR', 'no colours'],
  ['VISUAL, EDITOR', 'what klab config edit opens'],
] as const

const FILES = [
  ['klab.yaml', 'the configuration of a project, looked for upwards from the current directory'],
  ['~/.config/klab/config.yaml', 'the configuration of the user'],
  ['~/.cache/klab', 'kernels, build directories, templates'],
  ['~/.local/state/klab', 'runs, their consoles and dumps, and VMs that stay'],
] as const

const EXIT_CODES = [
  ['0', 'it was done; of klab run and exec, the command ended with 0'],
  ['others', "of klab run and exec: the command's own; 128+n when a signal ended it"],
  ['2', 'wrong usage'],
  ['100', 'the kernel crashed'],
  ['124', 'time-out or hang'],
  ['125', 'it could not be done: build, boot or machine failed'],
] as const

function commandPage(command: Command): string[] {
  const subcommands = commandsOf(command)
  return [
    ...section('NAME', [`klab\\-${literal(command.name())} \\- ${text(summaryOf(command))}`]),
    ...section('SYNOPSIS', [
      ...(isUsedItself(command) ? [synopsis(command)] : []),
      ...subcommands.flatMap((sub) => ['.br', synopsis(sub)]).slice(isUsedItself(command) ? 0 : 1),
    ]),
    ...section('DESCRIPTION', [text(sentence(command.description()))]),
    ...section('ARGUMENTS', argumentItems(command)),
    ...section('OPTIONS', isUsedItself(command) ? optionItems(command) : []),
    ...section(
      'COMMANDS',
      subcommands.flatMap((sub) =>
        subsection(`klab ${command.name()} ${sub.name()}`, [
          text(sentence(sub.description())),
          ...argumentItems(sub),
          ...optionItems(sub),
        ]),
      ),
    ),
    ...notes([afterHelp(command), ...subcommands.map(afterHelp)].flat()),
    ...section('SEE ALSO', [`${bold('klab')}(1)`]),
  ]
}

/** Not only a name before those of its commands. */
function isUsedItself({ options, registeredArguments, commands }: Command): boolean {
  return commands.length === 0 || options.length > 0 || registeredArguments.length > 0
}

/** Those that people use. */
function commandsOf(command: Command): Command[] {
  const visible = command.createHelp().visibleCommands(command)
  return visible.filter((one) => one.name() !== 'help')
}

function summaryOf(command: Command): string {
  return command.summary() || command.description()
}

/** Descriptions begin in small letters and end without a stop, as lists want them. */
function sentence(words: string): string {
  return `${words.charAt(0).toUpperCase()}${words.slice(1)}.`
}

function synopsis(command: Command): string {
  const names: string[] = []
  for (let one: Command | null = command; one; one = one.parent) names.unshift(one.name())
  const args = command.registeredArguments.map((argument) => {
    const name = italic(argument.name()) + (argument.variadic ? ' ...' : '')
    return argument.required ? name : `[${name}]`
  })
  const options = command.options.length > 0 ? [`[${italic('options')}]`] : []
  return [bold(names.join(' ')), ...options, ...args].join(' ')
}

function argumentItems({ registeredArguments }: Command): string[] {
  const described = registeredArguments.filter(({ description }) => description !== '')
  return described.flatMap((argument) => item(italic(argument.name()), aboutArgument(argument)))
}

function aboutArgument({ description, argChoices }: Argument): string {
  return argChoices ? `${description} (${argChoices.join(', ')})` : description
}

function optionItems(command: Command): string[] {
  // --help says what the page says.
  const all = command
    .createHelp()
    .visibleOptions(command)
    .filter(({ long }) => long !== '--help')
  const groups = Map.groupBy(all, ({ helpGroupHeading = '' }) => helpGroupHeading)
  return [...groups].flatMap(([group, options]) => {
    const items = options.flatMap((option) => item(term(option), describeOption(option)))
    return group === '' ? items : subsection(group.replace(/:$/, ''), items)
  })
}

function term({ short, long, flags }: Option): string {
  const placeholder = /[<[].*[>\]]/.exec(flags)?.[0]
  const names = [short, long].filter((one) => one !== undefined).map(bold)
  return `${names.join(', ')}${placeholder === undefined ? '' : ` ${italic(placeholder.slice(1, -1))}`}`
}

const SECTIONS: Readonly<Record<string, string>> = {
  'Exit codes': 'EXIT STATUS',
  Examples: 'EXAMPLES',
}

function notes(all: readonly Note[]): string[] {
  const sections = Map.groupBy(all, ({ title }) => SECTIONS[title] ?? 'NOTES')
  return ['EXIT STATUS', 'NOTES', 'EXAMPLES'].flatMap((title) =>
    section(
      title,
      (sections.get(title) ?? []).flatMap(({ lines }) =>
        title === 'EXAMPLES' ? verbatim(lines) : ['.PP', text(lines.join('\n'))],
      ),
    ),
  )
}
