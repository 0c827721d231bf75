import type { Command } from 'commander'

import { configEditing, configLeaves, trusting } from '../../lab/index.ts'
import { lookingLab, currentPaths } from '../lab.ts'

import { field } from '../../base/index.ts'
import { table } from '../render/table.ts'
import { out } from '../render/print.ts'

interface Flags {
  readonly json?: boolean
  readonly user?: boolean
}

const HELP = `
Files: klab.yaml in the project (found upwards) over the user file; KLAB_* variables over both; flags over all.

A list is given with commas between its items, or as JSON, as klab config get prints it. A machine with a name has settings of
its own.

Examples:
  klab config list
  klab config set machine.memory 2G
  klab config set machines.big.cpus 8
  klab config set run.env CI,LANG=C
  klab config schema > klab.schema.json`

export function addConfigCommand(program: Command, finish: (code: number) => void): void {
  const config = program.command('config').description('read, check and change the configuration')
  config.addHelpText('after', HELP)
  const sub = (name: string, description: string, action: (...args: never[]) => Promise<void>) =>
    config
      .command(name)
      .description(description)
      // commander gives what the name declares: its arguments, then the options.
      .action(async (...args: unknown[]) => {
        await action(...(args as never[]))
        finish(0)
      })
  sub('list', 'each setting, its value, and where it comes from', list).option('--json', 'as JSON')
  sub('get <setting>', 'the value of one setting', get).option('--json', 'as JSON')
  sub(
    'set <setting> <value>',
    'write a setting into the project file, or the user file',
    set,
  ).option('--user', 'the user file')
  sub('unset <setting>', 'remove a setting from the file', unset).option('--user', 'the user file')
  sub('edit', 'open the file in $EDITOR; only a valid one is kept', edit).option(
    '--user',
    'the user file',
  )
  sub('validate [file]', 'check a file, or those in use', validate)
  sub('backup', 'copy the file beside itself', backup).option('--user', 'the user file')
  sub('restore [backup]', 'put the newest backup back, or the named one', restore).option(
    '--user',
    'the user file',
  )
  sub('schema', 'the JSON Schema of the file, for editors', schema)
}

async function open() {
  const [lab, api] = await Promise.all([lookingLab(), configEditing()])
  return { lab, api }
}

async function list({ json }: Flags): Promise<void> {
  const { lab, api } = await open()
  const settings = api.listSettings(lab)
  if (json) out.json(settings)
  else
    out.line(
      table(
        ['setting', 'value', 'from'],
        settings.map(({ path, value, source }) => [path, JSON.stringify(value), source]),
      ),
    )
}

async function get(path: string, { json }: Flags): Promise<void> {
  const { lab, api } = await open()
  const setting = api.getSetting(lab, path)
  const { value } = setting
  if (json) out.json(setting)
  else if (typeof value === 'string') out.line(field(value, Number.POSITIVE_INFINITY))
  else out.jsonLine(value)
}

/** For what mends a file: it need not be valid. */
async function openFile({ user }: Flags) {
  const [paths, api, { keepingTrust }] = await Promise.all([
    currentPaths(),
    configEditing(),
    trusting(),
  ])
  const file = api.editedFile(process.cwd(), paths.userConfig, { isUsers: user ?? false })
  const changing = (change: () => Promise<void>) =>
    keepingTrust({ paths, env: process.env }, file, change)
  return { api, file, changing }
}

async function set(path: string, value: string, flags: Flags): Promise<void> {
  const { api, file, changing } = await openFile(flags)
  await changing(() => api.setSetting(file, path, value))
  out.line(`${path} = ${value} in ${file}`)
}

async function unset(path: string, flags: Flags): Promise<void> {
  const { api, file, changing } = await openFile(flags)
  await changing(() => api.setSetting(file, path, undefined))
  out.line(`${path} removed from ${file}`)
}

async function edit(flags: Flags): Promise<void> {
  const { api, file, changing } = await openFile(flags)
  await changing(() => api.editConfig(process.env, file))
  out.line(`${file} is valid and written`)
}

async function validate(file: string | undefined): Promise<void> {
  const { checkConfig } = await configEditing()
  if (file === undefined) {
    // Reading them is checking them.
    const { lab } = await open()
    out.line(
      lab.loaded.files.length === 0
        ? 'no configuration file; the defaults hold'
        : `valid: ${lab.loaded.files.join(', ')}`,
    )
    return
  }
  await checkConfig(file)
  out.line(`valid: ${file}`)
}

async function backup(flags: Flags): Promise<void> {
  const { api, file } = await openFile(flags)
  out.line(await api.backupConfig(file, new Date()))
}

async function restore(name: string | undefined, flags: Flags): Promise<void> {
  const { api, file } = await openFile(flags)
  out.line(`${file} restored from ${await api.restoreConfig(file, name, new Date())}`)
}

async function schema(): Promise<void> {
  const { configJsonSchema } = await configLeaves()
  out.json(configJsonSchema())
}
