/* What is mounted before the host says anything, and what it asks for: the root and the shares. */
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct early {
	const char *type, *target, *options;
	unsigned long flags;
	bool needed;
} EARLY[] = {
	{ "proc", "/proc", "", MS_NOSUID | MS_NODEV | MS_NOEXEC, true },
	{ "sysfs", "/sys", "", MS_NOSUID | MS_NODEV | MS_NOEXEC, true },
	{ "devtmpfs", "/dev", "mode=0755", MS_NOSUID, true },
	{ "devpts", "/dev/pts", "gid=5,mode=620,ptmxmode=666", MS_NOSUID | MS_NOEXEC, false },
	{ "tmpfs", "/dev/shm", "mode=1777", MS_NOSUID | MS_NODEV, false },
	{ "mqueue", "/dev/mqueue", "", MS_NOSUID | MS_NODEV | MS_NOEXEC, false },
	{ "tmpfs", "/run", "mode=0755", MS_NOSUID | MS_NODEV, false },
	{ "cgroup2", "/sys/fs/cgroup", "", MS_NOSUID | MS_NODEV | MS_NOEXEC, false },
	{ "debugfs", "/sys/kernel/debug", "", MS_NOSUID | MS_NODEV | MS_NOEXEC, false },
	{ "tracefs", "/sys/kernel/tracing", "", MS_NOSUID | MS_NODEV | MS_NOEXEC, false },
	{ "securityfs", "/sys/kernel/security", "", MS_NOSUID | MS_NODEV | MS_NOEXEC, false },
	{ "configfs", "/sys/kernel/config", "", MS_NOSUID | MS_NODEV | MS_NOEXEC, false },
	{ "bpf", "/sys/fs/bpf", "mode=0700", MS_NOSUID | MS_NODEV | MS_NOEXEC, false },
	{ "binfmt_misc", "/proc/sys/fs/binfmt_misc", "", MS_NOSUID | MS_NODEV | MS_NOEXEC, false },
};

/* The four that move along when the root changes; the others are mounted inside them. */
static const char *const MOVED[] = { "/proc", "/sys", "/dev", "/run" };

/*
 * Mounting bpf asks for a module that nobody has (bpf_preload), and starting modprobe for it costs 20 ms when
 * emulating. There is no modprobe before there is a root anyway.
 */
