import { InfraError } from '../../base/index.ts'
import type { Agent, ExecEnd, ExecRequest } from '../../guest/index.ts'
import { describeExit, start } from '../../host/index.ts'

/** tar in a guest. */
export function guestTar(
  agent: Agent,
  argv: readonly string[],
  {
    user,
    stdout,
  }: {
    readonly user: ExecRequest['user']
    readonly stdout: (chunk: Buffer) => Promise<void> | void
  },
) {
  let said = ''
  const request = { argv, env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' }, cwd: '/', user }
  const stderr = (chunk: Buffer) => void (said = (said + chunk.toString()).slice(-2_000))
  const execution = agent.exec(request, { stdout, stderr })
  const finished = execution.ended.then((end) => checkGuestTar(end, said))
  // Where the host's end fails first, that is the error.
  finished.catch(() => undefined)
  return { execution, finished }
}

function checkGuestTar(end: ExecEnd, said: string): void {
  if (end.kind === 'exited' && end.code === 0) return
  if (end.kind === 'not-started')
    throw new InfraError(
      'COPY',
      'the guest has no tar, so it takes single files alone; VMs with --root host have one',
    )
  if (end.kind === 'lost') throw new InfraError('COPY', 'the VM ended in the middle of the copy')
  const last = said.trim().split('\n').at(-1) ?? ''
  throw new InfraError('COPY', `tar failed in the guest: ${last}`)
}

/** Waits for tar on this machine. Throws InfraError with its words. */
export async function checkTar(tar: ReturnType<typeof start>): Promise<void> {
  const exit = await tar.exited
  if (exit.kind === 'exited' && exit.code === 0) return
  const last = tar.stderrTail().trim().split('\n').at(-1) ?? ''
  throw new InfraError('COPY', `tar failed on this machine: ${describeExit(exit)} (${last})`)
}

export function outputOf({ stdout }: ReturnType<typeof start>): AsyncIterable<Uint8Array | string> {
  if (!stdout) throw new Error('tar was started without a pipe')
  return stdout
}
