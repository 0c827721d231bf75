/*
 * A directory without what is hidden in it, which stays hidden whatever its owner does meanwhile.
 *
 * A mount over a secret would not hold: it is on one inode, and goes when another file is renamed over that (git, npm
 * and passwd write so); what is created later has none. So it is the other way round: each directory that something is
 * hidden in, and each above it, is an empty one on a tmpfs of ours, and what may be seen of it is bound back. A name
 * that appears in it later is not there for the guest, whatever it holds.
 *
 * The rules are absolute paths without links; of those above a path the nearest one holds. A directory that is hidden
 * is there, and empty; anything else that is hidden is not there. A bind costs some five microseconds.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/mount.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "mounts.h"
#include "sieve.h"

struct rule {
	const char *path;
	int shown;
};

static struct rule *rules;
static size_t count, room;

static void add_rule(const char *path, int shown)
{
	if (count == room) {
		room = room ? 2 * room : 256;
		rules = realloc(rules, room * sizeof *rules);
		if (!rules)
			die("remember", path);
	}
	rules[count++] = (struct rule){ path, shown };
}

/* A directory, where it is put, and whether what no rule is for is seen in it. */
struct place {
	const char *source, *target;
	int shown;
	/* Nobody else can change the names in it, nor in those above. */
	int ours;
};

void hide_path(const char *path)
{
	add_rule(path, 0);
}

void show_path(const char *path)
{
	add_rule(path, 1);
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct rule *)a)->path, ((const struct rule *)b)->path);
}