static void set_modprobe(const char *path)
{
	int fd = open("/proc/sys/kernel/modprobe", O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return; /* a kernel without modules */
	if (write(fd, path, strlen(path)) < 0)
		note("cannot set modprobe: %s", strerror(errno));
	close(fd);
}

/* Where exports are prepared: in the initramfs, and once there is a root, out of the way of the copy of the host. */
static const char *workshop = "/klab";

/* Every failing step is named in the answer to the host. */
static const char *make_directories(const char *path)
{
	char *copy = strdup(path);
	for (char *slash = copy + 1; copy && (slash = strchr(slash, '/')); slash++) {
		*slash = 0;
		mkdir(copy, 0755);
		*slash = '/';
	}
	free(copy);
	return mkdir(path, 0755) < 0 && errno != EEXIST ? "mkdir" : NULL;
}

static const char *const FILESYSTEMS[] = { [MOUNT_KIND_9P] = "9p", [MOUNT_KIND_VIRTIOFS] = "virtiofs" };

/* A file in the upper layer, before there is an overlay: no copying up. Its directories are as those that they cover. */
static const char *put_file(const char *upper, const char *lower, const char *path, const char *content)
{
	char at[400], below[400];
	struct stat st;
	for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		int length = slash - path;
		snprintf(at, sizeof at, "%s/%.*s", upper, length, path);
		snprintf(below, sizeof below, "%s/%.*s", lower, length, path);
		if (stat(below, &st) < 0)
			return NULL; /* nothing to stand over */
		if (mkdir(at, st.st_mode & 07777) < 0 && errno != EEXIST)
			return "mkdir";
		if (chown(at, st.st_uid, st.st_gid) < 0)
			return "chown";
	}
	snprintf(at, sizeof at, "%s/%s", upper, path);
	int fd = open(at, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return "file";
	ssize_t written = write(fd, content, strlen(content));
	close(fd);
	return written < 0 ? "file" : NULL;
}

/* Memory for the upper layer of an overlay, and where the overlay will be. */
static const char *make_upper(const char *base)
{
	static const char *const PARTS[] = { "upper", "work", "root" };
	char at[100];
	snprintf(at, sizeof at, "%s/rw", base);
	if (make_directories(at) || mount("klab", at, "tmpfs", 0, "mode=0755,size=75%") < 0)
		return "tmpfs";
	for (size_t i = 0; i < sizeof PARTS / sizeof *PARTS; i++) {
		snprintf(at, sizeof at, "%s/rw/%s", base, PARTS[i]);
		if (mkdir(at, 0755) < 0)
			return "mkdir";
	}
	return NULL;
}

/* One upper layer is made while booting: a template has it then, and a clone need not (10 ms when emulating). */
#define PREPARED "/klab/prepared"
static bool is_prepared;

/* An export in the workshop, and over it, when writes are to be discarded, an overlay whose upper layer is memory. */
static const char *mount_layers(uint32_t id, const char *type, const char *tag, uint32_t flags, const char *options,
				char **files, char *at, size_t size)
{
	char base[64], lower[80], upper[80], data[300];
	bool cow = flags & MOUNT_OVERLAY, prepared = cow && is_prepared;
	if (prepared)
		snprintf(base, sizeof base, PREPARED);
	else
		snprintf(base, sizeof base, "%s/%u", workshop, id);
	snprintf(lower, sizeof lower, "%s/lower", base);
	if (make_directories(lower))
		return "mkdir";
	if (mount(tag, lower, type, cow || (flags & MOUNT_READ_ONLY) ? MS_RDONLY : 0, options) < 0)
		return type;
	if (!cow) {
		snprintf(at, size, "%s", lower);
		return NULL;
	}
	is_prepared = false;
	const char *failed = prepared ? NULL : make_upper(base);
	snprintf(upper, sizeof upper, "%s/rw/upper", base);
	for (char **file = files; !failed && file[0] && file[1]; file += 2)
		failed = put_file(upper, lower, file[0], file[1]);
	if (failed)
		return failed;
	snprintf(at, size, "%s/rw/root", base);
	snprintf(data, sizeof data, "lowerdir=%s,upperdir=%s,workdir=%s/rw/work", lower, upper, base);
	/* Inode numbers of a 9p export use all 64 bits; without room for the layer's, overlayfs says so at each mount. */
	char no_xino[320];
	snprintf(no_xino, sizeof no_xino, "%s,xino=off", data);
	if (mount("klab", at, "overlay", 0, no_xino) < 0 && mount("klab", at, "overlay", 0, data) < 0)
		return "overlay";
	/* The upper layer starts with the permissions of the directory it covers. */
	struct stat st;
	if (stat(lower, &st) == 0 && (chmod(at, st.st_mode & 07777) < 0 || chown(at, st.st_uid, st.st_gid) < 0))
		return "chmod";
	return NULL;
}

void mount_early(void)
{
	for (size_t i = 0; i < sizeof EARLY / sizeof *EARLY; i++) {
		const struct early *e = &EARLY[i];
		mkdir(e->target, 0755);
		if (mount(e->type, e->target, e->type, e->flags, e->options) < 0 && e->needed)
			note("cannot mount %s on %s: %s", e->type, e->target, strerror(errno));
		if (i == 0)
			set_modprobe("\n");
	}
	/* What udev would make, and programs expect. */
	static const char *const LINKS[][2] = {
		{ "/proc/self/fd", "/dev/fd" },
		{ "/proc/self/fd/0", "/dev/stdin" },
		{ "/proc/self/fd/1", "/dev/stdout" },
		{ "/proc/self/fd/2", "/dev/stderr" },
	};
	for (size_t i = 0; i < sizeof LINKS / sizeof *LINKS; i++)
		if (symlink(LINKS[i][0], LINKS[i][1]) < 0 && errno != EEXIST)
			note("cannot link %s: %s", LINKS[i][1], strerror(errno));
	set_modprobe("/sbin/modprobe\n");
	mkdir("/run/lock", 01777);
	mkdir("/run/user", 0755);
	is_prepared = !make_upper(PREPARED);
}

/*
 * pivot_root(2) refuses the initial rootfs, which cannot be left; moving the new root over it is what it asks for
 * instead (Documentation/filesystems/ramfs-rootfs-initramfs.rst). The new root then is the root of the namespace, so
 * pivot_root and user namespaces work for whatever runs in it.
 */
static const char *enter_root(const char *at)
{
	char target[128];
	for (size_t i = 0; i < sizeof MOVED / sizeof *MOVED; i++) {
		snprintf(target, sizeof target, "%s%s", at, MOVED[i]);
		mkdir(target, 0755);
		if (mount(MOVED[i], target, NULL, MS_MOVE, NULL) < 0)
			return "move";
	}
	if (chdir(at) < 0 || mount(at, "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0 || chdir("/") < 0)
		return "pivot_root";
	workshop = "/run/klab";
	return mkdir(workshop, 0700) < 0 ? "mkdir" : NULL;
}

/* The target may be a file: then so is the export's place in the guest. */
static const char *bind_share(const char *at, const char *target)
{
	struct stat st;
	if (stat(target, &st) < 0 && make_directories(target))
		return "mkdir";
	return mount(at, target, NULL, MS_MOVE, NULL) < 0 ? "bind" : NULL;
}

static bool failed_once;

bool mounts_complete(void)
{
	return !failed_once;
}

void mount_export(uint32_t id, struct payload *p)
{
	uint32_t kind = take_u32(p), flags = take_u32(p);
	char *tag = take_string(p), *target = take_string(p), *options = take_string(p);
	char **files = take_list(p);
	char at[128];
	const char *failed = "request";
	errno = EINVAL;
	if (!p->broken && kind >= MOUNT_KIND_9P && kind <= MOUNT_KIND_VIRTIOFS)
		failed = mount_layers(id, FILESYSTEMS[kind], tag, flags, options, files, at, sizeof at);
	if (!failed)
		failed = flags & MOUNT_ROOT ? enter_root(at) : bind_share(at, target);
	/* A command that was sent along must not run in a half-made place. */
	failed_once |= failed != NULL;
	send_done(id, failed ? errno : 0, failed ? failed : "");
	free(tag);
	free(target);
	free(options);
	free_list(files);
}
