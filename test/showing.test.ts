import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { run } from '../src/host/index.ts'
import { allCommandLines, NAMED_HERE } from './support/command-lines.ts'
import { hostileHome, RUNS, WORD, type HostileHome } from './support/hostile-home.ts'
import { DANGEROUS, FORGED, HOSTILE } from './support/hostile-text.ts'
import { klab, PROGRAM } from './support/klab.ts'

const CHILD = fileURLToPath(import.meta.resolve('./support/many-child.ts'))

interface Said {
  readonly argv: readonly string[]
  readonly code: string
  readonly stdout: string
  readonly stderr: string
}

let lab: HostileHome
let all: readonly Said[] = []

beforeAll(async () => {
  lab = await hostileHome()
  all = await sayAll([...FIRST, ...(await allCommandLines()), ...MORE])
}, 600_000)

afterAll(() => lab[Symbol.dispose]())

/** Before its file is trusted, a project has nothing to show. */
const FIRST = [
  ['trust', '--json'],
  ['config', 'list'],
  ['trust', '--yes'],
]

/** What commander's tree does not know of. */
const MORE = [
  ...['crash', 'runs', 'kernel'].map((what) => ['complete', what, 'show', '']),
  ['complete', 'run', '--profile', ''],
]

/** Commands that show what is in the records and files of the hostile home. */
const SHOW_IT = [
  ...['audit', 'build', 'complete crash', 'complete run', 'complete runs', 'config backup'],
  ...[
    'config edit',
    'config get',
    'config list',
    'config unset',
    'config validate',
    'crash compare',
  ],
  ...['crash export', 'crash ignore', 'crash ls', 'crash parse', 'crash runs', 'crash show'],
  ...['kernel ls', 'kernel show', 'logs analyse', 'ps', 'run', 'runs'],
  ...['runs replay', 'runs show', 'snapshot ls', 'start', 'status', 'template ls'],
  ...['template show', 'trust', 'wait'],
]

async function sayAll(lines: readonly (readonly string[])[]): Promise<Said[]> {
  const list = join(lab.home, 'lines.json')
  writeFileSync(list, JSON.stringify(lines))
  const { stdout, stderr } = await run(process.execPath, [CHILD, list], {
    cwd: lab.project,
    env: { ...process.env, KLAB_HOME: lab.home, HOME: lab.home, EDITOR: 'true', VISUAL: 'true' },
    timeoutMs: 600_000,
  })
  const [outs, errs] = [stdout, stderr].map((text) => text.split(/\0end (\d+)\0/))
  return lines.map((argv, index) => ({
    argv,
    code: outs?.[2 * index + 1] ?? 'none',
    stdout: outs?.[2 * index] ?? '',
    stderr: errs?.[2 * index] ?? '',
  }))
}

/** What is given byte by byte, into a pipe as here. */
const isRecorded = ({ argv }: Said) =>
  (argv[0] === 'logs' && argv[1] !== 'analyse') || /--(?:console|output)$/.test(argv[2] ?? '')

const told = () => all.filter((one) => !isRecorded(one))

describe('every command, with every option and each argument hostile', () => {
  test('comes to its end, and none is a bug in klab', () => {
    const isWrong = ({ code, stderr }: Said) => code === 'none' || stderr.includes('a bug in klab')
    expect(all.filter(isWrong)).toEqual([])
  })

  test('shows nothing that is no plain text', () => {
    expect(
      told().filter(({ stdout, stderr }) => DANGEROUS.test(stdout) || DANGEROUS.test(stderr)),
    ).toEqual([])
  })

  test("puts no line into klab's mouth", () => {
    expect(
      told().filter(({ stdout, stderr }) => `\n${stdout}\n${stderr}`.includes(`\n${FORGED}`)),
    ).toEqual([])
  })

  test('is not flooded', () => {
    const lines = ({ stdout, stderr }: Said) => `${stdout}\n${stderr}`.split('\n')
    expect(all.filter((one) => lines(one).some((line) => line.length > 20_000))).toEqual([])
  })

  test('as JSON says all, and JSON it is', () => {
    const asJson = all.filter(
      ({ argv, code }) =>
        ['0', '3'].includes(code) && argv.some((word) => /^(?:--json|json|sarif)$/.test(word)),
    )
    const parsed = asJson.map(({ argv, stdout }) => [argv[0], JSON.parse(stdout) as unknown])
    const hostile = parsed.filter(([, value]) =>
      wordsIn(value).some((word) => word.includes(HOSTILE)),
    )
    const commands = new Set(hostile.map(([command]) => command))
    expect(commands).toEqual(
      new Set(['config', 'crash', 'kernel', 'ps', 'runs', 'snapshot', 'status', 'template']),
    )
  })

  test('is shown what is hostile: a command that shows nothing of it proves nothing', () => {
    const shows = all.filter(({ argv, stdout, stderr }) => {
      const isAsked = argv.some((word) => word.includes('\u001b') && !NAMED_HERE.includes(word))
      return !isAsked && /(?:\\x1b|\\u001b|\\033)\\?\[2J/.test(stdout + stderr)
    })
    const names = new Set(
      shows.map(({ argv }) =>
        argv
          .slice(0, 2)
          .join(' ')
          .replace(/ (?:-.*|box|\S*\W.*)$/, ''),
      ),
    )
    expect(SHOW_IT.filter((name) => !names.has(name))).toEqual([])
  })
})

function wordsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value]
  return typeof value === 'object' && value !== null
    ? [...Object.keys(value), ...Object.values(value).flatMap(wordsIn)]
    : []
}

