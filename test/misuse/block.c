// SPDX-License-Identifier: Apache-2.0
#include "misuse.h"
#include <linux/bio.h>
#include <linux/dcache.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mount.h>
#include <linux/namei.h>

static volatile int sink;

static MISUSE(bio_freed_twice) { struct bio *bio = bio_alloc(NULL, 1, 0, GFP_KERNEL); bio_put(bio); bio_put(OPAQUE(bio)); }
static MISUSE(bio_read_freed) { struct bio *bio = bio_kmalloc(1, GFP_KERNEL); kfree(bio); sink = OPAQUE(bio)->bi_vcnt; }
static MISUSE(path_put_twice) { struct path p; sink = kern_path("/proc/version", 0, &p); path_put(&p); dput(p.dentry); dput(p.dentry); dput(p.dentry); }
static MISUSE(file_put_twice) { struct file *f = filp_open("/proc/version", O_RDONLY, 0); filp_close(f, NULL); filp_close(OPAQUE(f), NULL); }
static MISUSE(inode_of_null) { sink = OPAQUE((struct inode *)NULL)->i_mode; }

#define ONE(what) { #what, misuse_##what }
const struct misuse misuse_block[] = {
	ONE(bio_freed_twice), ONE(bio_read_freed), ONE(path_put_twice), ONE(file_put_twice), ONE(inode_of_null), { }
};
