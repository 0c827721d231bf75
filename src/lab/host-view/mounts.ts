/** What is mounted where, from /proc/self/mountinfo (proc_pid_mountinfo(5)). */
export interface Mount {
  readonly device: string
  /** What of the file system is seen there. */
  readonly root: string
  readonly point: string
  readonly type: string
}

/** Pure; a line that is none is left out. */
export function parseMounts(mountinfo: string): Mount[] {
  return mountinfo.split('\n').flatMap((line) => {
    const [, , device, root, point, ...rest] = line.split(' ')
    const type = rest[rest.indexOf('-') + 1]
    if (device === undefined || root === undefined || point === undefined || type === undefined)
      return []
    return [{ device, root: unescaped(root), point: unescaped(point), type }]
  })
}

/** Blanks and the like are octal numbers there. */
function unescaped(path: string): string {
  if (!path.includes('\\')) return path
  return Buffer.from(
    path.replaceAll(/\\([0-7]{3})/g, (_, digits: string) =>
      String.fromCodePoint(Number.parseInt(digits, 8)),
    ),
    'latin1',
  ).toString()
}

/** Those that hold files. All others tell of the machine and its processes (proc, sysfs, cgroup, devpts …), or mount by being looked at (autofs). */
const HOLD_FILES: ReadonlySet<string> = new Set(
  [
    'rootfs ext2 ext3 ext4 xfs btrfs f2fs bcachefs zfs jfs reiserfs nilfs2 ufs minix',
    'vfat msdos exfat ntfs ntfs3 fuseblk hfs hfsplus apfs udf iso9660',
    'squashfs erofs cramfs romfs ubifs jffs2 tmpfs ramfs overlay aufs ecryptfs',
    'nfs nfs4 cifs smb3 9p virtiofs ceph afs gfs2 ocfs2 lustre gpfs orangefs vboxsf vmhgfs prl_fs',
    'fuse fuse.sshfs fuse.mergerfs fuse.bindfs fuse.fuse-overlayfs fuse.s3fs fuse.glusterfs',
    'fuse.juicefs fuse.unionfs fuse.vmhgfs-fuse fuse.virtiofs fuse.ntfs-3g fuse.squashfuse',
  ].flatMap((types) => types.split(' ')),
)

export function holdsFiles({ type }: Mount): boolean {
  return HOLD_FILES.has(type)
}
