import type { Command } from 'commander'
export function addConfigCommand(program: Command, finish: (code: number) => void): void {
  program.command('config').action(() => finish(2))
}
