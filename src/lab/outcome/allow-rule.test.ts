import { expect, test } from 'vitest'

import { AllowRules, askedFor } from './allow-rule.ts'

const report = (text: string) => ({ title: 'WARNING in foo', text, fingerprint: 'abc' })
const reasonOf = async (pattern: string, text: string) => {
  const rules = await AllowRules.of([{ report: pattern, reason: 'known' }])
  return rules.reasonFor(report(text))
}

test.each([
  ['^WARNING in \\w+', ''],
  ['foo\\+0x1', 'RIP: foo+0x1/0x2'],
  ['(?i)rip: FOO', 'RIP: foo+0x1/0x2'],
  ['\\bfoo\\b.*\\u0041', 'A'.repeat(3)],
  ['[^\\]]x|(?<name>foo)', ''],
])('%s is found in a title or a text', async (pattern, text) => {
  expect(await reasonOf(pattern, `${text}\nfoo A`)).toBe('known')
  expect(await reasonOf('bar', text)).toBeUndefined()
})

test.each(['(a+)+$', '(a|a)*!', '(?:a.*){12}b', '^(a?){200}a{200}!'])(
  'what a guest writes takes no time by the pattern %s',
  async (pattern) => {
    expect(await reasonOf(pattern, `${'a'.repeat(256 * 1024)}\u0000`)).toBeUndefined()
  },
)

test('a crash that is known by its id needs no expression', async () => {
  const rules = await AllowRules.of([{ crash: 'abc', reason: 'ours' }])
  expect(rules.reasonFor(report(''))).toBe('ours')
})

test.each([
  ['(?=a)b', /--allow-report \(\?=a\)b is not a valid regular expression: .*no look-around/],
  ['(a)\\1', /invalid escape sequence: `\\1` \(RE2, so .*no back-references/],
  ['a{1001}', /invalid repeat count/],
  ['(', /missing closing \)/],
])('%s is refused, and why', async (pattern, why) => {
  await expect(askedFor([pattern])).rejects.toThrow(why)
  await expect(AllowRules.of([{ report: pattern, reason: 'old' }])).rejects.toThrow(
    /a rule of run.allowReports is not a valid/,
  )
})
