/* Files put into and got out of the guest, as streams. */
#include "stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void file_put(uint32_t id, struct payload *p)
{
	mode_t mode = take_u32(p) & 07777;
	uid_t uid = take_u32(p);
	gid_t gid = take_u32(p);
	char *path = take_string(p);
	char *temporary = NULL;
	if (p->broken || asprintf(&temporary, "%s.klab-%u", path, id) < 0) {
		send_done(id, EINVAL, "request");
		free(path);
		return;
	}
	/* Said before the bytes come, not after. */
	struct stat st;
	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
		send_done(id, EISDIR, "open");
		free(temporary);
		free(path);
		return;
	}
	/* Written aside and renamed: nobody ever sees half a file. */
	int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
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

void file_finish(struct stream *s, int error, const char *what)
{
	if (s->kind == STREAM_PUT) {
		/* The owner first: changing it clears set-user-ID. */
		if (!error && (fchown(s->in, s->uid, s->gid) < 0 || fchmod(s->in, s->mode) < 0 || rename(s->temporary, s->path) < 0)) {
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
