import { createHash } from 'node:crypto'
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'

import { hasFields, tryDecodeJson } from '../../base/index.ts'
import { writeAtomically, noteIn } from '../../host/index.ts'

/** A file of a project, as it was read. */
interface FileContent {
  readonly path: string
  readonly text: string
}

/** That a user trusts a file with this content at this place. */
export interface Trust {
  readonly path: string
  readonly sha256: string
  readonly at: string
}

/** What the user trusts: a file for each content of each klab.yaml, so that branches may differ, in the state, which is his alone. */
export class TrustStore {
  readonly #dir: string

  constructor(state: string) {
    this.#dir = join(state, 'trust')
  }

  trusts(file: FileContent): boolean {
    return existsSync(this.#place(file))
  }

  async add(file: FileContent): Promise<Trust> {
    const trust = { path: file.path, sha256: sha256(file.text), at: new Date().toISOString() }
    await writeAtomically(this.#place(file), `${JSON.stringify(trust)}\n`)
    return trust
  }

  /** All, the newest first. */
  list(): Trust[] {
    return this.#entries()
      .map(({ trust }) => trust)
      .toSorted((a, b) => b.at.localeCompare(a.at))
  }

  /** Takes back what was said of a file, whatever it contained; returns how often it was. */
  revoke(path: string): number {
    const those = this.#entries().filter(({ trust }) => trust.path === path)
    for (const { place } of those) rmSync(place, { force: true })
    return those.length
  }

  #entries(): { readonly place: string; readonly trust: Trust }[] {
    if (!existsSync(this.#dir)) return []
    return readdirSync(this.#dir).flatMap((name) => {
      const place = join(this.#dir, name)
      const trust = trustIn(place)
      return trust ? [{ place, trust }] : []
    })
  }

  #place({ path, text }: FileContent): string {
    return join(this.#dir, `${sha256(`${path}\0${text}`)}.json`)
  }
}

/** Undefined for what lies there and is none. */
function trustIn(place: string): Trust | undefined {
  return tryDecodeJson(noteIn(place), isTrust)
}

function isTrust(value: unknown): value is Trust {
  return hasFields(value, { path: 'string', sha256: 'string', at: 'string' })
}

export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
