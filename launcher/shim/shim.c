/*
 * Preloaded into QEMU and virtiofsd where they write to this machine what a guest says. The filter of klab-launch
 * (launcher/plain-files.c) refuses set-ID bits; here they are left out, so that the rest of a mode is set.
 *
 * And QEMU 7.2 to 9.1 refuses FIFOs and sockets on 9p by mistake: since the mending of CVE-2023-2861 it opens no special
 * file, and it wants to open what it has just made, to set its mode. It opens it by O_PATH alone, which lets nobody read or
 * write, so there it is told of a plain file.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif
#define PLAIN(mode) ((mode) & 01777)

int chmod(const char *path, mode_t mode)
{
	return syscall(SYS_fchmodat, AT_FDCWD, path, PLAIN(mode));
}

int fchmod(int fd, mode_t mode)
{
	return syscall(SYS_fchmod, fd, PLAIN(mode));
}

int fchmodat(int fd, const char *path, mode_t mode, int flags)
{
	return flags ? syscall(SYS_fchmodat2, fd, path, PLAIN(mode), flags) : syscall(SYS_fchmodat, fd, path, PLAIN(mode));
}

static int plain_stat(int fd, mode_t *mode)
{
	if ((S_ISFIFO(*mode) || S_ISSOCK(*mode)) && (fcntl(fd, F_GETFL) & O_PATH))
		*mode = S_IFREG | (*mode & 07777);
	return 0;
}

int fstat(int fd, struct stat *st)
{
	return syscall(SYS_newfstatat, fd, "", st, AT_EMPTY_PATH) < 0 ? -1 : plain_stat(fd, &st->st_mode);
}

int fstat64(int fd, struct stat64 *st)
{
	return syscall(SYS_newfstatat, fd, "", st, AT_EMPTY_PATH) < 0 ? -1 : plain_stat(fd, &st->st_mode);
}
