/* klab's PID 1: prepares the guest, then does what the host asks over one virtio-serial port. */
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/utsname.h>
#include <time.h>
#include <sys/stat.h>
#include <unistd.h>

#include "stream.h"

static size_t put_u32(uint8_t *at, uint32_t value)
{
	memcpy(at, &value, sizeof value);
	return sizeof value;
}

static size_t put_text(uint8_t *at, const char *text)
{
	size_t length = strlen(text);
	put_u32(at, length);
	memcpy(at + 4, text, length);
	return 4 + length;
}

static void send_ready(uint32_t stream)
{
	uint8_t payload[8192];
	struct utsname name;
	struct timespec up;
	uint32_t count;
	const char *const *list = notes(&count);
	uname(&name);
	clock_gettime(CLOCK_BOOTTIME, &up);
	uint64_t uptime = up.tv_sec * 1000ull + up.tv_nsec / 1000000;
	size_t at = put_u32(payload, PROTOCOL_VERSION);
	memcpy(payload + at, &uptime, sizeof uptime);
	at += sizeof uptime;
	at += put_text(payload + at, name.release);
	at += put_u32(payload + at, count);
	for (uint32_t i = 0; i < count; i++)
		at += put_text(payload + at, list[i]);
	channel_send(MSG_READY, stream, payload, at);
}

static void handle_signal(uint32_t stream, struct payload *p)
{
	struct stream *s = stream_find(stream);
	uint32_t number = take_u32(p);
	/* The command leads its own session, so the group has its number. */
	if (s && s->kind == STREAM_EXEC && !p->broken && !s->ended)
		kill(-s->pid, number);
}

static void handle_resize(uint32_t stream, struct payload *p)
{
	struct stream *s = stream_find(stream);
	struct winsize size = { .ws_row = take_u32(p), .ws_col = take_u32(p) };
	if (s && s->tty && s->out[0].fd >= 0 && !p->broken)
		ioctl(s->out[0].fd, TIOCSWINSZ, &size);
}

void handle_frame(enum message type, uint32_t stream, struct payload p)
{
	struct stream *s;
	size_t length = p.end - p.at;
	switch (type) {
	case MSG_HELLO:
		/* After a restore: stream numbers begin anew. */
		streams_orphan();
		send_ready(stream);
		break;
	case MSG_PING:
		channel_send(MSG_PONG, stream, p.at, length);
		break;
	case MSG_EXEC:
		exec_start(stream, &p);
		break;
	case MSG_STDIN:
		if ((s = stream_find(stream)))
			stream_take_stdin(s, p.at, length);
		break;
	case MSG_CREDIT: {
		uint32_t fd = take_u32(&p), bytes = take_u32(&p);
		if ((s = stream_find(stream)))
			stream_credit(s, fd, bytes);
		break;
	}
	case MSG_RESIZE:
		handle_resize(stream, &p);
		break;
	case MSG_SIGNAL:
		handle_signal(stream, &p);
		break;
	case MSG_CANCEL:
		if ((s = stream_find(stream)))
			file_cancel(s);
		break;
	case MSG_PUT:
		file_put(stream, &p);
		break;
	case MSG_GET:
		file_get(stream, &p);
		break;
	case MSG_LIST:
		file_list(stream, &p);
		break;
	case MSG_STAT:
		file_stat(stream, &p);
		break;
	case MSG_CLOCK:
		set_clock(&p);
		break;
	case MSG_ENTROPY:
		add_entropy(p.at, length);
		break;
	case MSG_HOSTNAME:
		set_hostname(&p);
		break;
	case MSG_MOUNT:
		mount_export(stream, &p);
		break;
	case MSG_NET:
		configure_net(stream, &p);
		break;
	case MSG_SYNC:
		sync();
		send_done(stream, 0, "");
		break;
	case MSG_POWEROFF:
		power_off();
	default:
		send_done(stream, ENOSYS, "unknown message");
	}
}

int main(void)
{
	sigset_t child;
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);
	signal(SIGPIPE, SIG_IGN);
	int signals = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
	umask(0);
	mount_early();
	load_modules();
	bring_up_loopback();
	if (signals < 0 || !channel_open()) {
		note("no virtio port named klab.agent: is the virtio console driver in this kernel?");
		power_off();
	}
	for (;;)
		streams_step(signals);
}
