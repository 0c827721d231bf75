// npm run bench [-- --full]: klab against floors and peers, side by side in one run. Prints a Markdown table.
// --full adds the two kernel builds (about 15 minutes on 2 cores).
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'

import { cpio, S_IFREG } from '../src/guest/cpio.ts'
import { initramfs } from '../src/guest/index.ts'
import { findProgram } from '../src/host/index.ts'
import { inTurns, markdown, seconds, timed, type Row } from './measure.ts'
import { HOME, KLAB, TREE } from './places.ts'
import { vms } from './vms.ts'

const env = { ...process.env, KLAB_HOME: HOME }
const tree = TREE
const dir = mkdtempSync(join(tmpdir(), 'klab-bench-'))
const rows: Row[] = []
const klab = (...args: string[]) => timed([KLAB, ...args], { env })

function add(row: Row): void {
  rows.push(row)
  const { what, ours, baseline = '', ratio, limit, met } = row
  console.error(
    `${what}: ${ours} (${baseline}) ${ratio?.toFixed(2) ?? ''} limit ${limit}: ${met ? 'met' : 'NOT MET'}`,
  )
}

const id = execFileSync(KLAB, ['build', '-q', '--tree', tree], { env }).toString().trim()
const image = join(HOME, 'cache/kernels', id, 'image')

/** The floor of a boot: the same QEMU, machine and kernel, and an initramfs of one file that ends at once. */
function floorCommand(): string[] {
  const source = join(dir, 'floor.c')
  writeFileSync(source, '#include <sys/reboot.h>\nint main(void) { return reboot(RB_AUTOBOOT); }\n')
  execFileSync('gcc', ['-static', '-Os', '-s', '-o', join(dir, 'floor'), source])
  writeFileSync(
    join(dir, 'floor.cpio'),
    cpio([{ path: 'init', mode: S_IFREG | 0o755, data: readFileSync(join(dir, 'floor')) }]),
  )
  const facts = JSON.parse(execFileSync(KLAB, ['doctor', '--json'], { env }).toString())
  const kvm = facts.findings.find((finding: { name: string }) => finding.name === 'KVM')
  const ghz = /a ([\d.]+) GHz/.exec(kvm.detail)?.[1]
  const clock =
    kvm.state === 'ok'
      ? ''
      : `tsc=reliable no_timer_check tsc_early_khz=${Math.round(Number(ghz) * 1e6)}`
  return [
    ['qemu-system-x86_64', '-nodefaults', '-no-user-config', '-machine', 'microvm,rtc=on'],
    kvm.state === 'ok'
      ? ['-accel', 'kvm', '-cpu', 'host']
      : ['-accel', 'tcg,thread=multi', '-cpu', 'max'],
    [
      '-smp',
      '2',
      '-m',
      '1024M',
      '-display',
      'none',
      '-no-reboot',
      '-serial',
      `file:${join(dir, 'floor.log')}`,
    ],
    ['-kernel', image, '-initrd', join(dir, 'floor.cpio')],
    ['-append', `console=ttyS0 panic=-1 reboot=t ${clock}`],
  ].flat()
}

async function boots(): Promise<void> {
  const floor = floorCommand()
  const run = (...options: string[]) => klab('run', '-q', '--no-stdin', ...options, '--', 'true')
  // The templates are there then.
  await run('--tree', tree)
  await run('--kernel', id)
  const [floorMs = 0, coldMs = 0, knownMs = 0, warmMs = 0, warmTreeMs = 0] = await inTurns(
    9,
    () => timed(floor),
    () => run('--fresh', '--tree', tree),
    () => run('--fresh', '--kernel', id),
    () => run('--kernel', id),
    () => run('--tree', tree),
  )
  const aboveFloor = (what: string, ms: number) =>
    add({
      what,
      ours: seconds(ms),
      baseline: `${seconds(floorMs)} floor`,
      ratio: ms / floorMs,
      limit: '1.60',
      met: ms / floorMs <= 1.6,
    })
  aboveFloor('cold `klab run --fresh -- true` in a tree', coldMs)
  aboveFloor('cold `klab run --fresh --kernel ID -- true`', knownMs)
  const warm = (what: string, ms: number, limitMs: number) =>
    add({ what, ours: seconds(ms), limit: seconds(limitMs), met: ms <= limitMs })
  warm('warm `klab run --kernel ID -- true`', warmMs, 300)
  warm('warm `klab run -- true` in a tree', warmTreeMs, 330)
  await ownTime()
  const vng = findProgram('vng', process.env['PATH'])
  if (vng === undefined) return
  const [vngMs = 0, oursMs = 0] = await inTurns(
    3,
    () => timed([vng, '--disable-kvm', '--run', image, '--', 'true']),
    () => klab('run', '-q', '--no-stdin', '--fresh', '--kernel', id, '--', 'true'),
  )
  add({
    what: 'the same by virtme-ng',
    ours: seconds(oursMs),
    baseline: `${seconds(vngMs)} vng`,
    ratio: oursMs / vngMs,
    limit: '1.00',
    met: oursMs <= vngMs,
  })
}

