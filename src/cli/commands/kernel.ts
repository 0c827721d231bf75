import type { Command } from 'commander'
export function addKernelCommand(program: Command, finish: (code: number) => void): void {
  program.command('kernel').action(() => finish(2))
}
