import type { Command } from 'commander'

import { kernelCache } from '../../lab/index.ts'
import { lookingLab } from '../lab.ts'

import { formatBytes, InfraError, parseSizeBytes, UsageError } from '../../base/index.ts'
import { printPruned } from '../render/pruned.ts'
import { table } from '../render/table.ts'
import { err, out } from '../render/print.ts'

interface Flags {
  readonly json?: boolean
  readonly size?: string
  readonly all?: boolean
  readonly buildDir?: boolean
}

export function addKernelCommand(program: Command, finish: (code: number) => void): void {
  const kernel = program.command('kernel').description('the kernels that klab built')
  kernel.addHelpText(
    'after',
    '\nExamples:\n  klab kernel ls\n  klab kernel show 3f2a\n  make -C "$(klab kernel show 3f2a --build-dir)" M=$PWD modules\n  klab kernel clean --size 5G',
  )
  kernel
    .command('ls')
    .description('list them, last used first')
    .option('--json', 'as JSON')
    .action(async (flags: Flags) => {
      await list(flags)
      finish(0)
    })
  kernel
    .command('show <kernel-id>')
    .description('all that is known of one')
    .option('--build-dir', 'print the directory alone against which modules for it are built')
    .option('--json', 'as JSON')
    .action(async (id: string, flags: Flags) => {
      await show(id, flags)
      finish(0)
    })
  kernel
    .command('rm <kernel-id...>')
    .description('remove kernels; not one that a run uses')
    .action(async (ids: string[]) => {
      await remove(ids)
      finish(0)
    })
  kernel
    .command('clean')
    .description('remove what was used longest ago, until kernels and build directories fit')
    .option('--size <size>', 'what may be kept (default: limits.kernels)')
    .option('--all', 'keep nothing that is not in use')
    .option('--json', 'as JSON')
    .action(async (flags: Flags) => {
      await clean(flags)
      finish(0)
    })
}

async function open() {
  const [lab, useCases] = await Promise.all([lookingLab(), kernelCache()])
  return { lab, useCases, store: useCases.kernelStore(lab) }
}

async function list({ json }: Flags): Promise<void> {
  const { store } = await open()
  for (const id of await store.damaged())
    err.line(
      `klab: the kernel ${id} is left out: it is damaged; klab build makes it again, klab kernel rm ${id} removes it`,
    )
  const kernels = await Promise.all(
    (await store.list()).map(async ({ manifest, usedAt }) => ({
      ...manifest,
      usedAt: usedAt.toISOString(),
      bytes: await store.size(manifest.id),
    })),
  )
  if (json) {
    out.json(kernels)
    return
  }
  const rows = kernels.map((k) => [
    k.id,
    k.release,
    k.profile,
    (k.commit ?? 'plain').slice(0, 12) + (k.dirty ? '+' : ''),
    formatBytes(k.bytes),
    k.usedAt.slice(0, 16).replace('T', ' '),
    k.tree,
  ])
  if (rows.length === 0) out.line('no kernels; klab build makes one')
  else out.line(table(['id', 'release', 'profile', 'commit', 'size', 'used', 'tree'], rows))
}

async function show(prefix: string, { json, buildDir }: Flags): Promise<void> {
  const { store, useCases } = await open()
  const manifest = await store.find(prefix)
  if (!manifest)
    throw new InfraError('KERNEL', `there is no kernel ${prefix}; klab kernel ls lists them`)
  const found = useCases.buildDirectoryOf(manifest)
  const dir = found.kind === 'there' ? found.dir : undefined
  const why =
    found.kind === 'taken'
      ? `it is kernel ${found.by}'s now, of the same tree and configuration`
      : 'it is gone'
  if (buildDir) {
    if (dir === undefined)
      throw new InfraError(
        'KERNEL',
        `kernel ${manifest.id} has no build directory: ${why}; klab kernel rm ${manifest.id} and klab build make it again`,
      )
    out.line(dir)
    return
  }
  const all = {
    ...manifest,
    directory: store.directory(manifest.id),
    buildDir: dir ?? null,
    bytes: await store.size(manifest.id),
  }
  const { files: _files, ...told } = all
  if (json) out.json(all)
  else
    for (const [name, value] of Object.entries({ ...told, buildDir: dir ?? `none: ${why}` }))
      out.line(`${name.padEnd(12)} ${typeof value === 'object' ? value.join(' ') : value}`)
}

async function remove(prefixes: readonly string[]): Promise<void> {
  const { lab, store, useCases } = await open()
  for (const prefix of prefixes) {
    // Not its manifest: what is damaged must be removable.
    const id = store.idOf(prefix)
    if (id === undefined)
      throw new InfraError('KERNEL', `there is no kernel ${prefix}; klab kernel ls lists them`)
    await useCases.removeKernel(lab, id)
    out.line(`removed ${id}`)
  }
}

async function clean({ json, size, all }: Flags): Promise<void> {
  const { lab, useCases } = await open()
  const limit = all ? 0 : size === undefined ? lab.config.limits.kernels : parseSizeBytes(size)
  if (limit === undefined) throw new UsageError(`--size ${size} is not a size such as 5G`)
  printPruned(await useCases.cleanCache(lab, limit), { json: json ?? false })
}
