import { expect, test } from 'vitest'

import { adjustBase } from './adjust-base.ts'
import { isWholeConfig } from './config-base.ts'
import { parseConfig } from './kconfig.ts'

const HEADER =
  '#\n# Automatically generated file; DO NOT EDIT.\n# Linux/x86 6.1.0 Kernel Configuration\n#\n'
const many = Array.from({ length: 500 }, (_, n) => `CONFIG_X${n}=y\n`).join('')

test.each([
  ['as Kconfig writes it', HEADER + many, true],
  ['without its head', `CONFIG_A=y\nCONFIG_CC_VERSION_TEXT="gcc"\n${many}`, true],
  ['cut down to a few options', `${HEADER}CONFIG_A=y\n`, false],
  ['a long fragment', many, false],
])('a configuration %s is whole: %s', (_, text, isWhole) => {
  expect(isWholeConfig(text)).toBe(isWhole)
})

const DISTRIBUTION = `CONFIG_SYSTEM_TRUSTED_KEYS="debian/certs/a.pem"
CONFIG_SYSTEM_REVOCATION_KEYS="certs/there.pem"
CONFIG_MODULE_SIG_KEY="/etc/keys/private.pem"
CONFIG_DEBUG_INFO_BTF=y
CONFIG_INITRAMFS_SOURCE=""
`

test('what another machine cannot build of a configuration is switched off, with a reason each', () => {
  const { options, notes } = adjustBase(parseConfig(DISTRIBUTION), {
    source: 'their.config',
    hasFile: (path) => path === 'certs/there.pem',
    hasProgram: () => false,
  })
  expect(options.map(({ name, value }) => [name, value])).toEqual([
    ['SYSTEM_TRUSTED_KEYS', '""'],
    ['MODULE_SIG_KEY', '"certs/signing_key.pem"'],
    ['DEBUG_INFO_BTF', 'n'],
  ])
  expect(notes).toEqual([
    'CONFIG_SYSTEM_TRUSTED_KEYS of their.config names debian/certs/a.pem, which is not here: it is "" now',
    'CONFIG_MODULE_SIG_KEY of their.config names /etc/keys/private.pem, which is not here: it is "certs/signing_key.pem" now',
    'CONFIG_DEBUG_INFO_BTF of their.config needs pahole, which is not installed: it is switched off',
  ])
})

test('on a machine that has all of it, a configuration stays as it is', () => {
  const surroundings = { source: 'x', hasFile: () => true, hasProgram: () => true }
  expect(adjustBase(parseConfig(DISTRIBUTION), surroundings).options).toEqual([])
})
