/*
 * klab-launch: starts a process that dies with klab and sees only what it should.
 *
 *   klab-launch [options] -- command...
 *     --parent PID        die (SIGKILL) when this parent does
 *     --lock FILE         hold an exclusive lock on FILE as long as the command lives; exit 75 if it is taken
 *     --claim FILE        hold a shared lock on FILE as long as the command, or anything that it started, lives
 *     --together          all that the command starts ends with it, and with us: in a PID namespace of its own
 *     --namespace         a mount namespace of its own (as another user than root: with a user namespace)
 *     --apart             the same where it is allowed: nothing is hidden then, but what is mounted later is not seen
 *     --hide PATH         no sieve shows PATH, nor what is below it; --show PATH: but this it does show
 *     --sieve SRC DST     DST shows SRC but for what is hidden, and takes no new names (sieve.c); --sieve-ro: nothing new
 *     --bind SRC DST      DST shows SRC; --bind-ro SRC DST: read-only
 *     --write-only-here   the working directory alone can be written to; where there may be no namespace, all can
 *     --empty DIR         DIR is an empty tmpfs
 *     --plain-files SHIM  what the command makes is its user's, and nothing privileged (plain-files.c)
 *     --tap HELPER BRIDGE FD  the command finds a tap device of the bridge open at FD; QEMU's helper makes it
 *   klab-launch --hold FILE  hold an exclusive lock on FILE until stdin ends or the parent is gone; say `waiting` if
 *                         somebody has it, and `held` when it is ours
 *   klab-launch --is-locked FILE  exit 75 if somebody holds the lock of FILE, 0 if nobody does
 *   klab-launch --tree DIR [WITHOUT...]  print one number for the state of a source tree (tree-state.c)
 *   klab-launch --settle FROM INTO  what a guest has sent moves into a directory (settle.c)
 *   klab-launch --remove DIR  a directory with what a guest has sent is taken away (settle.c)
 *   klab-launch --pin TID CPU [TID CPU...]  bind threads to CPUs
 *   klab-launch --tsc     measure the time-stamp counter and print its frequency in kHz
 *
 * Options are carried out in their order. Exit 70 means that a step failed; it is named on stderr.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "locks.h"
#include "mounts.h"
#include "namespace.h"
#include "plain-files.h"
#include "settle.h"
#include "sieve.h"
#include "tree-state.h"

/* sys/mount.h and linux/mount.h cannot both be included with this libc. */
int mount(const char *source, const char *target, const char *type, unsigned long flags, const void *data);

#define EXIT_FAILED 70
#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif

_Noreturn void die(const char *step, const char *on)
{
	fprintf(stderr, "klab-launch: %s %s: %s\n", step, on, strerror(errno));
	exit(EXIT_FAILED);
}

static void die_with_parent(const char *pid)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		die("prctl", "PDEATHSIG");
	/* The parent may have gone before the signal was armed. */
	if (getppid() != atoi(pid))
		exit(EXIT_FAILED);
	/* Under memory pressure the VM goes, not the session of its user; raising it needs no permission. */
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	if (fd >= 0) {
		dprintf(fd, "800");
		close(fd);
	}
}

static pid_t told;

static void tell(int signal)
{
	kill(told, signal);
}

/* Stays until a child has ended, passing SIGTERM on to it, and ends as it did. Ctrl-C is for the command itself. */
static _Noreturn void follow(pid_t child)
{
	int status = 0;
	pid_t gone;
	told = child;
	signal(SIGTERM, tell);
	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	/* The first process of a namespace is left the orphans of all others. */
	while ((gone = wait(&status)) != child)
		if (gone < 0 && errno != EINTR)
			die("wait for", "the command");
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

static pid_t fork_or_die(void)
{
	pid_t pid = fork();
	if (pid < 0)
		die("fork", "");
	return pid;
}

/*
 * The first process of a PID namespace takes all others with it, whatever killed it, and it dies with us. It is ours and not
 * the command: to that process a signal of its own does nothing, and make ends itself by one.
 */
static void together(void)
{
	int alive[2];
	if (unshare(CLONE_NEWPID) < 0)
		die("unshare", "PID namespace");
	if (pipe2(alive, O_CLOEXEC) < 0)
		die("pipe", "");
	pid_t first = fork_or_die();
	if (first > 0) {
		close(alive[0]);
		follow(first);
	}
	close(alive[1]);
	/* In the namespace nobody has a parent outside: whether ours has gone already, its end of the pipe tells. */
	struct pollfd parent = { .fd = alive[0] };
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || poll(&parent, 1, 0) != 0)
		_exit(EXIT_FAILED);
	pid_t command = fork_or_die();
	if (command > 0)
		follow(command);
}

