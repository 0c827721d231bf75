import { shellWord } from '../../base/index.ts'
import type { RunRequest } from '../spec/run-request.ts'

/** The command that asks for such a run, its words quoted for a shell. What is as always is left out. Pure. */
export function commandLineOf({
  choice,
  machine,
  argv,
  user,
  cwd,
  env,
  allowReports,
  fresh,
}: RunRequest): string {
  const one = (flag: string, value: string | undefined, usual?: string) =>
    value === undefined || value === usual ? [] : [flag, value]
  const each = (flag: string, values: readonly string[]) => values.flatMap((value) => [flag, value])
  const limit = (ms: number | null) => (ms === null ? undefined : `${ms / 1000}s`)
  const words = [
    ...['klab', 'run'],
    ...one('--kernel', choice.kernel),
    ...one('--cpus', String(machine.cpus), '2'),
    ...one('--memory', `${machine.memory}M`, '1024M'),
    ...one('--type', machine.type, 'auto'),
    ...one('--root', machine.root, 'host'),
    ...each('--share', machine.shares),
    ...one('--net', machine.net, 'none'),
    ...each('--publish', machine.publish),
    ...each('--append', machine.parameters),
    ...one('--timeout', limit(machine.timeout)),
    ...one('--idle-timeout', limit(machine.idleTimeout)),
    ...one('--user', user),
    ...one('--cwd', cwd),
    ...each('--env', env),
    ...each(
      '--allow-report',
      allowReports.flatMap(({ report }) => report ?? []),
    ),
    ...(fresh ? ['--fresh'] : []),
    ...(argv.length > 0 ? ['--', ...argv] : []),
  ]
  return words.map(shellWord).join(' ')
}
