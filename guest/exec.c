/* Commands: started with everything the host asked for, reaped, reported. */
#include "stream.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIPE_BYTES (1 << 20)

struct request {
	uint32_t flags, uid, gid, rows, cols, group_count, limit_count;
	char *cwd, **argv, **env;
	uint32_t *groups;
	uint64_t *limits;
};

/* What went wrong in the child before the command ran, sent through a close-on-exec pipe. */
struct failure {
	int error;
	char what[64];
};

static struct request take_request(struct payload *p)
{
	struct request r = {
		.flags = take_u32(p),
		.uid = take_u32(p),
		.gid = take_u32(p),
		.rows = take_u32(p),
		.cols = take_u32(p),
	};
	r.cwd = take_string(p);
	r.groups = take_u32s(p, &r.group_count);
	r.limits = take_u64s(p, &r.limit_count);
	r.argv = take_list(p);
	r.env = take_list(p);
	return r;
}

static void free_request(struct request *r)
{
	free(r->cwd);
	free(r->groups);
	free(r->limits);
	free_list(r->argv);
	free_list(r->env);
}

static void set_window(int fd, uint32_t rows, uint32_t cols)
{
	struct winsize size = { .ws_row = rows, .ws_col = cols };
	ioctl(fd, TIOCSWINSZ, &size);
}

static bool open_terminal(int *master, int *slave)
{
	*slave = -1;
	*master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (*master < 0)
		return false;
	int number, unlock = 0;
	char path[32];
	if (ioctl(*master, TIOCSPTLCK, &unlock) == 0 && ioctl(*master, TIOCGPTN, &number) == 0) {
		snprintf(path, sizeof path, "/dev/pts/%d", number);
		*slave = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
	}
	if (*slave >= 0)
		return true;
	close(*master);
	return false;
}

static _Noreturn void fail(int report, int error, const char *what)
{
	struct failure f = { .error = error };
	snprintf(f.what, sizeof f.what, "%s", what);
	if (write(report, &f, sizeof f) < 0)
		_exit(125);
	_exit(127);
}

/* Runs in the agent's memory (vfork): what it writes, the agent finds written. */
static _Noreturn void become_command(const struct request *r, const int fds[3], int report)
{
	sigset_t none;
	sigemptyset(&none);
	for (int number = 1; number < 32; number++)
		signal(number, SIG_DFL);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
	for (int i = 0; i < 3; i++)
		if (dup2(fds[i], i) < 0)
			fail(report, errno, "dup2");
	if (r->flags & EXEC_TTY)
		ioctl(0, TIOCSCTTY, 0);
	for (uint32_t i = 0; i + 3 <= r->limit_count; i += 3) {
		struct rlimit limit = { r->limits[i + 1], r->limits[i + 2] };
		if (setrlimit(r->limits[i], &limit) < 0)
			fail(report, errno, "setrlimit");
	}
	if (setgroups(r->group_count, (const gid_t *)r->groups) < 0 || setgid(r->gid) < 0 || setuid(r->uid) < 0)
		fail(report, errno, "setuid");
	if (chdir(r->cwd) < 0)
		fail(report, errno, "chdir");
	umask(022);
	/* execvp looks in the PATH of the environment that the command gets. */
	environ = r->env;
	execvp(r->argv[0], r->argv);
	fail(report, errno, "exec");
}

/* Ours and the child's ends of stdin, stdout and stderr; -1 in ours where a terminal serves all three. */
static bool open_channels(bool tty, int ours[3], int theirs[3])
{
	for (int i = 0; i < 3; i++)
		ours[i] = theirs[i] = -1;
	if (tty) {
		if (!open_terminal(&ours[1], &theirs[0]))
			return false;
		ours[0] = dup(ours[1]);
		theirs[1] = theirs[2] = theirs[0];
		return ours[0] >= 0;
	}
	for (int i = 0; i < 3; i++) {
		int ends[2];
		if (pipe2(ends, O_CLOEXEC) < 0)
			return false;
		/* Fewer, larger wakeups; a refusal (pipe-user-pages) costs speed alone. */
		fcntl(ends[0], F_SETPIPE_SZ, PIPE_BYTES);
		ours[i] = ends[i == 0];
		theirs[i] = ends[i != 0];
	}
	return true;
}

