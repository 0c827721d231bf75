// SPDX-License-Identifier: Apache-2.0
#include "misuse.h"
#include <linux/debugfs.h>
#include <linux/idr.h>
#include <linux/kobject.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/platform_device.h>
#include <linux/proc_fs.h>
#include <linux/rbtree.h>
#include <linux/refcount.h>
#include <linux/sysfs.h>
#include <linux/xarray.h>

struct link { struct list_head list; struct rb_node node; struct kref kref; refcount_t count; struct kobject kobject; };

static volatile int sink;
static struct link *made(void) { return OPAQUE((struct link *)kzalloc(sizeof(struct link), GFP_KERNEL)); }
static void nothing_release(struct kobject *kobject) { }
static const struct kobj_type type = { .release = nothing_release, .sysfs_ops = &kobj_sysfs_ops };

static MISUSE(list_deleted_twice) { LIST_HEAD(head); struct link *a = made(); list_add(&a->list, &head); list_del(&a->list); list_del(&OPAQUE(a)->list); }
static MISUSE(list_added_twice) { LIST_HEAD(head); struct link *a = made(); list_add(&a->list, &head); list_add(&OPAQUE(a)->list, &head); }
static MISUSE(list_walks_freed) { LIST_HEAD(head); struct link *a = made(), *one; list_add(&a->list, &head); kfree(a); list_for_each_entry(one, &head, list) sink++; }
static MISUSE(rbtree_freed) { struct rb_root root = RB_ROOT; struct link *a = made(), *b = made(); rb_link_node(&a->node, NULL, &root.rb_node); rb_insert_color(&a->node, &root); rb_link_node(&b->node, &a->node, &a->node.rb_right); rb_insert_color(&b->node, &root); kfree(a); rb_erase(&OPAQUE(b)->node, &root); }
static MISUSE(refcount_from_zero) { struct link *a = made(); refcount_set(&a->count, 0); refcount_inc(&a->count); }
static MISUSE(refcount_below_zero) { struct link *a = made(); refcount_set(&a->count, 0); refcount_dec(&a->count); }
static void kref_nothing(struct kref *kref) { }
static MISUSE(kref_put_twice) { struct link *a = made(); kref_init(&a->kref); kref_put(&a->kref, kref_nothing); kref_put(&OPAQUE(a)->kref, kref_nothing); }
static MISUSE(kobject_unmade) { struct link *a = made(); kobject_put(&a->kobject); }
static MISUSE(kobject_freed) { struct link *a = made(); kobject_init(&a->kobject, &type); kfree(a); kobject_put(&OPAQUE(a)->kobject); }
static MISUSE(kobject_twice) { struct link *a = made(); kobject_init(&a->kobject, &type); kobject_init(&a->kobject, &type); }
static MISUSE(sysfs_twice) { static struct kobj_attribute one = __ATTR_NULL; static struct attribute attr = { .name = "misuse", .mode = 0444 }; sink = sysfs_create_file(kernel_kobj, &attr); sink = sysfs_create_file(kernel_kobj, &attr) + (int)(long)&one; }
static MISUSE(proc_twice) { proc_create("misuse", 0, NULL, NULL); proc_create_single("misuse", 0, NULL, NULL); proc_create_single("misuse", 0, NULL, NULL); }
static MISUSE(idr_freed) { struct idr *idr = OPAQUE((struct idr *)kmalloc(sizeof(*idr), GFP_KERNEL)); idr_init(idr); kfree(idr); sink = idr_alloc(OPAQUE(idr), (void *)&type, 0, 0, GFP_KERNEL); }
static MISUSE(xarray_freed) { struct xarray *xa = OPAQUE((struct xarray *)kmalloc(sizeof(*xa), GFP_KERNEL)); xa_init(xa); kfree(xa); sink = xa_load(OPAQUE(xa), 5) != NULL; }
static MISUSE(device_freed) { struct platform_device *p = platform_device_alloc("misuse", -1); platform_device_put(p); sink = OPAQUE(p)->id; }

#define ONE(what) { #what, misuse_##what }
const struct misuse misuse_objects[] = {
	ONE(list_deleted_twice), ONE(list_added_twice), ONE(list_walks_freed), ONE(rbtree_freed), ONE(refcount_from_zero),
	ONE(refcount_below_zero), ONE(kref_put_twice), ONE(kobject_unmade), ONE(kobject_freed), ONE(kobject_twice),
	ONE(sysfs_twice), ONE(proc_twice), ONE(idr_freed), ONE(xarray_freed), ONE(device_freed), { }
};
