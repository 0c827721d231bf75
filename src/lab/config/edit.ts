import { constants, existsSync, readdirSync, statSync } from 'node:fs'
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'

import { ConfigError, InfraError, nearest, UsageError } from '../../base/index.ts'
import { describeExit, runInteractive, writeAtomically } from '../../host/index.ts'
import { getAt, parseText, type LoadedConfig } from './layers.ts'
import { noMachine } from './machine.ts'
import { findProjectFile, PROJECT_FILE } from './project-file.ts'
import { configLeaves, leafAt, settingPaths, type Leaf } from './leaves.ts'
import { describeProblems } from './problems.ts'

export interface Setting {
  readonly path: string
  readonly value: unknown
  /** A file, a variable, or `default`. */
  readonly source: string
}

/** Every setting with its value, as written, and where it comes from. */
export function listSettings({ loaded }: { readonly loaded: LoadedConfig }): Setting[] {
  return configLeaves().map(({ path, default: fallback }) => {
    const source = loaded.sources.get(path)
    const parts = path.split('.')
    // A default that is nothing (no limit) is in no schema.
    const value =
      source === undefined
        ? (fallback ?? getAt(loaded.config, parts))
        : getAt(loaded.written, parts)
    return { path, value: value ?? null, source: source ?? 'default' }
  })
}

/** One setting; what a machine with a name does not say, it has from `machine`. Throws UsageError if there is none of that name. */
export function getSetting(lab: { readonly loaded: LoadedConfig }, path: string): Setting {
  const leaf = findLeaf(path)
  const setting = listSettings(lab).find((one) => one.path === path)
  if (setting) return setting
  const { config, written, sources } = lab.loaded
  const [, machine = '', field = ''] = path.split('.')
  if (!Object.hasOwn(config.machines, machine)) throw new UsageError(noMachine(config, machine))
  const value = getAt(written, path.split('.'))
  if (value === undefined) return { ...getSetting(lab, `machine.${field}`), path: leaf.path }
  return { path, value, source: sources.get('machines') ?? 'default' }
}

/** The file that is edited: the project's if there is one, else the user's; `isUsers` insists on the latter. */
export function editedFile(
  cwd: string,
  userConfig: string,
  { isUsers }: { readonly isUsers: boolean },
): string {
  return (isUsers ? undefined : findProjectFile(cwd)) ?? userConfig
}

/** Writes one setting into a file, comments kept; an empty text removes it. Nothing invalid is ever written. */
export async function setSetting(
  file: string,
  path: string,
  text: string | undefined,
): Promise<void> {
  // A machine can be removed as a whole.
  const leaf = text === undefined && /^machines\.[^.]+$/.test(path) ? undefined : findLeaf(path)
  const { parseYaml } = await import('./yaml-file.ts')
  const { document } = parseYaml(await textOf(file))
  const keys = path.split('.')
  if (text !== undefined && leaf) document.setIn(keys, parseText(leaf, text))
  else if (document.hasIn(keys)) document.deleteIn(keys)
  else throw new UsageError(`${path} is not set in ${file}`)
  await writeConfig(file, String(document))
}

/** Changes a setting that is a list, comments kept; `comment` gives what is written above an entry. Throws ConfigError, and leaves the file, when it becomes invalid. */
export async function editList(
  file: string,
  path: string,
  {
    change,
    comment,
  }: {
    change: (entries: readonly unknown[]) => readonly unknown[]
    comment: (entry: unknown) => string | undefined
  },
): Promise<void> {
  const { parseYaml } = await import('./yaml-file.ts')
  const { document, value } = parseYaml(await textOf(file))
  const keys = path.split('.')
  const before = (getAt(value, keys) ?? []) as unknown[]
  const after = change(before)
  // What stays keeps its comments.
  for (let index = before.length - 1; index >= 0; index--)
    if (!after.includes(before[index])) document.deleteIn([...keys, index])
  for (const entry of after.filter((one) => !before.includes(one))) {
    const node = document.createNode(entry)
    node.commentBefore = comment(entry) ?? null
    if (document.hasIn(keys)) document.addIn(keys, node)
    else document.setIn(keys, document.createNode([node]))
  }
  await writeConfig(file, String(document))
}

