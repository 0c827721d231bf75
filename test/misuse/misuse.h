/* SPDX-License-Identifier: Apache-2.0 */
/* Misuses of the kernel's subsystems, one function each: whoever is named in the report has to be that function. */
#ifndef MISUSE_H
#define MISUSE_H
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/slab.h>

struct misuse {
	const char *name;
	void (*run)(void);
};

/* A function of its own, and called `misuse_NAME`: neither inlined nor tail-called. */
#define MISUSE(what) noinline __noclone void misuse_##what(void)

extern const struct misuse misuse_memory[], misuse_later[], misuse_objects[], misuse_locks[], misuse_net[], misuse_block[];

/* What the compiler must not see through. */
#define OPAQUE(pointer) ({ typeof(pointer) __p = (pointer); OPTIMIZER_HIDE_VAR(__p); __p; })
#endif