/** All of a run that is not the VM: the time from the start of klab to QEMU's, and from the end of QEMU to klab's. */
async function ownTime(): Promise<void> {
  const own: number[] = []
  for (let round = 0; round < 7; round++) {
    const startedAt = Date.now()
    const output = execFileSync(
      KLAB,
      ['run', '-q', '--no-stdin', '--fresh', '--events', '--kernel', id, '--', 'true'],
      { env },
    ).toString()
    const wall = Date.now() - startedAt
    const events = output
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    const boot = events.find(({ phase }) => phase === 'command')
    // From the boot's own clock: QEMU's start is `command` minus its phase time; the grace is not work.
    const beforeBoot = Date.parse(boot.time) - boot.ms - startedAt
    const outcome = events.at(-1)
    own.push(beforeBoot + (startedAt + wall - Date.parse(outcome.time)))
  }
  const ms = own.toSorted((a, b) => a - b)[3] ?? 0
  add({
    what: "klab's own time around a boot",
    ours: seconds(ms),
    limit: '0.200 s',
    met: ms <= 200,
  })
}

async function small(): Promise<void> {
  const [versionMs = 0, nodeMs = 0] = await inTurns(
    9,
    () => klab('--version'),
    () => timed([process.execPath, '-e', '0']),
  )
  add({
    what: '`klab --version`',
    ours: seconds(versionMs),
    baseline: `${seconds(nodeMs)} bare node`,
    ratio: versionMs / nodeMs,
    limit: '0.120 s',
    met: versionMs <= 120,
  })

  const objects = execFileSync('sh', [
    '-c',
    'ls -td "$1"/cache/builds/minimal-*/objects | head -n 1',
    'sh',
    HOME,
  ])
    .toString()
    .trim()
  const [planMs = 0, makeMs = 0] = await inTurns(
    3,
    () => klab('build', '-q', '--tree', tree),
    () => noopMake(objects),
  )
  add({
    what: 'up-to-date check of a full tree (all of `klab build`)',
    ours: seconds(planMs),
    baseline: `${seconds(makeMs)} no-op make`,
    ratio: planMs / makeMs,
    limit: '0.500 s',
    met: planMs <= 500,
  })

  const agent = readFileSync(
    execFileSync('sh', ['-c', 'ls -t "$1"/cache/native/klab-agent-* | head -n 1', 'sh', HOME])
      .toString()
      .trim(),
  )
  const [initramfsMs = 0] = await inTurns(9, async () => {
    const startedAt = performance.now()
    writeFileSync(join(dir, 'initramfs'), initramfs(agent, []))
    return performance.now() - startedAt
  })
  add({
    what: 'initramfs for a built-in kernel',
    ours: seconds(initramfsMs),
    limit: '0.050 s',
    met: initramfsMs <= 50,
  })
}

/** A `make` that has nothing to do, in the place where klab built. */
async function noopMake(objects: string): Promise<number> {
  const launcher = execFileSync('sh', [
    '-c',
    'ls -t "$1"/cache/native/klab-launch-* | head -n 1',
    'sh',
    HOME,
  ])
    .toString()
    .trim()
  const place = join(HOME, 'cache/place')
  const inside = (...command: string[]) => [
    launcher,
    '--namespace',
    ...['--bind-ro', tree, join(place, 'source')],
    ...['--bind', objects, join(place, 'build')],
    ...['--parent', String(process.pid), '--', ...command],
  ]
  const map = `-fdebug-prefix-map=${join(place, 'source')}/=`
  const ccache = findProgram('ccache', process.env['PATH']) === undefined ? [] : ['CC=ccache gcc']
  const variables = ['ARCH=x86_64', 'LOCALVERSION=', `KCFLAGS=${map}`, `KAFLAGS=${map}`, ...ccache]
  const build = {
    KBUILD_BUILD_USER: 'klab',
    KBUILD_BUILD_HOST: 'klab',
    KBUILD_BUILD_VERSION: '1',
    KBUILD_BUILD_TIMESTAMP: 'Thu Jan  1 00:00:00 UTC 1970',
  }
  return await timed(
    inside(
      'make',
      '-s',
      '-j2',
      '-C',
      join(place, 'source'),
      `O=${join(place, 'build')}`,
      ...variables,
      'bzImage',
      'modules',
    ),
    { env: { ...process.env, ...build } },
  )
}

