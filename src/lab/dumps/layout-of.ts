import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'

import { InfraError, isRecord, messageOf, tryDecodeJson } from '../../base/index.ts'
import { LAYOUT_EXPRESSIONS } from '../../crash/index.ts'
import { describeExit, run, textOutside } from '../../host/index.ts'
import { FileCache } from '../symbols/file-cache.ts'

/** gdb reads hundreds of megabytes of DWARF. */
const LIMIT_MS = 120_000

/**
 * Where a kernel keeps what: as its build has told (layout.json beside the vmlinux), else by gdb from its DWARF, and from the cache the next time.
 * Throws InfraError when neither can tell.
 */
export async function layoutOf(
  vmlinux: string,
  cacheDir: string,
): Promise<ReadonlyMap<string, number>> {
  const told = join(dirname(vmlinux), 'layout.json')
  const values = existsSync(told) ? tryDecodeJson(layoutText(told), isLayout) : undefined
  if (values) return new Map(Object.entries(values))
  const cache = new FileCache<string>(cacheDir, {
    ...{ what: 'layouts', file: vmlinux },
    check: (value) => typeof value === 'string',
  })
  const known = await cache.read()
  const names = Object.keys(LAYOUT_EXPRESSIONS)
  const texts = names.every((name) => known.has(name)) ? known : await ask(vmlinux)
  if (texts !== known) await cache.write(texts)
  return new Map(
    [...texts].flatMap(([name, text]) => (text === '' ? [] : [[name, Number(text)] as const])),
  )
}

const MAX_LAYOUT = 1024 * 1024

function layoutText(path: string): string {
  try {
    return textOutside(path, MAX_LAYOUT)
  } catch (error) {
    throw new InfraError('VMLINUX', `cannot read ${path}: ${messageOf(error)}`, { cause: error })
  }
}

function isLayout(value: unknown): value is Record<string, number> {
  return isRecord(value) && Object.values(value).every((number) => typeof number === 'number')
}

async function ask(vmlinux: string): Promise<ReadonlyMap<string, string>> {
  const questions = Object.entries(LAYOUT_EXPRESSIONS).flatMap(([name, expression]) => [
    ...['-ex', String.raw`echo \n@${name}=`],
    ...['-ex', `output/u (unsigned long)(${expression})`],
  ])
  // Nothing that a user or a kernel has for gdb is run.
  const quiet = ['-nx', '-q', '-batch', '-iex', 'set auto-load off']
  const { exit, stdout, stderr } = await run('gdb', [...quiet, ...questions, vmlinux], {
    timeoutMs: LIMIT_MS,
  })
  if (exit.kind !== 'exited') {
    throw new InfraError(
      'GDB',
      `gdb, which knows the structures of ${vmlinux}, failed (${describeExit(exit)}); install it: klab doctor --fix`,
    )
  }
  const texts = new Map(
    Object.keys(LAYOUT_EXPRESSIONS).map((name) => [name, valueIn(stdout, name)] as const),
  )
  if (texts.get('task_struct.comm') === '') {
    const said = stderr.trim().split('\n').at(-1) ?? ''
    throw new InfraError(
      'VMLINUX',
      `gdb finds no task_struct in ${vmlinux}: it was built without debug information${said ? ` (${said})` : ''}`,
    )
  }
  return texts
}

/** Empty for what this kernel has not. */
function valueIn(output: string, name: string): string {
  const start = output.indexOf(`@${name}=`)
  const [, value = ''] = /^(\d+)/.exec(output.slice(start + name.length + 2)) ?? []
  return start < 0 ? '' : value
}
