/* Locks on files: flock(2), which belongs to the open file and ends with the last that has it. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "locks.h"
#include "mounts.h"

static int open_lock(const char *path)
{
	/* Not close-on-exec: the lock belongs to the open file, and so to the command. */
	int fd = open(path, O_RDWR | O_CREAT, 0600);
	if (fd < 0)
		die("open", path);
	return fd;
}

/* Whoever looks whether it is taken (--is-locked) has it for a moment: so it is tried for longer than that. */
static int try_lock(int fd)
{
	for (int tries = 0; flock(fd, LOCK_EX | LOCK_NB) < 0; tries++) {
		if (errno != EWOULDBLOCK || tries == 20)
			return -1;
		usleep(1000);
	}
	return 0;
}

void take_lock(const char *path)
{
	if (try_lock(open_lock(path)) < 0)
		exit(EXIT_LOCKED);
}

/* Inherited by all: whoever wants to be alone there waits for the last of them. */
void claim(const char *path)
{
	if (flock(open_lock(path), LOCK_SH) < 0)
		die("claim", path);
}

static int is_file_at(int fd, const char *path)
{
	struct stat ours, there;
	return fstat(fd, &ours) == 0 && stat(path, &there) == 0 && ours.st_dev == there.st_dev &&
	       ours.st_ino == there.st_ino;
}

int hold_lock(const char *path)
{
	char byte;
	/* If the parent has gone already, its end of our stdin has, too. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		die("prctl", "PDEATHSIG");
	/* Ctrl-C is for klab, which still works with what is locked then, and gives it back when it is done. */
	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	int fd = open_lock(path);
	if (try_lock(fd) < 0) {
		if (write(STDOUT_FILENO, "waiting\n", 8) < 0 || flock(fd, LOCK_EX) < 0)
			die("lock", path);
	}
	/* Whoever had it may have removed what it was the lock of, and another klab may have made it again. */
	while (!is_file_at(fd, path)) {
		close(fd);
		fd = open_lock(path);
		if (flock(fd, LOCK_EX) < 0)
			die("lock", path);
	}
	if (write(STDOUT_FILENO, "held\n", 5) < 0)
		die("write", "held");
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	return 0;
}

/* Shared: two who look are not in each other's way. */
int is_locked(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0)
		die("open", path);
	if (flock(fd, LOCK_SH | LOCK_NB) == 0)
		return 0;
	if (errno != EWOULDBLOCK)
		die("look at the lock of", path);
	return EXIT_LOCKED;
}
