import { userInfo } from 'node:os'

/** Whose processes these are. */
export interface OwnAccount {
  readonly name: string
  readonly uid: number
  readonly gid: number
  readonly home?: string
  readonly shell?: string
  readonly groups: readonly number[]
}

/** From the files of this machine, or from LDAP, SSSD and the like; the name is the number where there is no account, as in containers. */
export function ownAccount(): OwnAccount {
  const [uid, gid] = [process.getuid?.() ?? 0, process.getgid?.() ?? 0]
  const groups = process.getgroups?.() ?? []
  try {
    const { username, homedir, shell } = userInfo()
    return { name: username, uid, gid, groups, home: homedir, ...(shell !== null && { shell }) }
  } catch {
    return { name: String(uid), uid, gid, groups }
  }
}
