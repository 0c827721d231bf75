import { expect, test } from 'vitest'

import { differenceOf, LogAnalysis } from './log-analysis.ts'

function analysed(...lines: string[]) {
  const analysis = new LogAnalysis()
  for (const line of lines) analysis.line(line)
  return analysis.summary()
}

const BOOT = [
  '[    0.000000][    T0] Linux version 6.1.0 (x@y)',
  '[    0.100000][    T1] Command line: root=/dev/sda1 errors=remount-ro',
  '[    0.200000][    T1] smp: Brought up 1 node, 2 CPUs',
  '[    0.900000][    T1] ata1.00: failed command: READ DMA at 0xdeadbeef12',
  '[    1.400000][    T1] ata2.00: failed command: READ DMA at 0xdeadbeef34',
  '[    1.500000][    T1] usb 1-1: device descriptor read/64, error -71',
  '[    1.600000][    T1] Run /init as init process',
  '[    1.700000][    T9] foo: deprecated option used by sh[9]',
]

test('lines that differ in numbers are one pattern, with its first place', () => {
  const { patterns, errors, warnings, lines } = analysed(...BOOT)
  expect({ errors, warnings, lines }).toEqual({ errors: 3, warnings: 1, lines: 8 })
  expect(patterns[0]).toEqual({
    pattern: 'ata#: failed command: READ DMA at #',
    class: 'error',
    source: 'ata1.00',
    count: 2,
    first: { line: 4, at: 0.9, text: 'ata1.00: failed command: READ DMA at 0xdeadbeef12' },
    seconds: expect.closeTo(0.5),
  })
  expect(patterns.map(({ source }) => source)).toContain('usb 1-1')
})

test('the stages of a boot and its longest silences are told', () => {
  const { phases, gaps } = analysed(...BOOT)
  expect(phases).toEqual([
    { name: 'kernel starts', at: 0 },
    { name: 'all CPUs are up', at: 0.2 },
    { name: 'init starts', at: 1.6 },
  ])
  expect(gaps[0]).toMatchObject({ at: 0.2, after: 'smp: Brought up 1 node, 2 CPUs' })
  expect(gaps[0]?.seconds).toBeCloseTo(0.7)
})

test('a line that nearly names its source takes no time', () => {
  const { patterns } = analysed(`[    1.000000] A 0${'_ 00'.repeat(60)}`)
  expect(patterns[0]?.source).toBe('')
})

test('a level outweighs words', () => {
  const { errors, warnings } = analysed('<6>failed is but a word', '<3>plain', '<4>plain too')
  expect({ errors, warnings }).toEqual({ errors: 1, warnings: 1 })
})

test('two logs: what is new, gone, and much more frequent', () => {
  const noisy = Array.from({ length: 3 }, (_, index) => `[    2.${index}00000] bar ${index}: reset`)
  const { added, gone, changed } = differenceOf(
    analysed(...BOOT, noisy[0] ?? ''),
    analysed(...BOOT.slice(0, 5), ...noisy, '[    3.000000] baz: failed'),
  )
  expect(added.map(({ pattern }) => pattern)).toEqual(['baz: failed'])
  expect(gone.map(({ source }) => source)).toEqual(['usb 1-1', 'foo', ''])
  expect(changed).toMatchObject([{ before: 1, pattern: { count: 3 } }])
})

test('any line takes linear time, and patterns without end do not fill memory', () => {
  const analysis = new LogAnalysis()
  for (const filler of ['a', '0', 'a:', '[1.1]', 'usb 1-1 ', 'ffffff:'])
    analysis.line(filler.repeat(1_000_000 / filler.length))
  const words = 'abcdefghij'
  for (let number = 0; number < 30_000; number++)
    analysis.line(String(number).replaceAll(/\d/g, (digit) => words[Number(digit)] ?? ''))
  expect(analysis.summary().forgotten).toBeGreaterThan(5_000)
})
