import type { Command } from 'commander'
export function addRunsCommand(program: Command, finish: (code: number) => void): void {
  program.command('runs').action(() => finish(2))
}
