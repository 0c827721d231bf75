import type { Command } from 'commander'

import { describeOutcome, exitCodeOf, ssh, vms } from '../../lab/index.ts'
import { UsageError } from '../../base/index.ts'
import { currentPaths } from '../lab.ts'
import { out } from '../render/print.ts'

type Finish = (code: number) => void

async function open() {
  const [paths, useCases] = await Promise.all([currentPaths(), vms()])
  return { paths, ...useCases, registry: new useCases.VmRegistry(paths) }
}

export function addPauseCommand(program: Command, finish: Finish): void {
  program
    .command('pause <vm...>')
    .description('stop the virtual CPUs of running VMs')
    .action((names: string[]) => toggle(names, 'pause').then(finish))
}

export function addResumeCommand(program: Command, finish: Finish): void {
  program
    .command('resume <vm...>')
    .description('let paused VMs go on')
    .action((names: string[]) => toggle(names, 'resume').then(finish))
}

async function toggle(names: readonly string[], what: 'pause' | 'resume'): Promise<number> {
  const { paths, ask, registry } = await open()
  for (const name of names) await ask(paths, registry.getLive(name), { do: what })
  return 0
}

export function addStopCommand(program: Command, finish: Finish): void {
  program
    .command('stop <vm...>')
    .summary('end running VMs')
    .description('end running VMs: power off, or after a while and with --force at once')
    .option('--force', 'do not ask the guest')
    .action(async (names: string[], { force }: { force?: boolean }) => {
      const { paths, endVm, registry } = await open()
      const live = names.map((name) => registry.getLive(name))
      await Promise.all(live.map((vm) => endVm(paths, vm, { force: force ?? false })))
      finish(0)
    })
}

export function addWaitCommand(program: Command, finish: Finish): void {
  program
    .command('wait <vm>')
    .description('wait until a VM has ended; exit as klab run would')
    .action(async (name: string) => {
      const { paths, registry, waitFor } = await open()
      const outcome = await waitFor(paths, registry.get(name))
      if (outcome) out.line(describeOutcome(outcome))
      finish(outcome ? exitCodeOf(outcome) : 0)
    })
}

export function addRenameCommand(program: Command, finish: Finish): void {
  program
    .command('rename <vm> <new-name>')
    .description('give a VM another name, also while it runs')
    .action(async (from: string, to: string) => {
      const { paths, registry } = await open()
      registry.rename(from, to)
      await (await ssh()).refreshSshConfig(paths, process.env['KLAB_HOME'])
      finish(0)
    })
}

export function addRemoveCommand(program: Command, finish: Finish): void {
  program
    .command('rm <vm...>')
    .description('forget VMs that are stopped; their runs stay in the history')
    .option('--force', 'end those that run first; also those whose record is damaged')
    .action(async (names: string[], { force }: { force?: boolean }) => {
      const { paths, endVm, registry } = await open()
      for (const name of names) {
        if (force && registry.isDamaged(name)) {
          registry.removeDamaged(name)
          continue
        }
        const vm = registry.get(name)
        if (vm.state !== 'stopped' && !force)
          throw new UsageError(`the VM ${name} runs; klab stop ${name} first, or --force`)
        if (vm.state !== 'stopped') await endVm(paths, vm, { force: true })
        registry.remove(vm)
      }
      await (await ssh()).refreshSshConfig(paths, process.env['KLAB_HOME'])
      finish(0)
    })
}
