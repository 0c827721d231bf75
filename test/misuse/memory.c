// SPDX-License-Identifier: Apache-2.0
#include "misuse.h"
#include <linux/highmem.h>
#include <linux/mempool.h>
#include <linux/mm.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

static volatile char sink;

static MISUSE(slab_read_behind) { char *p = OPAQUE((char *)kmalloc(100, GFP_KERNEL)); sink = p[104]; kfree(p); }
static MISUSE(slab_write_behind) { char *p = OPAQUE((char *)kmalloc(100, GFP_KERNEL)); p[104] = 1; kfree(p); }
static MISUSE(slab_read_freed) { char *p = OPAQUE((char *)kmalloc(64, GFP_KERNEL)); kfree(p); sink = OPAQUE(p)[8]; }
static MISUSE(slab_write_freed) { char *p = OPAQUE((char *)kmalloc(64, GFP_KERNEL)); kfree(p); OPAQUE(p)[8] = 1; }
static MISUSE(free_twice) { char *p = OPAQUE((char *)kmalloc(64, GFP_KERNEL)); kfree(p); kfree(OPAQUE(p)); }
static MISUSE(free_inside) { char *p = OPAQUE((char *)kmalloc(64, GFP_KERNEL)); kfree(OPAQUE(p) + 8); }
static MISUSE(copy_too_much) { char *p = OPAQUE((char *)kmalloc(64, GFP_KERNEL)), to[128]; size_t n = 100; OPTIMIZER_HIDE_VAR(n); memcpy(OPAQUE((char *)to), p, n); sink = to[3]; kfree(p); }
static MISUSE(set_too_much) { char *p = OPAQUE((char *)kmalloc(64, GFP_KERNEL)); size_t n = 80; OPTIMIZER_HIDE_VAR(n); memset(p, 1, n); kfree(p); }
static MISUSE(string_without_end) { char *p = OPAQUE((char *)kmalloc(16, GFP_KERNEL)); memset(p, 'a', 16); sink = strlen(OPAQUE((const char *)p)); kfree(p); }
static MISUSE(print_without_end) { char *p = OPAQUE((char *)kmalloc(16, GFP_KERNEL)); memset(p, 'a', 16); pr_info("misuse says %s\n", OPAQUE(p)); kfree(p); }
static MISUSE(stack_behind) { char a[16]; int i = 20; OPTIMIZER_HIDE_VAR(i); OPAQUE((char *)a)[i] = 1; sink = a[0]; }
static char global[24];
static MISUSE(global_behind) { int i = 30; OPTIMIZER_HIDE_VAR(i); sink = OPAQUE((char *)global)[i]; }
static MISUSE(vmalloc_behind) { char *p = OPAQUE((char *)vmalloc(100)); sink = p[200]; vfree(p); }
static MISUSE(vmalloc_freed) { char *p = OPAQUE((char *)vmalloc(8192)); vfree(p); sink = OPAQUE(p)[1]; }
static MISUSE(cache_freed) { struct kmem_cache *c = kmem_cache_create("misuse", 96, 0, 0, NULL); char *p = OPAQUE((char *)kmem_cache_alloc(c, GFP_KERNEL)); kmem_cache_free(c, p); sink = OPAQUE(p)[1]; }
static MISUSE(cache_destroyed_in_use) { struct kmem_cache *c = kmem_cache_create("misuse2", 96, 0, 0, NULL); sink = *OPAQUE((char *)kmem_cache_alloc(c, GFP_KERNEL)); kmem_cache_destroy(c); }
static MISUSE(null_read) { char *p = OPAQUE((char *)NULL); sink = p[16]; }
static MISUSE(wild_write) { *OPAQUE((char *)0xdead4ead00000000) = 1; }
static MISUSE(page_freed) { struct page *page = alloc_page(GFP_KERNEL); char *p = OPAQUE((char *)page_address(page)); __free_page(page); sink = OPAQUE(p)[4]; }
static MISUSE(page_reference) { struct page *page = alloc_page(GFP_KERNEL); put_page(page); put_page(OPAQUE(page)); }
static MISUSE(usercopy) { char *p = OPAQUE((char *)kmalloc(64, GFP_KERNEL)); size_t n = 200; OPTIMIZER_HIDE_VAR(n); sink = copy_to_user((void __user *)0x10000, p, n); kfree(p); }
static MISUSE(divide) { int a = 1, b = 0; OPTIMIZER_HIDE_VAR(b); sink = a / b; }
static MISUSE(shift) { int a = 1, b = 40; OPTIMIZER_HIDE_VAR(b); sink = a << b; }
static MISUSE(bug) { BUG(); }
static MISUSE(warning) { WARN_ON(1); }
static MISUSE(warning_text) { WARN(1, "misuse: %d\n", 7); }

#define ONE(what) { #what, misuse_##what }
const struct misuse misuse_memory[] = {
	ONE(slab_read_behind), ONE(slab_write_behind), ONE(slab_read_freed), ONE(slab_write_freed), ONE(free_twice),
	ONE(free_inside), ONE(copy_too_much), ONE(set_too_much), ONE(string_without_end), ONE(print_without_end),
	ONE(stack_behind), ONE(global_behind), ONE(vmalloc_behind), ONE(vmalloc_freed), ONE(cache_freed),
	ONE(cache_destroyed_in_use), ONE(null_read), ONE(wild_write), ONE(page_freed), ONE(page_reference), ONE(usercopy),
	ONE(divide), ONE(shift), ONE(bug), ONE(warning), ONE(warning_text), { }
};
