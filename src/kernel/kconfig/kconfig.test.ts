import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, expect, test } from 'vitest'

import { explainLost } from './kconfig-explain.ts'
import { unmetParts } from './kconfig-expression.ts'
import { readKconfig } from './kconfig-tree.ts'
import { formatFragment, lostOptions, parseAssignment, parseConfig } from './kconfig.ts'

test('a .config is read with what is not set', () => {
  expect([
    ...parseConfig('CONFIG_A=y\n# CONFIG_B is not set\nCONFIG_C="x y"\n# comment\n'),
  ]).toEqual([
    ['A', 'y'],
    ['B', 'n'],
    ['C', '"x y"'],
  ])
})

test.each([
  ['CONFIG_A=y', { name: 'A', value: 'y' }],
  ['A=n', { name: 'A', value: 'n' }],
  ['A=0x10', { name: 'A', value: '0x10' }],
  ['A=text', { name: 'A', value: '"text"' }],
  ['A', undefined],
])('assignment %s', (text, expected) => expect(parseAssignment(text)).toEqual(expected))

test('the last word on an option wins, and is what is verified', () => {
  const wanted = [
    { name: 'A', value: 'y', source: 'one' },
    { name: 'A', value: 'n', source: 'two' },
    { name: 'B', value: 'y', source: 'one' },
  ].map((option) => ({ ...option, by: 'file' as const }))
  expect(formatFragment(wanted)).toBe('# CONFIG_A is not set\nCONFIG_B=y\n')
  expect(lostOptions(wanted, new Map([['B', 'm']])).map(({ name, got }) => [name, got])).toEqual([
    ['B', 'm'],
  ])
})

const values = new Map([
  ['A', 'y'],
  ['B', 'n'],
  ['N', '64'],
])
test.each([
  ['A', []],
  ['A && B', ['B (=n)']],
  ['B || C', ['B (=n) or C (=n)']],
  ['A || B', []],
  ['!A', ['!A (A=y)']],
  ['(A && !B) || C', []],
  ['N < 32', ['N<32']],
  ['B && $(cc-option,-mfoo)', ['B (=n)']],
])('what is unmet of %s', (condition, expected) =>
  expect(unmetParts(condition, values)).toEqual(expected),
)

const dir = mkdtempSync(join(tmpdir(), 'klab-kconfig-'))
afterAll(() => rmSync(dir, { recursive: true }))

const FILES = {
  Kconfig: 'source "arch/$(SRCARCH)/Kconfig"\nsource "lib/Kconfig"\n',
  'arch/x86/Kconfig': 'config X86\n\tdef_bool y\n',
  'lib/Kconfig': `menuconfig NET
	bool "Networking"
	help
	  depends on nothing of this text

if NET
config WIFI
	tristate "Wireless"
	depends on RADIO && \\
		!PLANE
endif
config LIBTHING
	bool
config USER
	bool "user"
	select LIBTHING
config ONLYBOOL
	bool "b"
`,
}

test('a lost option is explained by its unmet dependency and the value of it', () => {
  for (const [file, text] of Object.entries(FILES)) {
    mkdirSync(dirname(join(dir, file)), { recursive: true })
    writeFileSync(join(dir, file), text)
  }
  const tree = readKconfig(dir, 'x86')
  const final = new Map([
    ['NET', 'n'],
    ['PLANE', 'y'],
    ['USER', 'y'],
    ['LIBTHING', 'y'],
  ])
  const explain = (name: string, value: string, got?: string) =>
    explainLost({ name, value, got, source: 'x.config', by: 'file' }, tree, final)
  expect(explain('WIFI', 'm')).toBe(
    'CONFIG_WIFI=m (asked for by x.config) became n: it depends on NET (=n), RADIO (=n), !PLANE (PLANE=y) (lib/Kconfig:7)',
  )
  expect(explain('LIBTHING', 'n', 'y')).toContain('it is selected by USER')
  expect(explain('ONLYBOOL', 'm')).toContain('it can only be y or n')
  expect(explain('WIFY', 'y')).toContain('no such symbol in this tree; did you mean WIFI?')
})
