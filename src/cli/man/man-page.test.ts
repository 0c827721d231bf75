import { describe, expect, test } from 'vitest'

import { findProgram, run } from '../../host/index.ts'
import { commandTree } from '../command-tree.ts'
import { manPages } from './man-page.ts'
import { literal, text } from './roff.ts'
import { HOSTILE } from '../../../test/support/hostile-text.ts'

const program = await commandTree(undefined, () => undefined)
const pages = manPages(program, '1.2.3')
const page = (file: string) => pages.find((one) => one.file === file)?.roff ?? ''

describe('the pages of the manual', () => {
  test('are one for klab and one for each command of its help', () => {
    const names = program
      .createHelp()
      .visibleCommands(program)
      .map((command) => command.name())
    const commands = names.filter((name) => name !== 'help')
    expect(pages.map(({ file }) => file)).toEqual([
      'klab.1',
      ...commands.map((name) => `klab-${name}.1`),
    ])
    for (const name of commands) expect(page('klab.1')).toContain(`\\fBklab ${literal(name)}\\fR`)
  })

  test('have every option, exit codes and examples', () => {
    const roff = page('klab-run.1')
    const command = program.commands.find((one) => one.name() === 'run')
    for (const { long } of command?.options ?? [])
      expect(roff).toContain(`\\fB${literal(long ?? '')}`)
    expect(roff).toMatch(/^\.SH EXIT STATUS$[^]*128\+n[^]*^\.SH EXAMPLES$/m)
    expect(roff).toContain('klab run \\-\\-repeat 100 \\-\\-jobs 4 \\-\\-until\\-failure')
  })

  test('have the commands below a command', () => {
    expect(page('klab-crash.1')).toMatch(/^\.SS "klab crash export"$[^]*\\fB\\-\\-dump\\fR/m)
  })

  test.skipIf(findProgram('groff', process.env['PATH']) === undefined)(
    'are what groff takes without a warning',
    async () => {
      const args = ['-man', '-Tutf8', '-ww', '-z']
      const all = await Promise.all(pages.map(({ roff }) => run('groff', args, { input: roff })))
      expect(all.map(({ stderr }) => stderr).join('')).toBe('')
    },
  )
})

test.each([
  ['.so a line', '\\&.so a line'],
  ["first\n'second", "first\n\\&'second"],
  ['C:\\x', 'C:\\ex'],
  ['bad … end', 'bad \\[u2026] end'],
])('prose %j is written %j', (words, written) => expect(text(words)).toBe(written))

test('what is to be typed can be copied from the page', () => {
  expect(literal("-x 'a' `b` ~/c ^")).toBe('\\-x \\(aqa\\(aq \\(gab\\(ga \\(ti/c \\(ha')
})

test('words of a page are neither requests nor escapes of roff, whatever they are', () => {
  for (const words of [text(HOSTILE), literal(HOSTILE)]) expect(words).toMatch(/^[\n -~]*$/)
  for (const words of [".so /etc/passwd\n'br", '\\X"x"'])
    expect(text(words)).toMatch(/^(?:\\&[.'].*\n?)+$|^\\eX"x"$/)
})
