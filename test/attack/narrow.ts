import { SmallDisk } from '../support/small-disk.ts'
import { oneOf, type Random } from '../support/random.ts'
import type { Attacked, Attacker, Kind } from './kind.ts'

/** What is done where there is little room; each line is a script of SmallDisk. */
const LINES = [
  'run -q --memory 256M -- true',
  'run -q --memory 256M --fresh -- true',
  'run -q --memory 256M --user root -- sh -c "dmesg > /dev/kmsg; true"',
  'run -q --memory 256M --user root --on-crash dump -- sh -c "echo PANIC > /sys/kernel/debug/provoke-crash/DIRECT"',
  'klab start -q box --memory 256M --root none --kernel $KERNEL',
  'klab rm --force box',
  'klab snapshot box one',
  'klab fork box twin',
  'klab dump box -o $DISK/dump',
  'klab dump box --format kdump -o $DISK/kdump',
  'klab cp /usr/bin/perl box:/perl',
  'klab cp box:/perl $DISK/perl',
  'klab cp box:/proc $DISK/proc',
  'klab runs',
  'klab runs prune --keep 1',
  'klab ps',
  'klab crash ls',
  'klab crash export $(klab crash ls --json | grep -o "[0-9a-f]\\{12\\}" | head -1) -o $DISK/bug.tar.gz',
  'klab template prune --size 0',
  'klab kernel ls',
  'klab config set --user machine.cpus 1',
  'klab exec box -- /none',
  'klab stop box',
] as const

/** What has to be so when there is room again. */
const AFTER = `
  echo AFTER
  run -q --memory 256M -- true && echo goes-on || echo "it does not go on: $?"
  klab rm --force box twin 2>/dev/null || true
  klab ps >/dev/null && klab runs >/dev/null && echo listed
  find $DISK/home/state $DISK/home/cache $DISK/home/run -name '*.tmp' -o -name '*.making' -o -name '*.partial' -o -name initramfs | sed 's/^/left: /'`

/** What no klab says, however narrow it is. */
const TRACE = /^\s+at .*[:(]\d+|bug in klab|Unhandled|Uncaught|node:internal/m

/** Some commands under a limit, each by itself. */
interface Narrowness {
  readonly sort: string
  readonly options: string
  /** Before each command. */
  readonly limit: string
  readonly setUp: string
  readonly tearDown: string
}

function kindOf(about: string, narrow: (random: Random) => Narrowness): Kind {
  return {
    about,
    row: 12,
    begin: async () => new Narrow(await SmallDisk.make(), narrow),
  }
}

export const disk = kindOf('a disk with random room left, down to none', (random) => {
  const left = Math.floor(2 ** (random() * 16)) - 1
  return {
    ...{ sort: left < 64 ? 'below 64 KiB' : left < 4_096 ? 'below 4 MiB' : 'below 64 MiB' },
    ...{ options: 'size=320m', limit: '' },
    setUp: `head -c $(( ($(df --output=avail -k $DISK | tail -1) - ${left}) * 1024 )) /dev/zero > $DISK/fill 2>&- || true`,
    tearDown: 'rm -f $DISK/fill',
  }
})

export const limits = kindOf('random limits on files, descriptors, processes, memory', (random) => {
  const kind = oneOf(['-f', '-n', '-v', '-s', '-l'] as const, random)
  const value = Math.round(
    {
      '-f': 2 ** (random() * 18),
      '-n': 16 + random() * 100,
      '-v': 2 ** (20 + random() * 5),
      '-s': 2 ** (8 + random() * 6),
      '-l': random() * 64,
    }[kind],
  )
  const limit = `ulimit ${kind} ${value};`
  return { sort: `ulimit ${kind}`, options: 'size=400m', limit, setUp: '', tearDown: '' }
})

class Narrow implements Attacker {
  readonly #disk: SmallDisk
  readonly #narrow: (random: Random) => Narrowness

  constructor(small: SmallDisk, narrow: (random: Random) => Narrowness) {
    this.#disk = small
    this.#narrow = narrow
  }

  async attack(random: Random): Promise<Attacked> {
    const narrow = this.#narrow(random)
    const lines = [0, 1, 2, 3].map(() => oneOf(LINES, random))
    const { options, limit, setUp, tearDown, sort } = narrow
    // Node itself does not come up in some of them: that is no klab yet.
    const tried = lines.map(
      (line) => `if (${limit} node -e 0) >/dev/null 2>&1; then (${limit} code ${line}); fi`,
    )
    const { stdout, stderr, exit } = await this.#disk.script(
      options,
      `KERNEL=$(ls $KLAB_HOME/cache/kernels)
      klab start -q box --memory 256M --root none --kernel $KERNEL >/dev/null
      ${setUp}
      ${tried.join('\n')}
      ${tearDown}
      ${AFTER}`,
    )
    const what = `${limit || setUp}: ${lines.join('; ')}`
    const [said = '', after = ''] = stdout.split('AFTER\n')
    const codes = [...said.matchAll(/^=> (\d+)$/gm)].map(([, code]) => Number(code))
    const wrong = codes.filter((code) => ![0, 2, 100, 124, 125, 126, 127].includes(code))
    const hits = [
      ...(exit.kind === 'exited' && exit.code === 0 ? [] : ['the script of the attack failed']),
      ...wrong.map((code) => `a command exits with ${code}`),
      ...(TRACE.test(stderr) ? ['it printed a stack trace'] : []),
      ...(after === 'goes-on\nlisted\n' ? [] : [`afterwards: ${after.trim()}`]),
    ]
    return { what, sort, hits: hits.map((hit) => `${hit}\n${stdout}${stderr}`) }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disk[Symbol.dispose]()
  }
}
