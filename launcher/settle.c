/*
 * klab-launch --settle FROM INTO: all that is in the directory FROM, which a guest has sent, moves into the directory INTO.
 * klab-launch --remove DIR: it is taken away with all that is in it, whatever modes its directories have.
 *
 * Everything is done by descriptors of directories, and no link is followed, neither one that was sent nor one that an
 * earlier copy left: a guest may even change both directories meanwhile, through a share. Devices are taken out, and
 * set-user-ID and set-group-ID bits. A directory joins one of the same name, whose mode stays; all else replaces what has its
 * name. What cannot be (a directory for a file, or the other way round) is found before anything is moved.
 */
#define _GNU_SOURCE
#include "settle.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define EXIT_FAILED 70

static _Noreturn void fail(const char *path, const char *why)
{
	fprintf(stderr, "%s: %s\n", path, why);
	exit(EXIT_FAILED);
}

static _Noreturn void fail_errno(const char *path)
{
	fail(path, strerror(errno));
}

/* A pair of directories that is being joined, and what to call it; `to` is -1 where nothing is joined. */
struct level {
	int from, to;
	const char *path;
};

typedef void step(const struct level *at, const char *name, const struct stat *st, const char *path);

static int open_dir(int parent, const char *name)
{
	return openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static void set_mode(int parent, const char *name, mode_t mode)
{
	char by_fd[64];
	int fd = openat(parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	if (fd < 0 || fstat(fd, &st) < 0)
		fail_errno(name);
	snprintf(by_fd, sizeof by_fd, "/proc/self/fd/%d", fd);
	if (!S_ISLNK(st.st_mode) && chmod(by_fd, mode & 01777) < 0)
		fail_errno(name);
	close(fd);
}

/* The names are read first: what is moved away while a directory is read may be met again, or something else not at all. */
static void each(const struct level *at, step *do_step)
{
	int count, fd = dup(at->from);
	struct dirent **entries = NULL;
	if (fd < 0 || (count = scandirat(fd, ".", &entries, NULL, NULL)) < 0)
		fail_errno(at->path);
	close(fd);
	for (int i = 0; i < count; free(entries[i++])) {
		const char *name = entries[i]->d_name;
		struct stat st;
		char *path;
		if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
			continue;
		if (fstatat(at->from, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || asprintf(&path, "%s%s%s", at->path, *at->path ? "/" : "", name) < 0)
			fail_errno(name);
		do_step(at, name, &st, path);
		free(path);
	}
	free(entries);
}

static void enter(const struct level *at, const char *name, const char *path, step *do_step, int to)
{
	struct level below = { open_dir(at->from, name), to, path };
	if (below.from < 0)
		fail_errno(path);
	each(&below, do_step);
	close(below.from);
}

/* Nothing privileged: devices go, and set-ID bits. Who copies has to be able to enter every directory meanwhile. */
static void clean(const struct level *at, const char *name, const struct stat *st, const char *path)
{
	if (S_ISBLK(st->st_mode) || S_ISCHR(st->st_mode)) {
		if (unlinkat(at->from, name, 0) < 0)
			fail_errno(path);
		return;
	}
	if (S_ISDIR(st->st_mode)) {
		set_mode(at->from, name, st->st_mode | 0700);
		enter(at, name, path, clean, -1);
	}
	if (S_ISDIR(st->st_mode) || st->st_mode & 06000)
		set_mode(at->from, name, st->st_mode);
}

/* The directory of that name in the place, or -1 where none is. */
static int counterpart(const struct level *at, const char *name, const char *path)
{
	int to = open_dir(at->to, name);
	if (to < 0 && errno != ENOENT && errno != ENOTDIR && errno != ELOOP)
		fail_errno(path);
	return to;
}

static void check(const struct level *at, const char *name, const struct stat *st, const char *path)
{
	struct stat there, here;
	if (fstatat(at->to, name, &there, AT_SYMLINK_NOFOLLOW) < 0) {
		if (errno != ENOENT)
			fail_errno(path);
		return;
	}
	if (S_ISDIR(st->st_mode) != S_ISDIR(there.st_mode) && !S_ISLNK(there.st_mode))
		fail(path, S_ISDIR(st->st_mode) ? "a directory in the guest, and a file here; remove it first"
						: "a file in the guest, and a directory here; remove it first");
	if (!S_ISDIR(st->st_mode) || !S_ISDIR(there.st_mode))
		return;
	if (fstat(at->from, &here) < 0)
		fail_errno(path);
	if (here.st_dev != there.st_dev)
		fail(path, "another file system is mounted there; copy what belongs there by itself");
	int to = counterpart(at, name, path);
	if (to < 0)
		fail(path, "it was changed meanwhile");
	enter(at, name, path, check, to);
	close(to);
}

static void move(const struct level *at, const char *name, const struct stat *st, const char *path)
{
	int to = S_ISDIR(st->st_mode) ? counterpart(at, name, path) : -1;
	if (to >= 0) {
		mode_t mode = st->st_mode;
		set_mode(at->from, name, mode | 0700);
		enter(at, name, path, move, to);
		close(to);
		return;
	}
	/* A directory takes the place of a link in two steps; of anything else it is refused by rename itself. */
	struct stat there;
	if (S_ISDIR(st->st_mode) && fstatat(at->to, name, &there, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(there.st_mode) &&
	    unlinkat(at->to, name, 0) < 0)
		fail_errno(path);
	/* To move a directory is to write to it: its `..` changes. */
	if (S_ISDIR(st->st_mode))
		set_mode(at->from, name, st->st_mode | 0700);
	if (renameat(at->from, name, at->to, name) < 0)
		fail_errno(path);
	if (S_ISDIR(st->st_mode))
		set_mode(at->to, name, st->st_mode);
}

int settle(const char *from, const char *into)
{
	/* Both may be links to descriptors, /proc/PID/fd/N. */
	struct level top = { open(from, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
			     open(into, O_RDONLY | O_DIRECTORY | O_CLOEXEC), "" };
	if (top.from < 0)
		fail_errno(from);
	if (top.to < 0)
		fail_errno(into);
	each(&top, clean);
	each(&top, check);
	each(&top, move);
	return 0;
}

static void take_away(const struct level *at, const char *name, const struct stat *st, const char *path)
{
	if (S_ISDIR(st->st_mode)) {
		set_mode(at->from, name, 0700);
		enter(at, name, path, take_away, -1);
	}
	if (unlinkat(at->from, name, S_ISDIR(st->st_mode) ? AT_REMOVEDIR : 0) < 0)
		fail_errno(path);
}

int remove_staged(const char *dir)
{
	struct level top = { open_dir(AT_FDCWD, dir), -1, "" };
	if (top.from < 0)
		fail_errno(dir);
	each(&top, take_away);
	if (rmdir(dir) < 0)
		fail_errno(dir);
	return 0;
}
