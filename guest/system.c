/* The machine itself: modules, clock, entropy, name, power. */
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/random.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define MODULE_LIST "/klab/modules"
#define MAX_NOTES 16

static char *kept_notes[MAX_NOTES];
static uint32_t note_count;

void note(const char *format, ...)
{
	char text[200];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	/* On the console too: without a channel it is the only way to be heard. */
	int console = open("/dev/console", O_WRONLY | O_NOCTTY | O_CLOEXEC);
	if (console >= 0) {
		dprintf(console, "klab-agent: %s\n", text);
		close(console);
	}
	if (note_count < MAX_NOTES)
		kept_notes[note_count++] = strdup(text);
}

const char *const *notes(uint32_t *count)
{
	*count = note_count;
	return (const char *const *)kept_notes;
}

void *must_alloc(size_t bytes)
{
	void *memory = malloc(bytes);
	if (!memory) {
		note("out of memory");
		power_off();
	}
	return memory;
}

/* The list is in the order of dependencies, made by the host (src/kernel/modules.ts). */
void load_modules(void)
{
	FILE *list = fopen(MODULE_LIST, "re");
	char line[400];
	while (list && fgets(line, sizeof line, list)) {
		line[strcspn(line, "\n")] = 0;
		int fd = open(line, O_RDONLY | O_CLOEXEC);
		if (fd < 0 || (syscall(SYS_finit_module, fd, "", 0) < 0 && errno != EEXIST))
			note("cannot load %s: %s", line, strerror(errno));
		if (fd >= 0)
			close(fd);
	}
	if (list)
		fclose(list);
}

void set_clock(struct payload *p)
{
	struct timespec now = { .tv_sec = take_u64(p), .tv_nsec = take_u32(p) };
	if (!p->broken && clock_settime(CLOCK_REALTIME, &now) < 0)
		note("cannot set the clock: %s", strerror(errno));
}

void add_entropy(const uint8_t *data, size_t length)
{
	struct {
		struct rand_pool_info info;
		uint8_t data[512];
	} pool;
	if (length > sizeof pool.data)
		length = sizeof pool.data;
	pool.info.entropy_count = length * 8;
	pool.info.buf_size = length;
	memcpy(pool.info.buf, data, length);
	int fd = open("/dev/urandom", O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	/* A clone has its template's generator: only a reseed makes its numbers its own (RNDRESEEDCRNG, v4.14). */
	if (ioctl(fd, RNDADDENTROPY, &pool) < 0 || ioctl(fd, RNDRESEEDCRNG) < 0)
		note("cannot seed the random numbers: %s", strerror(errno));
	close(fd);
}

void set_hostname(struct payload *p)
{
	struct span name = take_bytes(p);
	if (!p->broken && sethostname((const char *)name.data, name.length) < 0)
		note("cannot set the host name: %s", strerror(errno));
}

void power_off(void)
{
	sync();
	reboot(RB_POWER_OFF);
	/* No ACPI (microvm): QEMU, told not to reboot, ends on a reset. */
	reboot(RB_AUTOBOOT);
	for (;;)
		pause();
}
