import { lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { complaintAbout } from '../support/damage.ts'
import { oneOf, type Random } from '../support/random.ts'
import { Arena } from './arena.ts'
import type { Attacked, Attacker, Kind } from './kind.ts'

/** What is done to a name in the guest; `NAME`, `OTHER` are names, `HOST` is a directory of this machine that is none of the guest's business. */
const DEEDS = [
  'ln -sfn HOST NAME',
  'ln -sfn HOST/file NAME',
  'ln -sfn HOST/new NAME',
  'ln -sfn ../../../../../../HOST NAME',
  'ln -sfn ../OTHER NAME',
  'ln -sfn . NAME',
  'ln -sfn OTHER NAME',
  'ln -f OTHER NAME',
  'rm -rf NAME; mkdir -p NAME; echo evil > NAME/file; echo evil > NAME/new',
  'rm -rf NAME; mkdir -p NAME/OTHER; ln -sfn HOST NAME/OTHER/up',
  'rm -rf NAME; echo evil > NAME',
  'rm -rf NAME; mkfifo NAME',
  'rm -rf NAME; mknod NAME b 8 0',
  'rm -rf NAME; mknod NAME c 1 3',
  'rm -rf NAME; cp /bin/true NAME; chmod 6755 NAME',
  'chmod 0 NAME',
  'chmod 7777 NAME',
  'chown 1234:1234 NAME',
  'mv NAME OTHER',
  'mv OTHER NAME/',
  'truncate -s 1G NAME',
  'setfattr -n user.evil -v 1 NAME',
  'mount --bind / NAME',
] as const

const NAMES = [
  'x',
  'dir',
  'fresh',
  'dir/file',
  'x/new',
  "$'a\\nb'",
  "$'\\e[2J'",
  '..x',
  '-rf',
] as const

export const guestFiles: Kind = {
  about: 'a guest that lays links, devices and set-ID files before klab cp, and in a rw share',
  row: 12,
  begin: async (random) => {
    const arena = await Arena.make(process.getuid?.() === 0 ? 'root' : 'user')
    const attacker = new GuestFiles(arena)
    await attacker.start(random() < 0.5 ? '9p' : 'virtiofs')
    return attacker
  },
}

class GuestFiles implements Attacker {
  readonly #arena: Arena
  readonly #host: string
  readonly #share: string
  #transport = ''

  constructor(arena: Arena) {
    this.#arena = arena
    this.#host = join(arena.place, 'host')
    this.#share = join(arena.place, 'share')
    for (const dir of [this.#host, this.#share]) mkdirSync(dir)
    writeFileSync(join(this.#host, 'file'), 'mine\n')
  }

  async start(transport: '9p' | 'virtiofs'): Promise<void> {
    const { kernel } = this.#arena
    this.#transport = transport
    const share = ['--share', `rw:${this.#share}:/mnt/s`, '--transport', transport]
    const { code, stderr } = await this.#arena.klab([
      'start',
      '-q',
      'box',
      '--kernel',
      kernel,
      ...share,
    ])
    if (code !== 0) throw new Error(stderr)
  }

  async attack(random: Random): Promise<Attacked> {
    const place = oneOf(['/tmp/out', '/mnt/s'], random)
    const hits: string[] = []
    const done: string[] = []
    for (let round = 0; round < 2; round++) {
      const script = this.#script(random)
      done.push(script)
      const within = `mkdir -p ${place}; cd ${place} || exit; ${script}; true`
      await this.#guest(within)
      // A share is here already.
      if (place === '/mnt/s') continue
      const source = oneOf(
        [place, `${place}/.`, `${place}/${oneOf(NAMES.slice(0, 5), random)}`],
        random,
      )
      const target = oneOf(
        [this.#arena.out, join(this.#arena.out, 'out'), join(this.#arena.out, 'x')],
        random,
      )
      const copied = await this.#arena.klab(['cp', `box:${source}`, target])
      const bad = complaintAbout(copied, [0, 2, 125])
      if (bad !== undefined) hits.push(`klab cp ${source}: ${bad}\n${copied.stderr}`)
      done.push(`cp ${source} ${target.slice(this.#arena.place.length)}`)
    }
    hits.push(...this.#wrong())
    await this.#clean(place)
    const sort = place === '/tmp/out' ? 'cp' : `rw by ${this.#transport}`
    return { what: done.join(' | '), sort, hits }
  }

  #script(random: Random): string {
    const deeds = Array.from({ length: 1 + Math.floor(random() * 6) }, () =>
      oneOf(DEEDS, random)
        .replaceAll('NAME', `./${oneOf(NAMES, random)}`)
        .replaceAll('OTHER', oneOf(NAMES.slice(0, 5), random))
        .replaceAll('HOST', this.#host),
    )
    return deeds.map((deed) => `{ ${deed}; } 2>/dev/null`).join('\n')
  }

  async #guest(script: string): Promise<void> {
    await this.#arena.klab(['exec', '--user', 'root', 'box', '--', 'bash', '-c', script])
  }

  /** What a guest must not have done to this machine. */
  #wrong(): string[] {
    const names = readdirSync(this.#host)
    const hits = names.length === 1 ? [] : [`it has written to this machine: ${names.join(', ')}`]
    if (readFileSync(join(this.#host, 'file'), 'utf8') !== 'mine\n')
      hits.push('it has overwritten a file of this machine')
    for (const dir of [this.#arena.out, this.#share]) hits.push(...privileged(dir))
    return hits
  }

  async #clean(place: string): Promise<void> {
    await this.#guest(`cd ${place} && find . -xdev -mindepth 1 -delete`)
    for (const dir of [this.#arena.out, this.#share])
      for (const name of readdirSync(dir)) rmSync(join(dir, name), { recursive: true, force: true })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#arena[Symbol.asyncDispose]()
  }
}

/** Files that would be more than their user's own. */
function privileged(dir: string): string[] {
  // By entries: names alone would be followed through links.
  const entries = readdirSync(dir, { recursive: true, withFileTypes: true })
  return entries.flatMap(({ parentPath, name }) => {
    const facts = lstatSync(join(parentPath, name), { throwIfNoEntry: false })
    if (!facts) return []
    const path = JSON.stringify(join(parentPath, name))
    const isSet = (facts.mode & 0o6000) !== 0 && facts.isFile()
    return [
      ...(isSet ? [`${path} is set-ID`] : []),
      ...(facts.uid === process.getuid?.() ? [] : [`${path} belongs to ${facts.uid}`]),
      ...(facts.isBlockDevice() || facts.isCharacterDevice() ? [`${path} is a device`] : []),
    ]
  })
}
