import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'

import { trustProject } from '../../../test/support/trust.ts'
import { DEFAULT_ARCH } from '../../kernel/index.ts'
import { archFacts, machineTypesOf } from '../../vm/index.ts'
import { openLab } from '../session/context.ts'
import {
  getSetting,
  listSettings,
  problemsIn,
  restoreConfig,
  backupConfig,
  editConfig,
  setSetting,
} from './edit.ts'
import { configJsonSchema } from './leaves.ts'
import { machineFor } from './machine.ts'
import { configReference } from './reference.ts'
import { configSchema } from './schema.ts'

const home = mkdtempSync(join(tmpdir(), 'klab-config-test-'))
afterAll(() => rmSync(home, { recursive: true }))
const project = join(home, 'project', 'deep')
mkdirSync(project, { recursive: true })
const file = join(home, 'project', 'klab.yaml')
/** Of somebody who trusts his project: trust.test.ts has the others. */
async function open(env: Record<string, string> = {}) {
  if (existsSync(file)) await trustProject(project, home).catch(() => undefined)
  return await openLab({
    cwd: project,
    env: { KLAB_HOME: home, ...env },
    uid: process.getuid?.() ?? 0,
  })
}

test('the reference and the schema are those of the code', () => {
  expect(readFileSync('docs/configuration.md', 'utf8')).toBe(configReference())
  expect(JSON.parse(readFileSync('docs/klab.schema.json', 'utf8'))).toEqual(configJsonSchema())
})

test('the QEMU and the machine types are those of the architecture', () => {
  // The schema says it once more: loading vm/ and kernel/ for it would make it slower by half.
  expect(configSchema.parse({}).qemu).toBe(archFacts(DEFAULT_ARCH).qemu)
  const { machine } = configSchema.shape
  for (const type of ['auto', ...machineTypesOf(DEFAULT_ARCH)])
    expect(machine.parse({ type })).toMatchObject({ type })
  expect(() => machine.parse({ type: 'virt' })).toThrow(/expected one of/)
})

test('later sources win, and each value knows where it came from', async () => {
  writeFileSync(join(home, 'config.yaml'), 'machine: { cpus: 3, memory: 2G }\nprofile: debug\n')
  writeFileSync(file, 'machine: { cpus: 4 }\n')
  const lab = await open({ KLAB_PROFILE: 'minimal' })
  const sources = Object.fromEntries(
    listSettings(lab).map(({ path, value, source }) => [path, [value, source]]),
  )
  expect(sources['machine.cpus']).toEqual([4, file])
  expect(sources['machine.memory']).toEqual(['2G', join(home, 'config.yaml')])
  expect(sources['profile']).toEqual(['minimal', 'KLAB_PROFILE'])
  expect(sources['machine.accel']).toEqual(['auto', 'default'])
})

test('all problems are told at once, each with its line and a suggestion', async () => {
  const text =
    'machine:\n  cpus: 0\n  memry: 1G\nprofil: debug\nrun:\n  allowReports: [{ report: "(", reason: x }, { report: x }, { reason: x }]\n'
  const problems = await problemsIn(text)
  expect(problems).toHaveLength(6)
  expect(problems.join('\n')).toMatch(/line 2: machine.cpus: Too small/)
  expect(problems.join('\n')).toMatch(
    /line 3: there is no setting machine.memry; did you mean memory\?/,
  )
  expect(problems.join('\n')).toMatch(/line 4: there is no setting profil; did you mean profile\?/)
  expect(problems.join('\n')).toMatch(
    /line 6: run.allowReports.0.report: not a valid regular expression/,
  )
  expect(problems.join('\n')).toMatch(/line 6: run.allowReports.1.reason: Invalid input/)
  expect(problems.join('\n')).toMatch(
    /run.allowReports.2: it needs either report: REGEX or crash: ID/,
  )
  expect((await problemsIn('machine: [\n'))[0]).toMatch(/^line \d+: /)
})

test('a variable that is no setting is a mistake', async () => {
  await expect(open({ KLAB_MACHINE_CPU: '2' })).rejects.toThrow('did you mean KLAB_MACHINE_CPUS?')
  await expect(open({ KLAB_MACHINE_CPUS: 'many' })).rejects.toThrow(
    'KLAB_MACHINE_CPUS: machine.cpus',
  )
})

