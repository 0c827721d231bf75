import { createHash } from 'node:crypto'
import { accessSync, constants, existsSync, readdirSync, statSync } from 'node:fs'
import { mkdir, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { hasFields, InfraError, isStringList, messageOf, tryDecodeJson } from '../../base/index.ts'
import {
  bootId,
  cacheFile,
  diskUsage,
  lockFile,
  tryLockFile,
  noteIn,
  readOwn,
} from '../../host/index.ts'
import type { Kernel } from '../../kernel/index.ts'
import { binaryKey, qemuArgs, type BootSpec } from '../../vm/index.ts'
import type { BootDecision } from './decision.ts'
import type { Lab } from '../session/context.ts'

/** What is kept of a template beside its memory, its state and its console. */
export interface TemplateFacts {
  readonly key: string
  readonly kernel: string
  readonly release: string
  readonly machine: BootDecision['machine']
  readonly accelerator: string
  readonly madeAt: string
  readonly madeMs: number
  /** Of the memory file, when it was done: another time or size means that somebody touched it. */
  readonly memory: { readonly bytes: number; readonly mtimeMs: number }
  readonly stateSha256: string
  /** What the agent had to say when it came up. */
  readonly notes: readonly string[]
}

export interface Template {
  readonly dir: string
  readonly facts: TemplateFacts
}

/** What is there of a key. */
export type FoundTemplate =
  | { readonly kind: 'intact'; readonly template: Template }
  | { readonly kind: 'damaged'; readonly why: string }
  | { readonly kind: 'none' }

/** Raised when templates of before cannot be used any more. */
const RECIPE = 2

/**
 * Names everything that could change a template: the whole command line of QEMU by which it is made (in whatever directory),
 * and the state of each file that it reads. With KVM the CPU is the host's, and firmware may change it at a boot.
 */
export async function templateKey(
  spec: BootSpec,
  kernel: Kernel,
  parts: { readonly agent: string; readonly modules: readonly string[] },
): Promise<string> {
  const sockets = {
    ...{ console: '/console', agent: '/agent', qmp: '/qmp' },
    ...{ gdb: '/gdb', tools: '/tools' },
  }
  const argv = qemuArgs(spec, sockets)
  const files = [
    spec.image,
    parts.agent,
    ...(kernel.modulesDir && parts.modules.length > 0 ? [kernel.modulesDir] : []),
  ]
  const identity = [
    ...[RECIPE, argv, await binaryKey(spec.qemu), parts.modules],
    await Promise.all(files.map(fileState)),
    spec.accelerator.kind === 'kvm' ? bootId() : '',
  ]
  return createHash('sha256').update(JSON.stringify(identity)).digest('hex').slice(0, 12)
}

async function fileState(path: string): Promise<string> {
  const { ino, size, mtimeMs } = await stat(path)
  return [path, ino, size, mtimeMs].join(' ')
}

/** The templates of this machine, each a directory named by its key. */
export class TemplateStore {
  readonly #dir: string
  readonly #cacheDir: string

  constructor(lab: Lab) {
    this.#cacheDir = lab.paths.cache
    this.#dir = join(this.#cacheDir, 'templates')
  }

  directory(key: string): string {
    return join(this.#dir, key)
  }

  /** The template of a key, used just now, if it is what it was. */
  async look(key: string): Promise<FoundTemplate> {
    const dir = this.directory(key)
    if (!existsSync(dir)) return { kind: 'none' }
    const facts = await factsOf(dir)
    const why = facts ? await damageOf(dir, facts) : `its ${FACTS} cannot be read`
    if (!facts || why !== undefined) return { kind: 'damaged', why: why ?? '' }
    const now = new Date()
    void utimes(join(dir, FACTS), now, now).catch(() => undefined)
    return { kind: 'intact', template: { dir, facts } }
  }

  /**
   * Makes a template, or takes the one that another klab makes meanwhile. `fill` writes `memory`, `state` and
   * `console.log` into the directory it gets; when it fails nothing is left.
   */
  async make(
    key: string,
    fill: (
      dir: string,
    ) => Promise<Omit<TemplateFacts, 'key' | 'madeAt' | 'memory' | 'stateSha256'>>,
    { onWait, signal }: { readonly onWait: () => void; readonly signal: AbortSignal },
  ): Promise<{ template: Template; isNew: boolean }> {
    // Its first maker makes it private.
    if (!existsSync(this.#dir)) await mkdir(this.#dir, { recursive: true, mode: 0o700 })
    await using _lock = await lockFile(this.#lock(key), {
      cacheDir: this.#cacheDir,
      onWait,
      signal,
    })
    const other = await this.look(key)
    if (other.kind === 'intact') return { template: other.template, isNew: false }
    const making = join(this.#dir, `${key}${MAKING}`)
    // Of a klab that was killed.
    await rm(making, { recursive: true, force: true })
    await mkdir(making, { mode: 0o700 })
    try {
      const filled = await fill(making)
      const [memory, stateSha256] = await Promise.all([memoryOf(making), stateOf(making)])
      const facts = { ...filled, key, madeAt: new Date().toISOString(), memory, stateSha256 }
      await writeFile(join(making, FACTS), JSON.stringify(facts))
      await rm(this.directory(key), { recursive: true, force: true })
      await rename(making, this.directory(key))
      return { template: { dir: this.directory(key), facts }, isNew: true }
    } catch (error) {
      await rm(making, { recursive: true, force: true })
      throw error
    }
  }

  /** Clones that run keep what they have mapped. */
  async remove(key: string): Promise<void> {
    await rm(this.directory(key), { recursive: true, force: true })
    await rm(this.#refusal(key), { force: true })
  }

  /** The keys of those whose facts cannot be read. */
  async damaged(): Promise<string[]> {
    const names = this.#names().filter((name) => !name.endsWith(MAKING))
    const facts = await Promise.all(names.map((name) => factsOf(join(this.#dir, name))))
    return names.filter((_, index) => !facts[index])
  }

  /** All templates, used last first; what is damaged is left out. */
  async list(): Promise<(TemplateFacts & { usedAt: Date; bytes: number })[]> {
    const keys = this.#names().filter((name) => existsSync(join(this.#dir, name, FACTS)))
    const templates = await Promise.all(
      keys.map(async (key) => {
        try {
          const path = join(this.directory(key), FACTS)
          const facts = await factsOf(this.directory(key))
          if (!facts) return []
          const { blocks } = await stat(join(this.directory(key), 'memory'))
          return [{ ...facts, usedAt: (await stat(path)).mtime, bytes: blocks * 512 }]
        } catch {
          return []
        }
      }),
    )
    return templates.flat().toSorted((a, b) => b.usedAt.getTime() - a.usedAt.getTime())
  }

  /** The one template whose key begins so. Throws InfraError if there is none, or several. */
  async get(prefix: string): Promise<TemplateFacts & { usedAt: Date; bytes: number }> {
    const [found, other] = (await this.list()).filter(({ key }) => key.startsWith(prefix))
    if (!found || prefix === '')
      throw new InfraError(
        'TEMPLATE',
        `there is no template ${prefix}; klab template ls lists them`,
      )
    if (other)
      throw new InfraError('TEMPLATE', `${prefix} means several templates; give more of it`)
    return found
  }

  /** Its key, for what can be done with one that is damaged. Throws as get does. */
  async keyOf(prefix: string): Promise<string> {
    const damaged = this.#names().filter((name) => name.startsWith(prefix))
    return prefix !== '' && damaged.length === 1 ? damaged.join('') : (await this.get(prefix)).key
  }

  /** Removes what is damaged, and templates, used longest ago first, until they fit. */
  async prune(limitBytes: number): Promise<{ what: string; bytes: number }[]> {
    const removed = await this.#removeUnfinished()
    const templates = await this.list()
    let bytes = templates.reduce((sum, template) => sum + template.bytes, 0)
    for (const template of templates.toReversed()) {
      if (bytes <= limitBytes) break
      await this.remove(template.key)
      removed.push({ what: `template ${template.key} (${template.kernel})`, bytes: template.bytes })
      bytes -= template.bytes
    }
    return removed
  }

  /** Why no template of this key can be had, if that was found out before. */
  async refusal(key: string): Promise<string | undefined> {
    const path = this.#refusal(key)
    return existsSync(path) ? noteIn(path) : undefined
  }

  async refuse(key: string, why: string): Promise<void> {
    await cacheFile(this.#refusal(key), why)
  }

  /** Of templates that are there, whole or not, and of those that are being made. */
  #names(): string[] {
    if (!statSync(this.#dir, { throwIfNoEntry: false })?.isDirectory()) return []
    return readdirSync(this.#dir).filter((name) => NAME.test(name))
  }

  /** What klabs that were killed have left, and what was damaged. */
  async #removeUnfinished(): Promise<{ what: string; bytes: number }[]> {
    const removed: { what: string; bytes: number }[] = []
    for (const name of [...(await this.damaged()), ...this.#names().filter(isUnfinished)]) {
      // Whoever makes it has its lock.
      await using lock = await tryLockFile(this.#lock(name), this.#cacheDir)
      if (!lock) continue
      const path = join(this.#dir, name)
      const bytes = (await diskUsage([path])).get(path) ?? 0
      await rm(path, { recursive: true, force: true })
      removed.push({ what: `template ${name} (damaged)`, bytes })
    }
    return removed
  }

  /** One for many keys: a bisection must not leave a file for each kernel it saw. */
  #lock(key: string): string {
    return join(this.#dir, `${key.slice(0, 2)}.lock`)
  }

  #refusal(key: string): string {
    return join(this.#dir, `${key}.refused`)
  }
}

const FACTS = 'template.json'
/** The state of devices has some 400 KiB. */
const MAX_STATE = 256 * 1024 * 1024
const MAKING = '.making'
const CONSOLE = 'console.log'
const NAME = /^[0-9a-f]{12}(?:\.making)?$/

function isUnfinished(name: string): boolean {
  return name.endsWith(MAKING)
}

/** What is not as it was when a template was made; undefined where all is. */
async function damageOf(dir: string, facts: TemplateFacts): Promise<string | undefined> {
  try {
    if (!statSync(join(dir, CONSOLE)).isFile()) return `its ${CONSOLE} is no file`
    accessSync(join(dir, 'memory'), constants.R_OK)
    const [memory, state] = await Promise.all([memoryOf(dir), stateOf(dir)])
    if (JSON.stringify(memory) !== JSON.stringify(facts.memory)) return 'its memory was changed'
    return state === facts.stateSha256 ? undefined : 'its state was changed'
  } catch (error) {
    return `a file of it cannot be read: ${messageOf(error)}`
  }
}

/** What a template says of itself; undefined if it is damaged. */
async function factsOf(dir: string): Promise<TemplateFacts | undefined> {
  return tryDecodeJson(noteIn(join(dir, FACTS)), isTemplateFacts)
}

function isTemplateFacts(value: unknown): value is TemplateFacts {
  const texts = {
    key: 'string',
    kernel: 'string',
    release: 'string',
    stateSha256: 'string',
  } as const
  const machine = { type: 'string', cpus: 'number', memoryMiB: 'number' } as const
  return (
    hasFields(value, { ...texts, madeMs: 'number', memory: 'object' }) &&
    hasFields(value['machine'], machine) &&
    isStringList(value['notes'])
  )
}

async function memoryOf(dir: string): Promise<TemplateFacts['memory']> {
  // Not its blocks: a file system adds some of its own when it writes the file back.
  const { size, mtimeMs } = await stat(join(dir, 'memory'))
  return { bytes: size, mtimeMs }
}

async function stateOf(dir: string): Promise<string> {
  return createHash('sha256')
    .update(readOwn(join(dir, 'state'), MAX_STATE))
    .digest('hex')
}
