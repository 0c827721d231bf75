/*
 * klab-launch --plain-files SHIM: the command, which writes to this machine what a guest says, makes files of its own user
 * and nothing privileged. A filter of system calls is the wall:
 *
 *   - another owner is not given to anything, and no other user become to make it (virtiofsd does): both look as if done
 *   - devices and set-user-ID and set-group-ID bits are refused
 *
 * The kernel takes such bits away when a file is written to, and no file gets capabilities: the command has not the
 * capabilities for that. The shim (shim/shim.c) sees to it that a program asks for nothing that is refused.
 */
#define _GNU_SOURCE
#include "plain-files.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define EXIT_FAILED 70
#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif

#if defined __x86_64__
#define ARCH AUDIT_ARCH_X86_64
#elif defined __aarch64__
#define ARCH AUDIT_ARCH_AARCH64
#elif defined __riscv && __riscv_xlen == 64
#define ARCH AUDIT_ARCH_RISCV64
#else
#error "the filter of system calls has to know this architecture"
#endif

#define FIELD(name) offsetof(struct seccomp_data, name)
/* The lower half of an argument: modes and flags have no more. Little-endian, as all of the architectures above. */
#define LOAD_ARG(number) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, FIELD(args) + 8 * (number))
#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, FIELD(field))
#define RETURN(value) BPF_STMT(BPF_RET | BPF_K, value)
#define FAIL(error) RETURN(SECCOMP_RET_ERRNO | (error))
#define ALLOW RETURN(SECCOMP_RET_ALLOW)
/* The next `length` instructions are for that system call alone; the accumulator is its number. */
#define CALL(number, length) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##number, 0, length)

#define SET_ID (S_ISUID | S_ISGID)
#define PRETEND(call) CALL(call, 1), FAIL(0)
#define WITHOUT_SET_ID(call, mode) \
	CALL(call, 4), LOAD_ARG(mode), BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, SET_ID, 0, 1), FAIL(EPERM), ALLOW
/* The mode counts where something is made. */
#define WITHOUT_SET_ID_IF_MADE(call, flags, mode)                                          \
	CALL(call, 6), LOAD_ARG(flags), BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, O_CREAT | __O_TMPFILE, 0, 3), \
		LOAD_ARG(mode), BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, SET_ID, 0, 1), FAIL(EPERM), ALLOW
/* Of all types, two have both bits: S_IFBLK is S_IFCHR | S_IFDIR, and S_IFSOCK is S_IFREG | S_IFDIR. */
#define NO_DEVICE(call, mode)                                                                      \
	CALL(call, 8), LOAD_ARG(mode), BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, SET_ID, 4, 0),         \
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, S_IFMT),                                       \
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, S_IFCHR, 2, 0),                                \
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, S_IFBLK, 1, 0), ALLOW, FAIL(EPERM), ALLOW

static struct sock_filter FILTER[] = {
	LOAD(arch),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0),
	FAIL(ENOSYS),
	LOAD(nr),
#ifdef __x86_64__
	/* x32 has numbers of its own for the same calls. */
	BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1),
	FAIL(ENOSYS),
	PRETEND(chown),
	PRETEND(lchown),
	WITHOUT_SET_ID(chmod, 1),
	WITHOUT_SET_ID(creat, 1),
	WITHOUT_SET_ID_IF_MADE(open, 1, 2),
	NO_DEVICE(mknod, 1),
#endif
	PRETEND(fchown),
	PRETEND(fchownat),
	PRETEND(setuid),
	PRETEND(setgid),
	PRETEND(setreuid),
	PRETEND(setregid),
	PRETEND(setresuid),
	PRETEND(setresgid),
	PRETEND(setfsuid),
	PRETEND(setfsgid),
	PRETEND(setgroups),
	WITHOUT_SET_ID(fchmod, 1),
	WITHOUT_SET_ID(fchmodat, 2),
	WITHOUT_SET_ID(fchmodat2, 2),
	WITHOUT_SET_ID_IF_MADE(openat, 2, 3),
	NO_DEVICE(mknodat, 2),
	/* What these are asked for is in memory, where a filter does not look. Programs do without. */
	CALL(openat2, 1),
	FAIL(ENOSYS),
	CALL(io_uring_setup, 1),
	FAIL(ENOSYS),
	ALLOW,
};

static _Noreturn void fail(const char *step)
{
	fprintf(stderr, "klab-launch: %s: %s\n", step, strerror(errno));
	exit(EXIT_FAILED);
}

/* By a descriptor: the loader takes spaces and colons in a path for its end. Where it cannot, less works in the guest. */
static void preload(const char *shim)
{
	char path[64];
	int fd = open(shim, O_RDONLY);
	if (fd < 0)
		fail(shim);
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	setenv("LD_PRELOAD", path, 1);
}

void make_plain_files(const char *shim)
{
	static const int WITHOUT[] = { CAP_FSETID, CAP_SETFCAP, CAP_MKNOD };
	struct sock_fprog program = { sizeof FILTER / sizeof *FILTER, FILTER };
	for (size_t i = 0; i < sizeof WITHOUT / sizeof *WITHOUT; i++)
		if (prctl(PR_CAPBSET_DROP, WITHOUT[i]) < 0 && errno != EPERM)
			fail("drop capability");
	preload(shim);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
		fail("filter system calls");
}
