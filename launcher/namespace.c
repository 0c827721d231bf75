/*
 * A mount namespace, and what keeps from having one.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mounts.h"
#include "namespace.h"

/* What takes namespaces from ordinary users, and the setting that gives them back. */
static const struct {
	const char *file, *denies, *setting;
} SETTINGS[] = {
	{ "/proc/sys/user/max_user_namespaces", "0", "user.max_user_namespaces=15000" },
	{ "/proc/sys/user/max_mnt_namespaces", "0", "user.max_mnt_namespaces=15000" },
	/* Debian's and Ubuntu's own. */
	{ "/proc/sys/kernel/unprivileged_userns_clone", "0", "kernel.unprivileged_userns_clone=1" },
	{ "/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1",
	  "kernel.apparmor_restrict_unprivileged_userns=0" },
};

static int reads(const char *path, const char *value)
{
	char text[32] = "";
	FILE *file = fopen(path, "re");
	int same = file && fgets(text, sizeof text, file) && strcspn(text, "\n") == strlen(value) &&
		   strncmp(text, value, strlen(value)) == 0;
	if (file)
		fclose(file);
	return same;
}

static const char *setting(void)
{
	for (size_t i = 0; i < sizeof SETTINGS / sizeof *SETTINGS; i++)
		if (reads(SETTINGS[i].file, SETTINGS[i].denies))
			return SETTINGS[i].setting;
	return NULL;
}

/* Names what is at fault, as far as it can be known; a container's own rules (seccomp, capabilities) cannot. */
static _Noreturn void refused(const char *step)
{
	const char *why = strerror(errno);
	uid_t uid = getuid();
	const char *change = uid == 0 ? NULL : setting();
	if (change)
		fprintf(stderr, "klab-launch: cannot %s: %s: sysctl %s allows it\n", step, why, change);
	else if (uid != 0 && access("/proc/self/ns/user", F_OK) < 0)
		fprintf(stderr, "klab-launch: cannot %s: %s: this kernel has no CONFIG_USER_NS\n", step, why);
	else
		fprintf(stderr, "klab-launch: cannot %s: %s: something around us (a container?) forbids it\n", step, why);
	exit(70);
}

static void write_map(const char *path, const char *format, unsigned id)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || dprintf(fd, format, id, id) < 0)
		refused("set up a user namespace");
	close(fd);
}

void enter_namespace(void)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();
	if (unshare(uid == 0 ? CLONE_NEWNS : CLONE_NEWNS | CLONE_NEWUSER) < 0)
		refused("make a mount namespace");
	if (uid != 0) {
		write_map("/proc/self/setgroups", "deny", 0);
		write_map("/proc/self/uid_map", "%u %u 1", uid);
		write_map("/proc/self/gid_map", "%u %u 1", gid);
	}
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		refused("change mounts in a namespace");
}

/* Tried by a child first: who has half of a namespace cannot go back. */
int enter_namespace_if_allowed(void)
{
	int status;
	pid_t child = fork();
	if (child == 0) {
		close(STDERR_FILENO);
		enter_namespace();
		_exit(0);
	}
	if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
		return -1;
	enter_namespace();
	return 0;
}
