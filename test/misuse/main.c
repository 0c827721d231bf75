// SPDX-License-Identifier: Apache-2.0
/* insmod misuse.ko run=NAME: does it, and fails to load. Without a name it lists them in the kernel's log. */
#include "misuse.h"
#include <linux/string.h>

static char *run = "";
module_param(run, charp, 0400);

static const struct misuse *const ALL[] = {
	misuse_memory, misuse_later, misuse_objects, misuse_locks, misuse_net, misuse_block,
};

static int __init misuse_init(void)
{
	const struct misuse *one;
	int i;

	for (i = 0; i < ARRAY_SIZE(ALL); i++) {
		for (one = ALL[i]; one->name; one++) {
			if (!*run)
				pr_info("misuse: %s\n", one->name);
			else if (!strcmp(run, one->name))
				one->run();
		}
	}
	return 0;
}
module_init(misuse_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("misuses of the kernel, one function each");
