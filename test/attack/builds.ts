import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

import { compiledTree, edit, imageOf } from '../support/compiled-tree.ts'
import { complaintAbout } from '../support/damage.ts'
import type { KlabResult } from '../support/klab.ts'
import { oneOf, type Random } from '../support/random.ts'
import { Arena, signal } from './arena.ts'
import type { Attacked, Attacker, Kind } from './kind.ts'
import { giveTo, peopleHere } from './people.ts'

/** A build takes about as long. */
const BUILD_MS = 3_000
/** As long may what a killed klab was compiling with live on: it is killed by the kernel, with its namespace. */
const GONE_MS = 2_000

export const builds: Kind = {
  about: 'one process of a build killed at a random moment; the next build makes the same image',
  row: 8,
  begin: async (random) => {
    const arena = await Arena.make(oneOf(peopleHere(), random))
    const tree = compiledTree(join(arena.place, 'tree'))
    giveTo(arena.person, tree)
    return new Builds(arena, tree)
  },
}

class Builds implements Attacker {
  readonly #arena: Arena
  readonly #tree: string
  #number = 1

  constructor(arena: Arena, tree: string) {
    this.#arena = arena
    this.#tree = tree
  }

  async attack(random: Random): Promise<Attacked> {
    const arena = this.#arena
    edit(this.#tree, this.#number++)
    const moment = Math.round(random() * BUILD_MS)
    const going = arena.start(this.#args)
    await Promise.race([sleep(moment), going.ended])
    const all = arena.running()
    const roles = [...new Set(all.map(({ role }) => role))].toSorted()
    const role = roles.length === 0 ? undefined : oneOf(roles, random)
    const victim = all.find((one) => one.role === role)
    if (victim) signal(victim.pid, 'SIGKILL')
    const result = await going.ended
    const hits = [
      ...(role === 'klab' ? await this.#afterKlab() : complain(result)),
      ...(await this.#again()),
    ]
    const what = `SIGKILL of ${role ?? 'nobody'}, ${moment} ms into klab build, as ${arena.person}`
    return { what, sort: role ?? 'too late', hits }
  }

  get #args(): string[] {
    return ['build', '--json', '--tree', this.#tree]
  }

  /** What compiled for it ends with it, where this user may have namespaces. */
  async #afterKlab(): Promise<string[]> {
    if (this.#arena.person === 'bare') return []
    const left = await this.#arena.left(GONE_MS)
    return left.map(({ role, pid }) => `${role} (process ${pid}) has outlived its klab`)
  }

  /** The next build believes nothing that is half. */
  async #again(): Promise<string[]> {
    const result = await this.#arena.klab(this.#args)
    const hits = complain(result, [0])
    if (hits.length > 0) return hits
    const { id } = JSON.parse(result.stdout) as { id: string }
    const image = readFileSync(join(this.#arena.home, 'cache/kernels', id, 'image'))
    const scratch = join(this.#arena.place, 'scratch')
    const isSame = image.equals(imageOf(this.#tree, scratch))
    rmSync(scratch, { recursive: true })
    return isSame ? [] : [`the next build makes another image (kernel ${id})`]
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#arena[Symbol.asyncDispose]()
  }
}

function complain(result: KlabResult, allowed?: readonly number[]): string[] {
  const bad = complaintAbout(result, allowed)
  return bad === undefined ? [] : [`${bad}\n${result.stderr}`]
}
