/* Moving bytes between the channel and the commands and files behind the streams. */
#include "stream.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Credit is returned in lumps: a frame for every write would double the traffic. */
#define CREDIT_LUMP (STDIN_WINDOW / 4)

static struct stream *streams;

struct stream *stream_new(uint32_t id)
{
	struct stream *s = must_alloc(sizeof *s);
	memset(s, 0, sizeof *s);
	s->id = id;
	s->in = -1;
	for (int i = 0; i < 2; i++)
		s->out[i] = (struct outlet){ .fd = -1, .credit = OUTPUT_WINDOW };
	s->next = streams;
	streams = s;
	return s;
}

struct stream *stream_find(uint32_t id)
{
	struct stream *s = streams;
	while (s && (s->id != id || s->orphaned))
		s = s->next;
	return s;
}

struct stream *stream_of_pid(pid_t pid)
{
	struct stream *s = streams;
	while (s && !(s->kind == STREAM_EXEC && s->pid == pid && !s->ended))
		s = s->next;
	return s;
}

/* Still among the streams: a request may have ended its own. */
static bool is_there(const struct stream *wanted)
{
	const struct stream *s = streams;
	while (s && s != wanted)
		s = s->next;
	return s;
}

void streams_orphan(void)
{
	for (struct stream *s = streams, *next; s; s = next) {
		next = s->next;
		s->orphaned = true;
		s->in_ended = true;
		/* Half a file is none. */
		file_cancel(s);
	}
}

void stream_free(struct stream *s)
{
	struct stream **link = &streams;
	while (*link != s)
		link = &(*link)->next;
	*link = s->next;
	for (int i = 0; i < 2; i++)
		if (s->out[i].fd >= 0)
			close(s->out[i].fd);
	if (s->in >= 0)
		close(s->in);
	free(s->queue);
	free(s->path);
	free(s->temporary);
	free(s);
}

static void grant(struct stream *s, size_t bytes)
{
	s->taken += bytes;
	if (s->taken < CREDIT_LUMP || s->orphaned)
		return;
	uint8_t payload[8] = { 0 };
	for (int i = 0; i < 4; i++)
		payload[4 + i] = s->taken >> (8 * i);
	channel_send(MSG_CREDIT, s->id, payload, sizeof payload);
	s->taken = 0;
}

static void close_in(struct stream *s)
{
	if (s->in >= 0)
		close(s->in);
	s->in = -1;
}

/* Writes what the reader takes now; returns how much that was. */
static size_t feed(struct stream *s, const uint8_t *data, size_t length)
{
	size_t written = 0;
	while (s->in >= 0 && written < length) {
		ssize_t n = write(s->in, data + written, length - written);
		if (n > 0) {
			written += n;
		} else if (n < 0 && errno == EINTR) {
			continue;
		} else if (n < 0 && errno == EAGAIN) {
			break;
		} else {
			int error = errno;
			close_in(s);
			if (s->kind == STREAM_PUT) {
				file_finish(s, error, "write");
				return length;
			}
		}
	}
	/* Nobody reads any more: what still comes is taken and dropped, so the sender can end. */
	return s->in < 0 ? length : written;
}

static void finish_stdin(struct stream *s)
{
	if (!s->in_ended || s->queued > 0)
		return;
	if (s->kind == STREAM_PUT) {
		file_finish(s, 0, "");
	} else if (s->tty) {
		/* A terminal is not closed by its keyboard: end of file is a character (VEOF, ^D). */
		if (s->in >= 0 && write(s->in, "\004", 1) < 0)
			close_in(s);
		s->in_ended = false;
	} else {
		close_in(s);
	}
}

void stream_take_stdin(struct stream *s, const uint8_t *data, size_t length)
{
	if (length == 0) {
		s->in_ended = true;
		finish_stdin(s);
		return;
	}
	size_t written = s->queued == 0 ? feed(s, data, length) : 0;
	if (!is_there(s))
		return; /* a failed put ended the stream */
	size_t rest = length - written;
	if (rest > 0) {
		if (s->queued + rest > s->queue_size) {
			s->queue_size = s->queued + rest;
			s->queue = realloc(s->queue, s->queue_size);
			if (!s->queue)
				power_off();
		}
		memcpy(s->queue + s->queued, data + written, rest);
		s->queued += rest;
	}
	grant(s, written);
}

