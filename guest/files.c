/* Files put into and got out of the guest, as streams. */
#include "stream.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static void make_parents(const char *path)
{
	char *copy = strdup(path);
	for (char *slash = copy + 1; copy && (slash = strchr(slash, '/')); slash++) {
		*slash = 0;
		mkdir(copy, 0755);
		*slash = '/';
	}
	free(copy);
}

/* The bytes that came are the target of a link. */
static bool make_link(struct stream *s)
{
	char target[4096];
	ssize_t length = pread(s->in, target, sizeof target - 1, 0);
	if (length < 0 || unlink(s->temporary) < 0)
		return false;
	target[length] = 0;
	return symlink(target, s->temporary) == 0 && lchown(s->temporary, s->uid, s->gid) == 0 &&
	       rename(s->temporary, s->path) == 0;
}

static bool finish_put(struct stream *s)
{
	if (S_ISLNK(s->mode))
		return make_link(s);
	/* The owner first: changing it clears set-user-ID. */
	return fchown(s->in, s->uid, s->gid) == 0 && fchmod(s->in, s->mode & 07777) == 0 &&
	       rename(s->temporary, s->path) == 0;
}

void file_put(uint32_t id, struct payload *p)
{
	mode_t mode = take_u32(p);
	uid_t uid = take_u32(p);
	gid_t gid = take_u32(p);
	char *path = take_string(p);
	char *temporary = NULL;
	if (p->broken || asprintf(&temporary, "%s.klab-%u", path, id) < 0) {
		send_done(id, EINVAL, "request");
		free(path);
		return;
	}
	make_parents(path);
	/* Said before the bytes come, not after. */
	struct stat st;
	if (S_ISDIR(mode)) {
		bool made = mkdir(path, mode & 07777) == 0 || errno == EEXIST;
		if (made)
			made = chown(path, uid, gid) == 0 && chmod(path, mode & 07777) == 0;
		send_done(id, made ? 0 : errno, "mkdir");
		free(temporary);
		free(path);
		return;
	}
	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
		send_done(id, EISDIR, "open");
		free(temporary);
		free(path);
		return;
	}
	/* Written aside and renamed: nobody ever sees half a file. */
	int fd = open(temporary, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0) {
		send_done(id, errno, "open");
		free(temporary);
		free(path);
		return;
	}
	struct stream *s = stream_new(id);
	s->kind = STREAM_PUT;
	s->in = fd;
	s->mode = mode;
	s->uid = uid;
	s->gid = gid;
	s->path = path;
	s->temporary = temporary;
}

void file_stat(uint32_t id, struct payload *p)
{
	char *path = take_string(p);
	struct stat st;
	if (p->broken || stat(path, &st) < 0)
		send_done(id, p->broken ? EINVAL : errno, "stat");
	else
		send_done(id, 0, S_ISDIR(st.st_mode) ? "directory" : S_ISREG(st.st_mode) ? "file" : "other");
	free(path);
}

static FILE *listing;
static size_t list_skip;

static int list_entry(const char *path, const struct stat *st, int kind, struct FTW *place)
{
	(void)kind;
	if (place->level > 0)
		fprintf(listing, "%o %s%c", st->st_mode, path + list_skip, 0);
	return 0;
}

/* Into memory first: what is listed may change while it is sent. */
void file_list(uint32_t id, struct payload *p)
{
	char *path = take_string(p);
	int fd = memfd_create("list", MFD_CLOEXEC);
	listing = fd < 0 ? NULL : fdopen(dup(fd), "w");
	list_skip = strlen(path) + 1;
	bool listed = !p->broken && listing && nftw(path, list_entry, 16, FTW_PHYS | FTW_MOUNT) == 0;
	int error = errno;
	if (listing)
		fclose(listing);
	free(path);
	if (!listed) {
		if (fd >= 0)
			close(fd);
		send_done(id, error, "list");
		return;
	}
	lseek(fd, 0, SEEK_SET);
	struct stream *s = stream_new(id);
	s->kind = STREAM_GET;
	s->out[0].fd = fd;
}

void file_get(uint32_t id, struct payload *p)
{
	char *path = take_string(p);
	/* O_NONBLOCK: opening a FIFO that nobody writes must not stop the agent. */
	int fd = p->broken ? -1 : open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	int error = p->broken ? EINVAL : errno;
	struct stat st;
	free(path);
	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
		close(fd);
		fd = -1;
		error = EISDIR;
	}
	if (fd < 0) {
		send_done(id, error, "open");
		return;
	}
	struct {
		uint32_t mode;
		uint64_t size;
	} __attribute__((packed)) facts = { st.st_mode & 07777, st.st_size };
	channel_send(MSG_FILE, id, &facts, sizeof facts);
	struct stream *s = stream_new(id);
	s->kind = STREAM_GET;
	s->out[0].fd = fd;
}

void file_cancel(struct stream *s)
{
	if (s->kind != STREAM_EXEC)
		file_finish(s, ECANCELED, "cancel");
}

void file_finish(struct stream *s, int error, const char *what)
{
	if (s->kind == STREAM_PUT) {
		if (!error && !finish_put(s)) {
			error = errno;
			what = "rename";
		}
		if (error)
			unlink(s->temporary);
	}
	if (!s->orphaned)
		send_done(s->id, error, what);
	stream_free(s);
}
