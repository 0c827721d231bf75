// SPDX-License-Identifier: Apache-2.0
#include "misuse.h"
#include <linux/delay.h>
#include <linux/irqflags.h>
#include <linux/kthread.h>
#include <linux/mutex.h>
#include <linux/rwsem.h>
#include <linux/seqlock.h>
#include <linux/spinlock.h>
#include <linux/timer.h>
#include <linux/wait.h>

static DEFINE_SPINLOCK(one);
static DEFINE_SPINLOCK(two);
static DEFINE_MUTEX(first);
static DEFINE_MUTEX(second);
static DECLARE_RWSEM(sem);

static noinline void misuse_order(void) { spin_lock(&two); spin_lock(&one); spin_unlock(&one); spin_unlock(&two); }
static MISUSE(order_start) { spin_lock(&one); spin_lock(&two); spin_unlock(&two); spin_unlock(&one); misuse_order(); }
static noinline void misuse_mutex_order(void) { mutex_lock(&second); mutex_lock(&first); mutex_unlock(&first); mutex_unlock(&second); }
static MISUSE(mutex_order_start) { mutex_lock(&first); mutex_lock(&second); mutex_unlock(&second); mutex_unlock(&first); misuse_mutex_order(); }
static MISUSE(mutex_twice) { mutex_lock(&first); mutex_lock(&first); }
static MISUSE(spin_twice) { spin_lock(&one); spin_lock(&one); }
static MISUSE(unlock_unlocked) { mutex_unlock(&first); }
static MISUSE(spin_unlock_unlocked) { spin_unlock(&one); }
static MISUSE(sleeps_under_spin) { spin_lock(&one); msleep(1); spin_unlock(&one); }
static MISUSE(mutex_under_spin) { spin_lock(&one); mutex_lock(&first); mutex_unlock(&first); spin_unlock(&one); }
static MISUSE(read_twice) { down_write(&sem); down_read(&sem); }
static MISUSE(lock_freed) { spinlock_t *lock = OPAQUE((spinlock_t *)kmalloc(sizeof(*lock), GFP_KERNEL)); spin_lock_init(lock); kfree(lock); spin_lock(OPAQUE(lock)); }
static MISUSE(lock_not_set_up) { struct { spinlock_t lock; } *x = OPAQUE((void *)kzalloc(sizeof(*x), GFP_KERNEL)); spin_lock(&x->lock); spin_unlock(&x->lock); }
static MISUSE(mutex_freed_held) { struct mutex *m = OPAQUE((struct mutex *)kmalloc(sizeof(*m), GFP_KERNEL)); mutex_init(m); mutex_lock(m); kfree(m); }
static MISUSE(waits_forever) { DECLARE_WAIT_QUEUE_HEAD_ONSTACK(queue); wait_event(queue, READ_ONCE(sem.owner.counter) == 1234567); }
static MISUSE(spins_forever) { for (;;) cpu_relax(); }

#define ONE(what) { #what, misuse_##what }
const struct misuse misuse_locks[] = {
	{ "order", misuse_order_start }, { "mutex_order", misuse_mutex_order_start }, ONE(mutex_twice), ONE(spin_twice),
	ONE(unlock_unlocked), ONE(spin_unlock_unlocked), ONE(sleeps_under_spin), ONE(mutex_under_spin), ONE(read_twice),
	ONE(lock_freed), ONE(lock_not_set_up), ONE(mutex_freed_held), ONE(waits_forever), ONE(spins_forever), { }
};
