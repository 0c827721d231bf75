// npm run bench:shares: 9p beside virtiofs, on what people do in a kernel tree. Prints a Markdown table.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { HOME, KLAB, TREE } from './places.ts'
import { inTurns, seconds, timed } from './measure.ts'

const env = { ...process.env, KLAB_HOME: HOME }
const dir = mkdtempSync(join(tmpdir(), 'klab-bench-'))
const id = execFileSync(KLAB, ['build', '-q', '--tree', TREE], { env }).toString().trim()

/** Each with nothing in the guest's caches. */
const WORK: Readonly<Record<string, readonly string[]>> = {
  'git status (20,000 files)': ['git', '-C', join(dir, 'repo'), 'status', '--short'],
  'make kernelversion': ['make', '-s', '-C', TREE, 'kernelversion'],
  'find (20,000 files)': ['find', join(dir, 'repo'), '-size', '+1G'],
  'small files, 2,000 read': ['sh', '-c', `cat ${join(dir, 'repo')}/fs/*/*.c | wc -c`],
  'one large file, 512 MiB read': ['dd', `if=${join(dir, 'large')}`, 'of=/dev/null', 'bs=1M'],
}

function prepare(): void {
  const script = `
    mkdir repo && cd repo && git init -q . && cp -r "$1"/fs "$1"/kernel "$1"/include "$1"/mm "$1"/net . &&
    git add . && git -c user.name=b -c user.email=b@localhost commit -qm tree && git status --short`
  execFileSync('sh', ['-ec', script, 'sh', TREE], { cwd: dir, stdio: 'inherit' })
  execFileSync('dd', ['if=/dev/urandom', `of=${join(dir, 'large')}`, 'bs=1M', 'count=512'], {
    stdio: 'ignore',
  })
  writeFileSync(join(dir, 'ready'), '')
}

async function once(transport: string, command: readonly string[]): Promise<number> {
  const name = `bench-${process.pid}`
  const options = ['--kernel', id, '--transport', transport, '--memory', '2G', '--cpus', '1']
  execFileSync(KLAB, ['start', name, '-q', ...options], { env, stdio: 'ignore' })
  try {
    return await timed([KLAB, 'exec', name, '--', ...command], { env })
  } finally {
    execFileSync(KLAB, ['stop', '--force', name], { env, stdio: 'ignore' })
    execFileSync(KLAB, ['rm', name], { env, stdio: 'ignore' })
  }
}

try {
  if (!existsSync(join(dir, 'ready'))) prepare()
  console.log('| what | 9p | virtiofs | ratio |\n|---|---|---|---|')
  for (const [what, command] of Object.entries(WORK)) {
    const [nineP = 0, virtiofs = 0] = await inTurns(
      3,
      () => once('9p', command),
      () => once('virtiofs', command),
    )
    console.log(
      `| ${what} | ${seconds(nineP)} | ${seconds(virtiofs)} | ${(nineP / virtiofs).toFixed(2)} |`,
    )
  }
} finally {
  rmSync(dir, { recursive: true, force: true })
}