static void close_all(const int fds[3])
{
	for (int i = 0; i < 3; i++)
		if (fds[i] >= 0 && (i == 0 || fds[i] != fds[i - 1]))
			close(fds[i]);
}

static void launch(uint32_t id, struct request *r)
{
	int ours[3], theirs[3], report[2];
	bool tty = r->flags & EXEC_TTY;
	if (!open_channels(tty, ours, theirs) || pipe2(report, O_CLOEXEC) < 0) {
		send_done(id, errno, tty ? "terminal" : "pipe");
		close_all(ours);
		close_all(theirs);
		return;
	}
	if (tty)
		set_window(ours[1], r->rows, r->cols);
	char **own_environ = environ;
	/* Not fork(): copying page tables, and then the pages that both touch, costs 10 ms when emulating. */
	pid_t pid = vfork();
	if (pid == 0)
		become_command(r, theirs, report[1]);
	int error = errno;
	environ = own_environ;
	close_all(theirs);
	close(report[1]);
	struct failure f = { .error = pid < 0 ? error : 0, .what = "fork" };
	ssize_t n = pid < 0 ? 0 : read(report[0], &f, sizeof f);
	close(report[0]);
	if (pid < 0 || n == sizeof f) {
		send_done(id, f.error, f.what);
		close_all(ours);
		return;
	}
	struct stream *s = stream_new(id);
	s->kind = STREAM_EXEC;
	s->pid = pid;
	s->tty = tty;
	s->in = ours[0];
	s->out[0].fd = ours[1];
	s->out[1].fd = ours[2];
	for (int i = 0; i < 3; i++)
		if (ours[i] >= 0)
			fcntl(ours[i], F_SETFL, fcntl(ours[i], F_GETFL) | O_NONBLOCK);
	uint32_t number = pid;
	channel_send(MSG_STARTED, id, &number, sizeof number);
}

void exec_start(uint32_t id, struct payload *p)
{
	struct request r = take_request(p);
	if (p->broken || !r.argv[0])
		send_done(id, EINVAL, "request");
	else if (!mounts_complete())
		send_done(id, EIO, "mount");
	else if (stream_find(id))
		send_done(id, EEXIST, "stream");
	else
		launch(id, &r);
	free_request(&r);
}

/* PID 1 inherits every orphan; only those we started have a stream. */
void exec_reap(int signal_fd)
{
	int status;
	struct rusage usage;
	struct signalfd_siginfo info;
	/* Signals first, children second: a child that ends in between is seen, or its signal is still there. */
	while (read(signal_fd, &info, sizeof info) > 0)
		;
	for (pid_t pid; (pid = wait4(-1, &status, WNOHANG, &usage)) > 0;) {
		struct stream *s = stream_of_pid(pid);
		if (!s)
			continue;
		s->ended = true;
		s->status = status;
		s->usage = usage;
	}
}

void exec_finish(struct stream *s)
{
	struct {
		int32_t code;
		uint32_t signal;
		uint64_t max_rss_kib, cpu_ms;
	} exited = {
		.code = WIFEXITED(s->status) ? WEXITSTATUS(s->status) : -1,
		.signal = WIFSIGNALED(s->status) ? WTERMSIG(s->status) : 0,
		.max_rss_kib = s->usage.ru_maxrss,
		.cpu_ms = (s->usage.ru_utime.tv_sec + s->usage.ru_stime.tv_sec) * 1000 +
			  (s->usage.ru_utime.tv_usec + s->usage.ru_stime.tv_usec) / 1000,
	};
	if (!s->orphaned)
		channel_send(MSG_EXITED, s->id, &exited, sizeof exited);
	stream_free(s);
}
