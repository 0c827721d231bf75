import { readFileSync, readlinkSync } from 'node:fs'
import { userInfo } from 'node:os'

/** Who does something, and from where: as the kernel and sshd tell, and not as anybody says. */
export interface Origin {
  readonly who: {
    readonly uid: number
    readonly user?: string
    /** Who has logged in, where the system remembers (pam_loginuid): another than `uid` after su or sudo. */
    readonly loginUid?: number
    readonly sudoUser?: string
  }
  readonly from: {
    readonly pid: number
    /** The name of the program that started this one. */
    readonly parent?: string
    readonly cwd: string
    readonly tty?: string
    /** Address and port of the other end of the ssh connection that one is logged in by. */
    readonly ssh?: string
  }
}

/** The kernel's word for: nobody has logged in. */
const NO_LOGIN = 2 ** 32 - 1

const MAX_PLACE = 512

/** Of this process. */
export function originOf(env: NodeJS.ProcessEnv): Origin {
  const user = attempt(() => userInfo().username)
  const loginUid = Number(attempt(() => readFileSync('/proc/self/loginuid', 'latin1')) ?? NO_LOGIN)
  const parent = attempt(() => readFileSync(`/proc/${process.ppid}/comm`, 'utf8').trim())
  const tty = [0, 1, 2].map(terminalAt).find((name) => name !== undefined)
  const { SUDO_USER: sudoUser, SSH_CONNECTION: connection } = env
  const ssh = connection?.split(' ').slice(0, 2).join(' ').slice(0, MAX_PLACE)
  return {
    who: {
      uid: process.getuid?.() ?? 0,
      ...(user !== undefined && { user }),
      ...(loginUid !== NO_LOGIN && { loginUid }),
      ...(sudoUser !== undefined && { sudoUser: sudoUser.slice(0, MAX_PLACE) }),
    },
    from: {
      pid: process.pid,
      ...(parent !== undefined && { parent }),
      cwd: (attempt(() => process.cwd()) ?? '').slice(0, MAX_PLACE),
      ...(tty !== undefined && { tty }),
      ...(ssh !== undefined && { ssh }),
    },
  }
}

function terminalAt(descriptor: number): string | undefined {
  const target = attempt(() => readlinkSync(`/proc/self/fd/${descriptor}`))
  return target !== undefined && /^\/dev\/(?:pts\/|tty)/.test(target) ? target : undefined
}

/** What is not told is left out: an account without a name, a directory that is gone. */
function attempt<T>(tell: () => T): T | undefined {
  try {
    return tell()
  } catch {
    return undefined
  }
}
