import { Help, type HelpConfiguration, type Option } from 'commander'

/** Longer terms stand on a line of their own: one long option must not push all descriptions off the screen. */
const MAX_TERM = 24

/** How klab shows its help: groups as the commands have them, and in the list of all commands one line for each. */
export const helpStyle: HelpConfiguration = {
  subcommandTerm(command) {
    const isTop = command.parent?.parent === null
    const args = command.registeredArguments.map((argument) =>
      argument.required ? `<${argument.name()}>` : `[${argument.name()}]`,
    )
    return isTop ? command.name() : [command.name(), ...args].join(' ')
  },
  optionDescription: describeOption,
  padWidth(command, helper) {
    return Math.min(MAX_TERM, Help.prototype.padWidth.call(helper, command, helper))
  },
  formatItem(...[term, termWidth, description, helper]: Parameters<Help['formatItem']>) {
    const item = (text: string) =>
      Help.prototype.formatItem.call(helper, text, termWidth, description, helper)
    return term.length <= termWidth ? item(term) : `  ${term}\n${item('')}`
  },
}

/** What is said of an option, and its default, unless that is nothing. */
export function describeOption(option: Option): string {
  const { description, defaultValue, argChoices } = option
  const isNothing = defaultValue === undefined || Array.isArray(defaultValue) || option.negate
  const extra = [
    ...(argChoices ? [argChoices.join(', ')] : []),
    ...(isNothing ? [] : [`default: ${String(defaultValue)}`]),
  ]
  return extra.length === 0 ? description : `${description} (${extra.join('; ')})`
}