void empty(const char *path)
{
	if (mount("klab", path, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=16m") < 0)
		die("empty", path);
}

void read_only(const char *path, unsigned flags)
{
	struct mount_attr attributes = { .attr_set = MOUNT_ATTR_RDONLY };
	if (syscall(SYS_mount_setattr, AT_FDCWD, path, flags, &attributes, sizeof attributes) == 0)
		return;
	/* Before v5.12: the top alone; QEMU's export is read-only all the same. */
	if (mount(NULL, path, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL) < 0)
		die("make read-only", path);
}

int bind_tree(const char *source, const char *target)
{
	return mount(source, target, NULL, MS_BIND | MS_REC, NULL);
}

static void bind_mount(const char *source, const char *target)
{
	if (bind_tree(source, target) < 0)
		die("bind", source);
}

/* For a program that reads what a guest has sent: whatever it is made to believe, it changes nothing else. */
static void write_only_here(void)
{
	/* An ordinary user where there are no user namespaces, or before v5.2: the program itself is trusted not to. */
	if (enter_namespace_if_allowed() < 0)
		return;
	int here = syscall(SYS_open_tree, AT_FDCWD, ".", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (here < 0)
		return;
	/* A mount of its own, which is nowhere in the tree that is made read-only, and can be left but not found again. */
	read_only("/", AT_RECURSIVE);
	if (fchdir(here) < 0)
		die("enter", "the directory to write to");
}

/* QEMU's helper sends the descriptor of the tap device it has made over a socket pair (qemu-bridge-helper.c). */
static void open_tap(const char *helper, const char *bridge, int target)
{
	int pair[2], status;
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
		die("socketpair", bridge);
	pid_t pid = fork();
	if (pid == 0) {
		char name[64], number[32];
		close(pair[0]);
		snprintf(name, sizeof name, "--br=%s", bridge);
		snprintf(number, sizeof number, "--fd=%d", pair[1]);
		execl(helper, helper, "--use-vnet", number, name, NULL);
		die("exec", helper);
	}
	close(pair[1]);
	char byte;
	struct iovec data = { &byte, 1 };
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control,
				  .msg_controllen = sizeof control };
	ssize_t n = recvmsg(pair[0], &message, 0);
	if (pid < 0 || waitpid(pid, &status, 0) < 0 || status != 0 || n <= 0 || !CMSG_FIRSTHDR(&message)) {
		fprintf(stderr, "klab-launch: tap: %s gave no device of %s\n", helper, bridge);
		exit(EXIT_FAILED);
	}
	int tap;
	memcpy(&tap, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof tap);
	if (dup2(tap, target) < 0)
		die("dup2", bridge);
	if (tap != target)
		close(tap);
	close(pair[0]);
}

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC_RAW, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static int print_tsc(void)
{
#ifdef __x86_64__
	double start = now();
	unsigned long long first = __builtin_ia32_rdtsc();
	usleep(20000);
	double end = now();
	unsigned long long last = __builtin_ia32_rdtsc();
	printf("%.0f\n", (last - first) / (end - start) / 1000);
#else
	printf("0\n");
#endif
	return 0;
}

/* Pairs of a thread and the CPU that it may run on. */
static int pin(char **args)
{
	for (; args[0] && args[1]; args += 2) {
		unsigned long cpu = strtoul(args[1], NULL, 10);
		cpu_set_t set;
		CPU_ZERO(&set);
		if (cpu < CPU_SETSIZE)
			CPU_SET(cpu, &set);
		if (sched_setaffinity(atoi(args[0]), sizeof set, &set) < 0)
			die("run on CPU", args[1]);
	}
	return 0;
}

/* A virtiofsd keeps every file open that the guest knows: a kernel tree is 80,000. What is not allowed stays as it is. */
static void raise_file_limit(void)
{
	unsigned long most = 0;
	FILE *file = fopen("/proc/sys/fs/nr_open", "re");
	if (file && fscanf(file, "%lu", &most) != 1)
		most = 0;
	if (file)
		fclose(file);
	struct rlimit limit = { most, most };
	if (most > 0 && setrlimit(RLIMIT_NOFILE, &limit) == 0)
		return;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

int main(int argc, char **argv)
{
	const char *shim = NULL;
	bool is_together = false;
	int at = 1;
	for (; at < argc && strcmp(argv[at], "--") != 0; at++) {
		const char *option = argv[at];
		int left = argc - at - 1;
		if (strcmp(option, "--tsc") == 0) {
			return print_tsc();
		} else if (strcmp(option, "--pin") == 0) {
			return pin(argv + at + 1);
		} else if (strcmp(option, "--tree") == 0 && left >= 1) {
			return print_tree_state(argv[at + 1], argv + at + 2);
		} else if (strcmp(option, "--hold") == 0 && left >= 1) {
			return hold_lock(argv[at + 1]);
		} else if (strcmp(option, "--is-locked") == 0 && left >= 1) {
			return is_locked(argv[at + 1]);
		} else if (strcmp(option, "--settle") == 0 && left >= 2) {
			raise_file_limit();
			return settle(argv[at + 1], argv[at + 2]);
		} else if (strcmp(option, "--remove") == 0 && left >= 1) {
			raise_file_limit();
			return remove_staged(argv[at + 1]);
		} else if (strcmp(option, "--plain-files") == 0 && left >= 1) {
			shim = argv[++at];
		} else if (strcmp(option, "--write-only-here") == 0) {
			write_only_here();
		} else if (strcmp(option, "--namespace") == 0) {
			enter_namespace();
		} else if (strcmp(option, "--parent") == 0 && left >= 1) {
			die_with_parent(argv[++at]);
		} else if (strcmp(option, "--lock") == 0 && left >= 1) {
			take_lock(argv[++at]);
		} else if (strcmp(option, "--claim") == 0 && left >= 1) {
			claim(argv[++at]);
		} else if (strcmp(option, "--together") == 0) {
			is_together = true;
		} else if (strcmp(option, "--apart") == 0) {
			enter_namespace_if_allowed();
		} else if (strcmp(option, "--hide") == 0 && left >= 1) {
			hide_path(argv[++at]);
		} else if (strcmp(option, "--show") == 0 && left >= 1) {
			show_path(argv[++at]);
		} else if (strcmp(option, "--sieve") == 0 && left >= 2) {
			make_sieve(argv[at + 1], argv[at + 2]);
			/* What a guest wrote there would be lost, and its host would not know. */
			read_only(argv[at + 2], 0);
			at += 2;
		} else if (strcmp(option, "--sieve-ro") == 0 && left >= 2) {
			make_sieve(argv[at + 1], argv[at + 2]);
			read_only(argv[at + 2], AT_RECURSIVE);
			at += 2;
		} else if (strcmp(option, "--empty") == 0 && left >= 1) {
			empty(argv[++at]);
		} else if (strcmp(option, "--tap") == 0 && left >= 3) {
			open_tap(argv[at + 1], argv[at + 2], atoi(argv[at + 3]));
			at += 3;
		} else if (strcmp(option, "--bind") == 0 && left >= 2) {
			bind_mount(argv[at + 1], argv[at + 2]);
			at += 2;
		} else if (strcmp(option, "--bind-ro") == 0 && left >= 2) {
			bind_mount(argv[at + 1], argv[at + 2]);
			read_only(argv[at + 2], AT_RECURSIVE);
			at += 2;
		} else {
			fprintf(stderr, "klab-launch: unknown option %s\n", option);
			return EXIT_FAILED;
		}
	}
	if (at + 1 >= argc) {
		fprintf(stderr, "klab-launch: no command\n");
		return EXIT_FAILED;
	}
	raise_file_limit();
	/* After all that a command gets: it has another parent from here on. */
	if (is_together)
		together();
	if (shim)
		make_plain_files(shim);
	execvp(argv[at + 1], argv + at + 1);
	fprintf(stderr, "klab-launch: %s: %s\n", argv[at + 1], strerror(errno));
	return errno == ENOENT ? 127 : 126;
}