/** Checks a text and writes it. Throws ConfigError with every problem. */
async function writeConfig(file: string, text: string): Promise<void> {
  const problems = await problemsIn(text)
  if (problems.length > 0) {
    throw new ConfigError(`${file} is left as it was; the new text is not valid:`, {
      details: problems,
    })
  }
  await writeAtomically(file, text, modeFor(file))
}

/** That of the file that is there; a new one is its owner's alone, unless it is of a project, which others work on. */
function modeFor(file: string): number {
  const mode = statSync(file, { throwIfNoEntry: false })?.mode
  return mode === undefined ? (basename(file) === PROJECT_FILE ? 0o644 : 0o600) : mode & 0o777
}

/** Throws ConfigError with all that is wrong with a file. */
export async function checkConfig(file: string): Promise<void> {
  if (!existsSync(file)) throw new ConfigError(`there is no file ${file}`)
  const problems = await problemsIn(await textOf(file))
  if (problems.length > 0)
    throw new ConfigError(`${file} is not a valid configuration:`, { details: problems })
}

/** All that is wrong with a text, one sentence each. */
export async function problemsIn(text: string): Promise<readonly string[]> {
  const { parseYaml } = await import('./yaml-file.ts')
  const { value, lineOf, syntaxErrors } = parseYaml(text)
  return syntaxErrors.length > 0 ? syntaxErrors : describeProblems(value, lineOf)
}

/** Opens a copy of the file in the user's editor and keeps it if it is valid. */
export async function editConfig(env: NodeJS.ProcessEnv, file: string): Promise<void> {
  const editor = env['VISUAL'] || env['EDITOR'] || 'vi'
  const dir = await mkdtemp(join(tmpdir(), 'klab-config-'))
  try {
    const draft = join(dir, 'klab.yaml')
    await writeFile(
      draft,
      (await textOf(file)) || '# klab configuration; klab config list shows the settings\n',
    )
    // An editor may have arguments of its own (`code --wait`); they are split at blanks, and no shell sees them.
    const [program = 'vi', ...args] = editor.split(' ').filter((word) => word !== '')
    const exit = runInteractive(program, [...args, draft])
    if (exit.kind !== 'exited' || exit.code !== 0) {
      throw new InfraError(
        'EDITOR',
        `${editor} failed (${describeExit(exit)}); ${file} is left as it was`,
      )
    }
    await writeConfig(file, await textOf(draft))
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

/** Copies a file beside itself; returns the copy's path. */
export async function backupConfig(file: string, now: Date): Promise<string> {
  if (!existsSync(file)) throw new UsageError(`there is no ${file} to back up`)
  const name = `${file}.backup-${now.toISOString().replaceAll(/[-:]|\.\d+/g, '')}`
  let copy = name
  // Two in one second: neither may take the place of the other.
  for (let number = 2; existsSync(copy); number++) copy = `${name}-${number}`
  await copyFile(file, copy, constants.COPYFILE_EXCL)
  return copy
}

/** Puts a backup back: the named one, or the newest. What was there is backed up first. */
export async function restoreConfig(
  file: string,
  backup: string | undefined,
  now: Date,
): Promise<string> {
  const beside = backup === undefined ? '' : join(dirname(file), backup)
  const chosen = backup === undefined ? newestBackup(file) : existsSync(backup) ? backup : beside
  if (!existsSync(chosen) || !statSync(chosen).isFile())
    throw new UsageError(`there is no backup ${chosen}`)
  const text = await textOf(chosen)
  if (existsSync(file)) await backupConfig(file, now)
  await writeConfig(file, text)
  return chosen
}

function newestBackup(file: string): string {
  const dir = dirname(file)
  const names = existsSync(dir) ? readdirSync(dir) : []
  const newest = names
    .filter((name) => name.startsWith(`${basename(file)}.backup-`))
    .toSorted()
    .at(-1)
  if (newest === undefined) throw new UsageError(`there is no backup of ${file}`)
  return join(dir, newest)
}

function findLeaf(path: string): Leaf {
  const leaf = leafAt(path)
  if (leaf) return leaf
  const [, machine] = /^machines\.([^.]+)\./.exec(path) ?? []
  const near = nearest(path, settingPaths(machine === undefined ? [] : [machine]))
  throw new UsageError(
    `there is no setting ${path}${near ? `; did you mean ${near}?` : ' (klab config list)'}`,
  )
}

async function textOf(file: string): Promise<string> {
  const { readYaml } = await import('./yaml-file.ts')
  return existsSync(file) ? readYaml(file) : ''
}