const said = (...argv: readonly string[]) =>
  all.find((one) => JSON.stringify(one.argv) === JSON.stringify(argv))?.stdout ?? ''

describe('a crash', () => {
  test('as Markdown has no markup but ours', () => {
    const text = said('crash', 'show', '--format', 'markdown', 'f00')
    const [heading = '', ...lines] = text.replaceAll(/^(`{3,})\n[\s\S]*?\n\1$/gm, '').split('\n')
    expect(heading).toMatch(/^# x\\\\x1b\\\[2J/)
    expect(heading).toContain(String.raw`\<b\>\&\#x1b;\[a\](b)\`$(id)`)
    expect(lines.filter((line) => !/^(?:## [\w: ]+.*|- [\w ]+: .*|)$/.test(line))).toEqual([])
    expect(text).toContain('`````\n')
    expect(lines.join('\n')).not.toMatch(/(?<!\\)[<`[*]/)
  })

  test('as a mail has the header that we write, and is one mail in a mailbox', () => {
    const text = said('crash', 'show', '--format', 'mail', 'f00')
    const [header = '', ...body] = text.split('\n\n')
    expect(header).toMatch(/^Subject: \[BUG\] [^\n]{1,900}$/)
    expect(body.join('\n\n')).toMatch(/^>From ````/m)
    expect(text).not.toMatch(/^From /m)
  })

  test('exported is text that can be looked at, and the command in it is the same to the letter', async () => {
    const dir = join(lab.home, 'unpacked')
    const archive = join(lab.project, 'klab-crash-f00.tar.gz')
    await run('sh', ['-c', 'mkdir -p "$1" && tar -xzf "$2" -C "$1"', 'sh', dir, archive])
    const files = readdirSync(join(dir, 'klab-crash-f00'))
    expect(files).toContain('reproduce.sh')
    const read = (file: string) => readFileSync(join(dir, 'klab-crash-f00', file), 'utf8')
    // As klab found it, for tools.
    const recorded = ['console.log', 'config']
    expect(files.filter((file) => !recorded.includes(file) && DANGEROUS.test(read(file)))).toEqual(
      [],
    )
    const stub = 'klab() { printf "%s\\0" "$@"; }; exec() { "$@"; }; . "$0"'
    const { stdout } = await run('bash', ['-c', stub, join(dir, 'klab-crash-f00/reproduce.sh')])
    expect(stdout.split('\0').filter((word) => word === WORD).length).toBeGreaterThan(5)
    expect(stdout.split('\0').slice(-3)).toEqual(['--', WORD, ''])
  })
})

describe('what was recorded', () => {
  const asked = ['runs', 'show', RUNS[0], '--console']

  test('is as it was for a pipe', async () => {
    using whole = await hostileHome()
    const { output } = await klab(asked, { cwd: whole.project, env: { KLAB_HOME: whole.home } })
    expect(output).toEqual(readFileSync(join(whole.home, 'state/runs', RUNS[0], 'console.log')))
  })

  test('is made visible on a terminal', async () => {
    using whole = await hostileHome()
    const { stdout } = await run(
      'script',
      ['-q', '-e', '-c', [PROGRAM, ...asked].join(' '), '/dev/null'],
      { cwd: whole.project, env: { ...process.env, KLAB_HOME: whole.home } },
    )
    expect(stdout).toContain(String.raw`Linux version 6.1.0-x\x1b[2J\x1b]0;t\x07`)
    // The terminal itself adds the carriage returns.
    expect(stdout.replaceAll('\r\n', '\n')).not.toMatch(DANGEROUS)
  })
})
