import { existsSync } from 'node:fs'
import { join } from 'node:path'

import { InfraError, messageOf } from '../../base/index.ts'
import { textOutside } from '../../host/index.ts'

/** One definition of a symbol: what it depends on, menus and `if` blocks around it included. */
export interface SymbolDefinition {
  readonly file: string
  readonly line: number
  readonly type: string | undefined
  /** All must hold. */
  readonly dependencies: readonly string[]
  /** A symbol without a prompt cannot be set; only a default or a `select` can. */
  readonly hasPrompt: boolean
  readonly choice: boolean
}

export interface KconfigTree {
  readonly symbols: ReadonlyMap<string, readonly SymbolDefinition[]>
  /** Who selects a symbol. */
  readonly selectedBy: ReadonlyMap<string, readonly string[]>
}

interface Draft {
  name: string
  file: string
  line: number
  type: string | undefined
  depends: string[]
  outer: readonly string[]
  hasPrompt: boolean
  choice: boolean
}

interface Block {
  readonly kind: 'menu' | 'choice' | 'if'
  conditions: string[]
}

/** Reads the Kconfig files of a tree (Documentation/kbuild/kconfig-language.rst), as far as dependencies go. */
export function readKconfig(tree: string, srcarch: string): KconfigTree {
  const reader = new KconfigReader(tree, srcarch)
  reader.readFile('Kconfig')
  return reader.result()
}

class KconfigReader {
  readonly #tree: string
  readonly #srcarch: string
  readonly #blocks: Block[] = []
  readonly #drafts: Draft[] = []
  readonly #selects = new Map<string, string[]>()
  #current: Draft | undefined
  /** Those that are read now, the one that sources another before it. */
  readonly #open: string[] = []

  constructor(tree: string, srcarch: string) {
    this.#tree = tree
    this.#srcarch = srcarch
  }

  readFile(name: string): void {
    const path = join(this.#tree, name)
    // One that sources itself is read once, as far as it goes.
    if (this.#open.includes(path) || !existsSync(path)) return
    this.#open.push(path)
    this.#lines(textOf(path).split('\n'), name)
    this.#open.pop()
    this.#current = undefined
  }

  /** A backslash continues a line; `help` text is told by its indentation. */
  #lines(lines: readonly string[], name: string): void {
    let helpIndent: number | undefined
    for (let index = 0; index < lines.length; index++) {
      const number = index + 1
      let line = lines[index] ?? ''
      while (line.endsWith('\\')) line = line.slice(0, -1) + (lines[++index] ?? '')
      const indent = /^\s*/.exec(line.replaceAll('\t', '        '))?.[0].length ?? 0
      if (line.trim() === '') continue
      if (helpIndent === -1) helpIndent = indent
      if (helpIndent !== undefined && helpIndent > 0 && indent >= helpIndent) continue
      helpIndent = /^\s*(?:---)?help(?:---)?\s*$/.test(line) ? -1 : undefined
      if (helpIndent === undefined) this.#statement(withoutComment(line).trim(), name, number)
    }
  }

  result(): KconfigTree {
    const symbols = new Map<string, SymbolDefinition[]>()
    for (const { name, depends, outer, ...rest } of this.#drafts) {
      const definition = { ...rest, dependencies: [...outer, ...depends] }
      symbols.set(name, [...(symbols.get(name) ?? []), definition])
    }
    return { symbols, selectedBy: this.#selects }
  }

  #statement(line: string, file: string, number: number): void {
    const [word = '', ...rest] = line.split(/\s+/)
    const argument = rest.join(' ')
    switch (word) {
      case 'source':
      case 'rsource': {
        const target = argument
          .replaceAll('"', '')
          .replaceAll('$(SRCARCH)', this.#srcarch)
          .replaceAll('$SRCARCH', this.#srcarch)
        this.#current = undefined
        this.readFile(target)
        return
      }
      case 'config':
      case 'menuconfig':
        this.#define(argument, file, number)
        return
      case 'menu':
      case 'choice':
      case 'comment':
        this.#current = undefined
        if (word !== 'comment') this.#blocks.push({ kind: word, conditions: [] })
        return
      case 'if':
        this.#current = undefined
        this.#blocks.push({ kind: 'if', conditions: [argument] })
        return
      case 'endmenu':
      case 'endchoice':
      case 'endif':
        this.#current = undefined
        this.#blocks.pop()
        return
      case 'depends':
        this.#depends(argument.replace(/^on\s+/, ''))
        return
      case 'bool':
      case 'tristate':
      case 'int':
      case 'hex':
      case 'string':
      case 'def_bool':
      case 'def_tristate':
      case 'prompt':
        this.#type(word, argument)
        return
      case 'select':
        this.#select(argument)
        return
      default:
    }
  }

  #define(name: string, file: string, line: number): void {
    this.#current = {
      name,
      file,
      line,
      type: undefined,
      depends: [],
      outer: this.#blocks.flatMap(({ conditions }) => conditions),
      hasPrompt: false,
      choice: this.#blocks.some(({ kind }) => kind === 'choice'),
    }
    this.#drafts.push(this.#current)
  }

  #depends(condition: string): void {
    if (this.#current) this.#current.depends.push(condition)
    else this.#blocks.at(-1)?.conditions.push(condition)
  }

  #type(word: string, argument: string): void {
    if (!this.#current) return
    if (word !== 'prompt') this.#current.type = word.replace('def_', '')
    if (!/["']/.test(argument) || word.startsWith('def_')) return
    this.#current.hasPrompt = true
    // `bool "text" if COND`: without COND nobody can set it.
    const condition = / if (.+)$/.exec(argument.slice(argument.lastIndexOf('"') + 1))?.[1]
    if (condition) this.#current.depends.push(condition)
  }

  #select(argument: string): void {
    const target = argument.split(/\s+/)[0] ?? ''
    if (!this.#current) return
    this.#selects.set(target, [...(this.#selects.get(target) ?? []), this.#current.name])
  }
}

/** The largest has 100 KiB. */
const MAX_BYTES = 4 * 1024 * 1024

function textOf(path: string): string {
  try {
    return textOutside(path, MAX_BYTES)
  } catch (error) {
    throw new InfraError('KCONFIG', `cannot read ${path}: ${messageOf(error)}`, { cause: error })
  }
}

/** A comment begins with a blank and a hash. */
function withoutComment(line: string): string {
  const at = line.search(/\s#/)
  return at < 0 ? line : line.slice(0, at)
}