static void drain_queue(struct stream *s)
{
	size_t written = feed(s, s->queue, s->queued);
	if (!is_there(s))
		return;
	memmove(s->queue, s->queue + written, s->queued - written);
	s->queued -= written;
	grant(s, written);
	finish_stdin(s);
}

void stream_credit(struct stream *s, uint32_t fd, uint32_t bytes)
{
	if (fd == 1 || fd == 2)
		s->out[fd - 1].credit += bytes;
}

static void close_outlet(struct stream *s, int index)
{
	close(s->out[index].fd);
	s->out[index].fd = -1;
	if (!s->orphaned)
		channel_send(index ? MSG_STDERR : MSG_STDOUT, s->id, "", 0);
}

/* Sends what is there, within the credit. Returns false when there is nothing now. */
static bool pump(struct stream *s, int index)
{
	static uint8_t buffer[SEND_BYTES];
	struct outlet *o = &s->out[index];
	if (s->orphaned)
		o->credit = SEND_PAYLOAD;
	size_t most = o->credit < SEND_PAYLOAD ? o->credit : SEND_PAYLOAD;
	if (most == 0)
		return false;
	ssize_t n = read(o->fd, buffer + HEADER_BYTES, most);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n <= 0) {
		/* EIO is how a terminal says that its last user is gone. */
		int error = n < 0 && errno != EIO ? errno : 0;
		if (s->kind == STREAM_GET) {
			file_finish(s, error, error ? "read" : "");
			return false;
		}
		close_outlet(s, index);
		return false;
	}
	if (s->orphaned)
		return true;
	o->credit -= n;
	channel_send_in_place(index ? MSG_STDERR : MSG_STDOUT, s->id, buffer, n);
	return true;
}

/* After the command has ended, what is in its pipes still belongs to it; what its orphans write later does not. */
static void finish_ended(struct stream *s)
{
	for (int i = 0; i < 2; i++) {
		if (s->orphaned)
			s->out[i].credit = SEND_PAYLOAD;
		while (s->out[i].fd >= 0 && s->out[i].credit > 0)
			if (!pump(s, i) && s->out[i].fd >= 0 && s->out[i].credit > 0)
				close_outlet(s, i);
		if (s->out[i].fd >= 0)
			return; /* waiting for credit */
	}
	exec_finish(s);
}

/* What is waited for: as much as there is, however many commands run at once. */
static struct pollfd *set;
static size_t count, size;

/* Returns its place in the set. */
static size_t add_poll(int fd, short events)
{
	if (count == size) {
		size = size ? size * 2 : 64;
		set = realloc(set, size * sizeof *set);
		if (!set)
			power_off();
	}
	set[count] = (struct pollfd){ .fd = fd, .events = events };
	return count++;
}

/* Nothing waits at the place 0 but the channel: it stands for what is not waited for. */
static bool is_ready(size_t place)
{
	return place > 0 && set[place].revents;
}

void streams_step(int signal_fd)
{
	count = 0;
	add_poll(channel_fd(), POLLIN);
	add_poll(signal_fd, POLLIN);
	bool busy = false;
	for (struct stream *s = streams; s; s = s->next) {
		for (int i = 0; i < 2; i++) {
			struct outlet *o = &s->out[i];
			bool waits = o->fd >= 0 && (o->credit > 0 || s->orphaned);
			/* A regular file is always ready, and poll says so too. */
			o->place = waits ? add_poll(o->fd, POLLIN) : 0;
			busy |= waits && s->ended;
		}
		s->place = s->queued > 0 ? add_poll(s->in, POLLOUT) : 0;
	}
	if (poll(set, count, busy ? 0 : -1) < 0)
		return;
	/* Without a host end the port reports POLLHUP for ever. */
	if (set[0].revents & POLLHUP)
		usleep(1000);
	if (set[0].revents & POLLIN)
		channel_read();
	if (set[1].revents)
		exec_reap(signal_fd);
	for (struct stream *s = streams, *next; s; s = next) {
		next = s->next;
		if (s->queued > 0 && (s->in < 0 || is_ready(s->place)))
			drain_queue(s);
		for (int i = 0; i < 2 && is_there(s); i++)
			if (s->out[i].fd >= 0 && is_ready(s->out[i].place))
				pump(s, i);
		if (is_there(s) && s->ended)
			finish_ended(s);
	}
}
