import { closeSync, openSync } from 'node:fs'
import { readFile } from 'node:fs/promises'

import { InfraError } from '../../base/index.ts'
import type { Agent } from '../../guest/index.ts'
import type { Terminal } from '../session/terminal.ts'
import { feed } from '../life/command.ts'
import type { Paths } from '../session/paths.ts'
import { attended } from '../vms/attended.ts'
import { agentOf } from '../vms/exec.ts'
import { VmRegistry, type NamedVm } from '../vms/registry.ts'
import { hostKey, userKey, vmName, writeKnownHosts } from './keys.ts'

/** In the guest, on a tmpfs: gone with it. Readable for all but the key: sshd looks as the user who comes. */
const GUEST_DIR = '/run/klab-ssh'
const SSHD_PLACES = ['/usr/sbin/sshd', '/usr/local/sbin/sshd', '/usr/bin/sshd']
const ROOT = { uid: 0, gid: 0, groups: [0] }
const ENVIRONMENT = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' }

/**
 * Connects one ssh client with an sshd in a VM, over the agent's channel: it needs no network, and works while the guest's
 * hangs. The sshd serves this one connection (sshd -i) and ends with it. Returns its exit code. Throws InfraError.
 */
export async function sshProxy(
  paths: Paths,
  host: string,
  { terminal, env }: { readonly terminal: Terminal; readonly env: NodeJS.ProcessEnv },
): Promise<number> {
  const vm = new VmRegistry(paths).getLive(vmName(host))
  using agent = await agentOf(paths, vm)
  return await attended(paths, {
    vm,
    agent,
    work: serveClient(paths, { vm, agent, terminal: marking(terminal, env[MARK]) }),
  })
}

/** In the environment of an ssh that klab starts: the file that its proxy makes when sshd has answered. What goes wrong then goes wrong again. */
export const MARK = 'KLAB_SSH_MARK'

function marking(terminal: Terminal, mark: string | undefined): Terminal {
  if (mark === undefined) return terminal
  let isMade = false
  const stdout = (chunk: Buffer) => {
    if (!isMade) closeSync(openSync(mark, 'wx', 0o600))
    isMade = true
    return terminal.stdout(chunk)
  }
  return { ...terminal, stdout }
}

async function serveClient(
  paths: Paths,
  {
    vm,
    agent,
    terminal,
  }: { readonly vm: NamedVm; readonly agent: Agent; readonly terminal: Terminal },
): Promise<number> {
  const sshd = await prepareGuest(paths, vm, agent)
  let said = ''
  const execution = agent.exec(
    {
      argv: [sshd, '-i', '-e', '-f', `${GUEST_DIR}/sshd_config`],
      ...{ env: ENVIRONMENT, cwd: '/', user: ROOT },
    },
    {
      stdout: terminal.stdout,
      stderr: (chunk) => void (said = (said + chunk.toString()).slice(-4_000)),
    },
  )
  void feed(execution, terminal.stdin)
  const end = await execution.ended
  if (end.kind === 'exited' && end.code === 0) return 0
  const why = said.trim().split('\n').at(-1)
  // A session that was used and closed is told from one that never came to be by sshd itself.
  if (end.kind === 'exited' && end.code === 255) return 255
  throw new InfraError('SSH', `sshd ended in the guest of ${vm.name}: ${why || end.kind}`)
}

/** Throws InfraError for a guest that no attempt will enter: it is paused, does not answer, or has no sshd. */
export async function checkGuest(paths: Paths, vm: NamedVm): Promise<void> {
  using agent = await agentOf(paths, vm)
  await prepareGuest(paths, vm, agent)
}

/** Everything sshd needs, put there once for each life of the VM. Returns the path of sshd. */
async function prepareGuest(paths: Paths, vm: NamedVm, agent: Agent): Promise<string> {
  // Before ssh looks at what sshd says.
  const key = await hostKey(paths, vm)
  writeKnownHosts(paths)
  const kinds = await Promise.all(SSHD_PLACES.map((path) => agent.kindOf(path)))
  const sshd = SSHD_PLACES.find((_, index) => kinds[index] === 'file')
  if (sshd === undefined) {
    throw new InfraError(
      'SSH',
      vm.request.vm.root.kind === 'host'
        ? 'there is no sshd in the guest, which is a view of this machine: install openssh-server here'
        : `there is no sshd in the guest of ${vm.name}; klab exec and klab cp work without one`,
    )
  }
  if ((await agent.kindOf(`${GUEST_DIR}/sshd_config`)) === 'file') return sshd
  const made = await agent.exec(
    {
      // sshd wants the second for its own separation of privileges.
      argv: ['mkdir', '-p', GUEST_DIR, '/run/sshd'],
      ...{ env: ENVIRONMENT, cwd: '/', user: ROOT },
    },
    { stdout: () => undefined, stderr: () => undefined },
  ).ended
  if (made.kind !== 'exited' || made.code !== 0)
    throw new InfraError('SSH', `the guest of ${vm.name} could not be prepared for sshd`)
  const publicKey = await readFile(`${await userKey(paths)}.pub`)
  const put = (name: string, data: Buffer, mode: number) =>
    agent.put(`${GUEST_DIR}/${name}`, data, { mode, uid: 0, gid: 0 })
  await put('host_key', await readFile(key), 0o600)
  await put('authorized_keys', publicKey, 0o644)
  // Last: it says that the rest is there.
  await put('sshd_config', Buffer.from(SSHD_CONFIG), 0o644)
  return sshd
}

const SSHD_CONFIG = `HostKey ${GUEST_DIR}/host_key
AuthorizedKeysFile ${GUEST_DIR}/authorized_keys
PubkeyAuthentication yes
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
UsePAM no
StrictModes no
UseDNS no
PrintMotd no
PidFile none
AcceptEnv LANG LC_*
X11Forwarding no
Subsystem sftp internal-sftp
`