async function throughput(): Promise<void> {
  const bytes = 1024 * 1024 * 1024
  const block = Buffer.alloc(1024 * 1024, 7)
  async function* gibibyte() {
    for (let n = 0; n < 1024; n++) yield block
  }
  const run = (...argv: string[]) => ['run', '-q', '--kernel', id, '--', ...argv]
  const [emptyMs = 0, outMs = 0, inMs = 0] = await inTurns(
    3,
    () => klab(...run('true')),
    () => klab(...run('head', '-c', String(bytes), '/dev/zero')),
    () => timed([KLAB, ...run('sh', '-c', 'cat > /dev/null')], { env, input: gibibyte }),
  )
  const rate = (ms: number) => bytes / 1e6 / ((ms - emptyMs) / 1000)
  add({
    what: 'guest to host, stdout',
    ours: `${rate(outMs).toFixed(0)} MB/s`,
    limit: '100 MB/s',
    met: rate(outMs) >= 100,
  })
  add({
    what: 'host to guest, stdin',
    ours: `${rate(inMs).toFixed(0)} MB/s`,
    limit: '50 MB/s',
    met: rate(inMs) >= 50,
  })
}

/** klab's build and plain make of the same configuration, both without ccache; then a rebuild in another directory with it. */
async function builds(): Promise<void> {
  const jobs = cpus().length
  const config = join(HOME, 'cache/kernels', id, 'config')
  const plain = join(dir, 'plain')
  mkdirSync(plain)
  cpSync(config, join(plain, '.config'))
  const fresh = { ...env, KLAB_HOME: join(dir, 'home'), CCACHE_DIR: join(dir, 'ccache') }
  const without = { ...fresh, KLAB_BUILD_CCACHE: 'false', KLAB_HOME: join(dir, 'home0') }
  await timed(['make', '-s', '-C', tree, `O=${plain}`, 'olddefconfig'])
  const plainMs = await timed([
    'make',
    '-s',
    `-j${jobs}`,
    '-C',
    tree,
    `O=${plain}`,
    'bzImage',
    'modules',
  ])
  const oursMs = await timed([KLAB, 'build', '-q', '--tree', tree], { env: without })
  add({
    what: 'build of the minimal kernel',
    ours: seconds(oursMs),
    baseline: `${seconds(plainMs)} make -j${jobs}`,
    ratio: oursMs / plainMs,
    limit: '1.03',
    met: oursMs / plainMs <= 1.03,
  })
  if (findProgram('ccache', process.env['PATH']) === undefined) return
  const firstMs = await timed([KLAB, 'build', '-q', '--tree', tree], { env: fresh })
  const other = join(dir, 'other')
  cpSync(tree, other, { recursive: true, preserveTimestamps: true })
  const againMs = await timed([KLAB, 'build', '-q', '--tree', other], { env: fresh })
  add({
    what: 'rebuild in another directory with ccache',
    ours: seconds(againMs),
    baseline: `${seconds(firstMs)} first build`,
    ratio: againMs / firstMs,
    limit: '0.40',
    met: againMs / firstMs <= 0.4,
  })
}

try {
  await small()
  await boots()
  await throughput()
  await vms({ klab: KLAB, env, id, tree, dir, add })
  if (process.argv.includes('--full')) await builds()
} finally {
  rmSync(dir, { recursive: true, force: true })
}
console.log(
  `${new Date().toISOString().slice(0, 10)}, ${cpus().length} x ${cpus()[0]?.model ?? 'CPU'}, Linux ${execFileSync('uname', ['-r']).toString().trim()}\n`,
)
console.log(markdown(rows))
process.exitCode = rows.every(({ met }) => met) ? 0 : 1
