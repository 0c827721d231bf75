/* Frames over the virtio-serial port named klab.agent. */
#include "agent.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PORT_NAME "klab.agent"
#define PORTS "/sys/class/virtio-ports"
/* A driver that is built in or loaded has its ports within milliseconds; this allows for a slow emulated machine. */
#define PORT_WAIT_MS 8000

static int port = -1;
static uint8_t *inbox;
static size_t inbox_used, inbox_size;

/* Ports are numbered in the order of their devices, so the name decides (DESIGN, Templates). */
static bool find_port(char *path, size_t size)
{
	DIR *dir = opendir(PORTS);
	bool found = false;
	for (struct dirent *e; dir && !found && (e = readdir(dir));) {
		char name_path[300], name[64] = "";
		snprintf(name_path, sizeof name_path, PORTS "/%s/name", e->d_name);
		int fd = open(name_path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		ssize_t n = read(fd, name, sizeof name - 1);
		close(fd);
		if (n > 0)
			name[strcspn(name, "\n")] = 0;
		if (strcmp(name, PORT_NAME) == 0) {
			snprintf(path, size, "/dev/%s", e->d_name);
			found = true;
		}
	}
	if (dir)
		closedir(dir);
	return found;
}

bool channel_open(void)
{
	char path[300];
	for (int waited = 0; waited < PORT_WAIT_MS; waited += 2) {
		if (find_port(path, sizeof path)) {
			port = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
			if (port >= 0)
				return true;
		}
		usleep(2000);
	}
	return false;
}

int channel_fd(void)
{
	return port;
}

static uint32_t read_u32(const uint8_t *at)
{
	return at[0] | at[1] << 8 | at[2] << 16 | (uint32_t)at[3] << 24;
}

static void write_u32(uint8_t *at, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		at[i] = value >> (8 * i);
}

static void reserve_inbox(size_t bytes)
{
	if (bytes <= inbox_size)
		return;
	inbox = realloc(inbox, bytes);
	if (!inbox)
		power_off();
	inbox_size = bytes;
}

/* Hands over the whole frames at the front of the inbox and moves the rest down. */
static void deliver(void)
{
	size_t at = 0;
	while (inbox_used - at >= HEADER_BYTES) {
		const uint8_t *header = inbox + at;
		uint32_t length = read_u32(header);
		/* The host is trusted, but a torn stream after a restore must not become a wild allocation. */
		if (length > MAX_HOST_PAYLOAD) {
			inbox_used = 0;
			return;
		}
		if (inbox_used - at < HEADER_BYTES + length) {
			reserve_inbox(HEADER_BYTES + length);
			break;
		}
		const uint8_t *body = inbox + at + HEADER_BYTES;
		handle_frame(header[4] | header[5] << 8, read_u32(header + 8),
			     (struct payload){ .at = body, .end = body + length });
		at += HEADER_BYTES + length;
	}
	memmove(inbox, inbox + at, inbox_used - at);
	inbox_used -= at;
}

void channel_read(void)
{
	reserve_inbox(128 * 1024);
	/* The driver gives at most a page a read; gather many before delivering, but not for ever. */
	for (int reads = 0; reads < 32 && inbox_used < inbox_size; reads++) {
		ssize_t n = read(port, inbox + inbox_used, inbox_size - inbox_used);
		if (n > 0) {
			inbox_used += n;
			continue;
		}
		/* Until the host end is announced, and for a moment after a restore, the port reads as end of file. */
		if (n == 0 && reads == 0)
			usleep(1000);
		break;
	}
	deliver();
}

static void write_all(const uint8_t *data, size_t length)
{
	while (length > 0) {
		ssize_t n = write(port, data, length);
		if (n > 0) {
			data += n;
			length -= n;
		} else if (n < 0 && errno == EAGAIN) {
			struct pollfd p = { .fd = port, .events = POLLOUT };
			poll(&p, 1, 100);
			/* With no host end POLLHUP returns at once. */
			if (p.revents & POLLHUP)
				usleep(1000);
		} else if (n < 0 && errno != EINTR) {
			return;
		}
	}
}

void channel_send_in_place(enum message type, uint32_t stream, uint8_t *buffer, size_t length)
{
	write_u32(buffer, length);
	buffer[4] = type;
	buffer[5] = type >> 8;
	buffer[6] = buffer[7] = 0;
	write_u32(buffer + 8, stream);
	write_all(buffer, HEADER_BYTES + length);
}

void channel_send(enum message type, uint32_t stream, const void *payload, size_t length)
{
	uint8_t buffer[SEND_BYTES];
	if (length > SEND_PAYLOAD)
		length = SEND_PAYLOAD;
	memcpy(buffer + HEADER_BYTES, payload, length);
	channel_send_in_place(type, stream, buffer, length);
}

void send_done(uint32_t stream, int error, const char *what)
{
	uint8_t payload[512];
	size_t length = strnlen(what, sizeof payload - 8);
	write_u32(payload, error);
	write_u32(payload + 4, length);
	memcpy(payload + 8, what, length);
	channel_send(MSG_DONE, stream, payload, 8 + length);
}

static const uint8_t *take(struct payload *p, size_t bytes)
{
	static const uint8_t zeros[8];
	if ((size_t)(p->end - p->at) < bytes) {
		p->broken = true;
		p->at = p->end;
		return bytes <= sizeof zeros ? zeros : NULL;
	}
	p->at += bytes;
	return p->at - bytes;
}

uint32_t take_u32(struct payload *p)
{
	return read_u32(take(p, 4));
}

uint64_t take_u64(struct payload *p)
{
	const uint8_t *at = take(p, 8);
	return read_u32(at) | (uint64_t)read_u32(at + 4) << 32;
}

struct span take_bytes(struct payload *p)
{
	uint32_t length = take_u32(p);
	const uint8_t *data = take(p, length);
	return (struct span){ data, data ? length : 0 };
}

char *take_string(struct payload *p)
{
	struct span s = take_bytes(p);
	char *text = must_alloc(s.length + 1);
	memcpy(text, s.data, s.length);
	text[s.length] = 0;
	return text;
}

/* How many elements of that size can follow: a count is never believed beyond the bytes behind it. */
static uint32_t take_count(struct payload *p, size_t element)
{
	uint32_t count = take_u32(p);
	size_t possible = (p->end - p->at) / element;
	return count < possible ? count : possible;
}

char **take_list(struct payload *p)
{
	uint32_t count = take_count(p, 4);
	char **list = must_alloc((count + 1) * sizeof *list);
	for (uint32_t i = 0; i < count; i++)
		list[i] = take_string(p);
	list[count] = NULL;
	return list;
}

void free_list(char **list)
{
	for (char **item = list; *item; item++)
		free(*item);
	free(list);
}

uint32_t *take_u32s(struct payload *p, uint32_t *count)
{
	*count = take_count(p, 4);
	uint32_t *values = must_alloc((*count + 1) * sizeof *values);
	for (uint32_t i = 0; i < *count; i++)
		values[i] = take_u32(p);
	return values;
}

uint64_t *take_u64s(struct payload *p, uint32_t *count)
{
	*count = take_count(p, 8);
	uint64_t *values = must_alloc((*count + 1) * sizeof *values);
	for (uint32_t i = 0; i < *count; i++)
		values[i] = take_u64(p);
	return values;
}
