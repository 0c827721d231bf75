import type { Command } from 'commander'
export function addDoctorCommand(program: Command, finish: (code: number) => void): void {
  program.command('doctor').action(() => finish(2))
}
