/** What the errors of this machine's files mean to whoever has to do something about them (errno(3)). */
const SENTENCES: Readonly<Record<string, (where: string) => string>> = {
  ENOSPC: (where) =>
    `no space is left on the file system${where}; klab kernel clean, klab template prune and klab runs prune make room (df -h, and df -i for its inodes, tell where it went)`,
  EDQUOT: (where) =>
    `the disk quota is used up${where}; klab kernel clean, klab template prune and klab runs prune make room`,
  EFBIG: (where) =>
    `a file would become larger than this process may make it${where}; ulimit -f tells the limit`,
  EROFS: (where) =>
    `the file system is read-only${where}; set KLAB_HOME to a directory that can be written`,
  EMFILE: (where) => `too many files are open${where}; ulimit -n tells the limit, and raises it`,
  ENFILE: (where) => `too many files are open on this machine${where}`,
}

/** An error of the operating system as one sentence; undefined for what is none. */
export function systemProblem(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined
  const { code, path, syscall, message } = error as NodeJS.ErrnoException
  if (code === undefined || !/^E[A-Z0-9]+$/.test(code)) return undefined
  const where = path === undefined ? '' : ` of ${path}`
  const known = SENTENCES[code]?.(where)
  if (known !== undefined) return known
  return path === undefined && syscall === undefined ? undefined : message
}

/** Whether an error says that what was to be written has no place: what can be done without is left out then. */
export function isNoRoom(error: unknown): boolean {
  const { code } = (error ?? {}) as NodeJS.ErrnoException
  return ['ENOSPC', 'EDQUOT', 'EFBIG', 'EROFS'].includes(code ?? '')
}