describe('a file', () => {
  test('is changed with its comments kept, and never made invalid', async () => {
    writeFileSync(file, '# mine\nmachine:\n  cpus: 4 # four\n')
    await setSetting(file, 'machine.memory', '3G')
    expect(readFileSync(file, 'utf8')).toBe('# mine\nmachine:\n  cpus: 4 # four\n  memory: 3G\n')
    await expect(setSetting(file, 'machine.memory', 'much')).rejects.toThrow('is left as it was')
    await expect(setSetting(file, 'machine.memroy', '1G')).rejects.toThrow(
      'did you mean machine.memory?',
    )
    expect(getSetting(await open(), 'machine.memory').value).toBe('3G')
  })

  test('is put back from its backup', async () => {
    await backupConfig(file, new Date('2026-01-02T03:04:05Z'))
    const before = readFileSync(file, 'utf8')
    writeFileSync(file, 'profile: debug\n')
    await restoreConfig(file, undefined, new Date('2026-01-01T00:00:00Z'))
    expect(readFileSync(file, 'utf8')).toBe(before)
  })
})

describe('a list', () => {
  test.each([
    ['["A=1,2","B"]', ['A=1,2', 'B']],
    ['A=1, B', ['A=1', 'B']],
    ['[]', []],
    ['', []],
    ['[', ['[']],
  ])('is set as config get prints it, or with commas: %s', async (text, items) => {
    await setSetting(file, 'run.env', text)
    expect(getSetting(await open(), 'run.env').value).toEqual(items)
  })

  test('of addresses may begin with a bracket', async () => {
    await setSetting(file, 'machine.publish', '[::1]:8080:80,2222:22')
    const { value } = getSetting(await open(), 'machine.publish')
    expect(value).toEqual(['[::1]:8080:80', '2222:22'])
  })
})

test('every setting can be set to what it is: what get prints, set takes', async () => {
  const rule = '[{ crash: abc, reason: "known, on its way" }]'
  writeFileSync(
    file,
    `run: { env: ['A=1,2', B], allowReports: ${rule} }\nmachines: { a: { cpus: 3 } }\n`,
  )
  for (const { path, value } of listSettings(await open())) {
    await setSetting(file, path, typeof value === 'string' ? value : JSON.stringify(value))
    expect(getSetting(await open(), path).value).toEqual(value)
  }
})

describe('a machine with a name', () => {
  test('has settings of its own, and the rest from machine', async () => {
    writeFileSync(file, 'machine: { memory: 3G }\n')
    await setSetting(file, 'machines.small.cpus', '1')
    expect(readFileSync(file, 'utf8')).toContain('machines:\n  small:\n    cpus: 1\n')
    const lab = await open()
    expect(getSetting(lab, 'machines.small.cpus')).toMatchObject({ value: 1, source: file })
    expect(getSetting(lab, 'machines.small.memory')).toMatchObject({ value: '3G', source: file })
    expect(() => getSetting(lab, 'machines.smal.cpus')).toThrow('did you mean small?')
    await expect(setSetting(file, 'machines.small.cpu', '1')).rejects.toThrow(
      'did you mean machines.small.cpus?',
    )
    await expect(setSetting(file, 'machines.small.cpus', '0')).rejects.toThrow('is left as it was')
  })

  test('is removed setting by setting, or as a whole', async () => {
    writeFileSync(file, 'machines:\n  a: { cpus: 1, memory: 1G }\n  b: { cpus: 2 }\n')
    await setSetting(file, 'machines.a.cpus', undefined)
    await setSetting(file, 'machines.b', undefined)
    expect((await open()).config.machines).toEqual({ a: { memory: 1024 } })
    await expect(setSetting(file, 'machines.c', undefined)).rejects.toThrow('is not set in')
    await expect(setSetting(file, 'run.grace', undefined)).rejects.toThrow('is not set in')
  })
})

test('a named machine stands over the configured one, flags over both', async () => {
  writeFileSync(
    file,
    'machine: { cpus: 4, parameters: [a] }\nmachines:\n  big: { memory: 8G, parameters: [b] }\n',
  )
  const { config } = await open()
  expect(await machineFor(config, 'big', { memory: '5G', parameters: ['c'] })).toMatchObject({
    cpus: 4,
    memory: 5120,
    parameters: ['a', 'b', 'c'],
  })
  await expect(machineFor(config, 'bigg', {})).rejects.toThrow('did you mean big?')
  await expect(machineFor(config, undefined, { memory: 'x' })).rejects.toThrow(
    '--memory: "x" is not a memory size',
  )
})

test('a broken file can be mended, and a restore keeps the backup it is of', async () => {
  writeFileSync(file, 'profle: debug\n')
  await expect(open()).rejects.toMatchObject({
    details: [expect.stringContaining('did you mean profile?')],
  })
  await editConfig({ EDITOR: 'sed -i s/profle/profile/', VISUAL: '' }, file)
  expect(readFileSync(file, 'utf8')).toBe('profile: debug\n')
  const now = new Date('2026-02-02T02:02:02Z')
  const backup = await backupConfig(file, now)
  await setSetting(file, 'profile', 'minimal')
  await restoreConfig(file, backup, now)
  expect(readFileSync(backup, 'utf8')).toBe('profile: debug\n')
  expect(readFileSync(file, 'utf8')).toBe('profile: debug\n')
})