/* The first rule whose path is not before this one. */
static const struct rule *first_from(const char *path)
{
	size_t low = 0, high = count;
	while (low < high) {
		size_t middle = (low + high) / 2;
		if (strcmp(rules[middle].path, path) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return rules + low;
}

static const struct rule *rule_of(const char *path)
{
	const struct rule *rule = first_from(path);
	return rule < rules + count && strcmp(rule->path, path) == 0 ? rule : NULL;
}

/* What a path is by the rules above it, and its own. */
static int is_shown(const char *path)
{
	char part[PATH_MAX];
	const struct rule *rule;
	snprintf(part, sizeof part, "%s", path);
	for (char *end = part + strlen(part); end > part; *end = 0) {
		if ((rule = rule_of(part)))
			return rule->shown;
		end = strrchr(part, '/');
	}
	return (rule = rule_of("/")) ? rule->shown : 1;
}

static const char *below(const char *dir, const char *name, char path[PATH_MAX])
{
	if (snprintf(path, PATH_MAX, "%s/%s", strcmp(dir, "/") == 0 ? "" : dir, name) < PATH_MAX)
		return path;
	errno = ENAMETOOLONG;
	die("sieve", dir);
}

/* The rules for what is in a directory lie side by side, from the first one on that is not before `DIR/`. */
static int is_in(const struct rule *rule, const char *prefix)
{
	return rule < rules + count && strncmp(rule->path, prefix, strlen(prefix)) == 0;
}

static int has_rules(const char *dir)
{
	char prefix[PATH_MAX];
	below(dir, "", prefix);
	return is_in(first_from(prefix), prefix);
}

static void make_link(int dir, const char *name, const char *target)
{
	char to[PATH_MAX];
	struct stat st;
	ssize_t length = readlinkat(dir, name, to, sizeof to - 1);
	if (length < 0 || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	to[length] = 0;
	if (symlink(to, target) < 0)
		die("link", target);
	/* Whose link it is decides whether it is followed in a directory for all (protected_symlinks). */
	if (lchown(target, st.st_uid, st.st_gid) < 0)
		errno = 0;
}

/* A directory of ours that looks like the other; its owner as far as we may: in a user namespace there is one user. */
static void make_like(const char *path, const struct stat *other)
{
	if (chown(path, other->st_uid, other->st_gid) < 0)
		errno = 0;
	if (chmod(path, other->st_mode & 07777) < 0)
		die("set the mode of", path);
}

/* A link that came in its place meanwhile is not followed. Takes twice as long as mount(2). */
static int bind_unfollowed(int dir, const char *name, const char *target)
{
	unsigned flags = AT_SYMLINK_NOFOLLOW | AT_RECURSIVE | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC;
	int tree = syscall(SYS_open_tree, dir, name, flags);
	/* ENOSYS: before v5.2, where what others may change is not seen. */
	if (tree < 0)
		return -1;
	int failed = syscall(SYS_move_mount, tree, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH);
	int error = errno;
	close(tree);
	errno = error;
	return failed;
}

/*
 * What cannot be bound is not seen: a file system of FUSE that is its owner's alone, more mounts than the kernel allows,
 * what has gone meanwhile.
 */
static void bind_back(int dir, const char *name, struct place as)
{
	int failed = as.ours ? bind_tree(as.source, as.target) : bind_unfollowed(dir, name, as.target);
	if (failed && errno != ENOENT)
		fprintf(stderr, "klab-launch: guests do not see %s: %s\n", as.source, strerror(errno));
}

static void fill(int fd, struct place in);

/* A directory of which not all is shown. */
static void put_part(int dir, const char *name, struct place as)
{
	struct stat st;
	int fd = openat(dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0 && fstat(fd, &st) == 0) {
		make_like(as.target, &st);
		/* Whoever owns a directory, or may write to it, may put a link in the place of what we have looked at. */
		as.ours = as.ours && (st.st_uid == 0 || st.st_uid == geteuid()) && !(st.st_mode & 022);
		if (has_rules(as.source))
			fill(fd, as);
	}
	if (fd >= 0)
		close(fd);
}

static unsigned char type_of(int dir, const char *name)
{
	struct stat st;
	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ? DT_UNKNOWN : IFTODT(st.st_mode);
}

/* Puts a name of a directory to its place, as far as it may be seen. */
static void put(int dir, const char *name, unsigned char type, struct place in)
{
	char source[PATH_MAX], target[PATH_MAX];
	const struct rule *rule = rule_of(below(in.source, name, source));
	struct place as = { source, below(in.target, name, target), rule ? rule->shown : in.shown,
			    in.ours };
	if (type == DT_UNKNOWN)
		type = type_of(dir, name);
	if (type == DT_DIR) {
		if (mkdir(target, 0700) < 0)
			die("create", target);
		if (as.shown && !has_rules(source))
			bind_back(dir, name, as);
		else
			put_part(dir, name, as);
	} else if (as.shown && type == DT_LNK) {
		make_link(dir, name, target);
	} else if (as.shown && type != DT_SOCK && type != DT_UNKNOWN) {
		if (mknod(target, S_IFREG | 0444, 0) < 0)
			die("create", target);
		bind_back(dir, name, as);
	}
}

static void put_all(int fd, struct place in)
{
	struct dirent *entry;
	int readable = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = readable < 0 ? NULL : fdopendir(readable);
	while (dir && (entry = readdir(dir))) {
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			put(fd, entry->d_name, entry->d_type, in);
	}
	if (dir)
		closedir(dir);
}

/* Of a directory that is hidden, what leads to something that is shown. It is not read: an automounter's need not end. */
static void put_shown(int fd, struct place in)
{
	char prefix[PATH_MAX], name[NAME_MAX + 1], target[PATH_MAX];
	struct stat st;
	below(in.source, "", prefix);
	for (const struct rule *rule = first_from(prefix); is_in(rule, prefix); rule++) {
		const char *rest = rule->path + strlen(prefix);
		size_t length = strcspn(rest, "/");
		if (!rule->shown || length == 0 || length > NAME_MAX)
			continue;
		memcpy(name, rest, length);
		name[length] = 0;
		/* Several rules may begin with it. */
		if (lstat(below(in.target, name, target), &st) < 0)
			put(fd, name, type_of(fd, name), in);
	}
}

static void fill(int fd, struct place in)
{
	if (in.shown)
		put_all(fd, in);
	else
		put_shown(fd, in);
}

void make_sieve(const char *source, const char *target)
{
	qsort(rules, count, sizeof *rules, by_path);
	empty(target);
	/* What lies above a share was not looked at. */
	put_part(AT_FDCWD, source, (struct place){ source, target, is_shown(source), strcmp(source, "/") == 0 });
}
