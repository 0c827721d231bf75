import { readFileSync } from 'node:fs'

/** shadow(5) for a guest: this machine's accounts with no password at all. Without one su and sshd know nobody (pam_unix). */
export function guestShadow(): string {
  return readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':')[0] ?? '')
    .filter((name) => /^[\w.$-]+$/.test(name))
    .map((name) => `${name}:*:1:0:99999:7:::\n`)
    .join('')
}
