// SPDX-License-Identifier: Apache-2.0
#include "misuse.h"
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/hrtimer.h>
#include <linux/interrupt.h>
#include <linux/kthread.h>
#include <linux/rcupdate.h>
#include <linux/srcu.h>
#include <linux/timer.h>
#include <linux/workqueue.h>

struct thing {
	struct timer_list timer;
	struct work_struct work;
	struct delayed_work delayed;
	struct rcu_head rcu;
	struct hrtimer hrtimer;
	struct tasklet_struct tasklet;
	int value;
};

static volatile int sink;
static struct thing *made(void) { return OPAQUE((struct thing *)kzalloc(sizeof(struct thing), GFP_KERNEL)); }
static void nothing_timer(struct timer_list *timer) { }
static void nothing_work(struct work_struct *work) { }

static MISUSE(timer_in_freed) { struct thing *t = made(); timer_setup(&t->timer, nothing_timer, 0); mod_timer(&t->timer, jiffies + HZ); kfree(t); }
static MISUSE(timer_not_set_up) { struct thing *t = made(); add_timer(&t->timer); }
static MISUSE(timer_added_twice) { struct thing *t = made(); timer_setup(&t->timer, nothing_timer, 0); t->timer.expires = jiffies + HZ; add_timer(&t->timer); add_timer(&t->timer); }
static MISUSE(timer_of_freed) { struct thing *t = made(); timer_setup(&t->timer, nothing_timer, 0); kfree(t); mod_timer(&OPAQUE(t)->timer, jiffies + HZ); }
static noinline void misuse_timer_callback(struct timer_list *timer) { struct thing *t = container_of(timer, struct thing, timer); kfree(t); sink = OPAQUE(t)->value; }
static MISUSE(timer_callback_start) { struct thing *t = made(); timer_setup(&t->timer, misuse_timer_callback, 0); mod_timer(&t->timer, jiffies + 1); msleep(500); }
static MISUSE(work_in_freed) { struct thing *t = made(); INIT_DELAYED_WORK(&t->delayed, nothing_work); schedule_delayed_work(&t->delayed, HZ); kfree(t); }
static MISUSE(work_not_set_up) { struct thing *t = made(); schedule_work(&t->work); }
static noinline void misuse_work_callback(struct work_struct *work) { struct thing *t = container_of(work, struct thing, work); kfree(t); sink = OPAQUE(t)->value; }
static MISUSE(work_callback_start) { struct thing *t = made(); INIT_WORK(&t->work, misuse_work_callback); schedule_work(&t->work); msleep(500); }
static MISUSE(work_flushed_unmade) { struct thing *t = made(); flush_work(&t->work); }
static noinline void misuse_rcu_callback(struct rcu_head *head) { struct thing *t = container_of(head, struct thing, rcu); kfree(t); sink = OPAQUE(t)->value; }
static MISUSE(rcu_callback_start) { struct thing *t = made(); call_rcu(&t->rcu, misuse_rcu_callback); rcu_barrier(); }
static int __rcu *pointer;
static MISUSE(rcu_without_lock) { sink = rcu_dereference(pointer) != NULL; }
static MISUSE(rcu_sleeps) { rcu_read_lock(); msleep(10); rcu_read_unlock(); }
static MISUSE(atomic_allocates) { preempt_disable(); kfree(kmalloc(64, GFP_KERNEL)); preempt_enable(); }
static MISUSE(atomic_sleeps) { preempt_disable(); schedule_timeout_uninterruptible(1); preempt_enable(); }
static noinline enum hrtimer_restart misuse_hrtimer_callback(struct hrtimer *timer) { struct thing *t = container_of(timer, struct thing, hrtimer); sink = OPAQUE(t)[1].value; return HRTIMER_NORESTART; }
static MISUSE(hrtimer_callback_start) { struct thing *t = made(); hrtimer_init(&t->hrtimer, CLOCK_MONOTONIC, HRTIMER_MODE_REL); t->hrtimer.function = misuse_hrtimer_callback; hrtimer_start(&t->hrtimer, 1000, HRTIMER_MODE_REL); msleep(500); }
static MISUSE(completion_freed) { struct completion *c = OPAQUE((struct completion *)kmalloc(sizeof(*c), GFP_KERNEL)); init_completion(c); kfree(c); complete(OPAQUE(c)); }
static noinline int misuse_thread(void *unused) { BUG(); return 0; }
static MISUSE(thread_start) { kthread_run(misuse_thread, NULL, "misuse"); msleep(500); }
static MISUSE(thread_stopped_twice) { struct task_struct *t = kthread_create(misuse_thread, NULL, "misuse"); kthread_stop(t); kthread_stop(OPAQUE(t)); }

#define ONE(what) { #what, misuse_##what }
const struct misuse misuse_later[] = {
	ONE(timer_in_freed), ONE(timer_not_set_up), ONE(timer_added_twice), ONE(timer_of_freed), { "timer_callback", misuse_timer_callback_start },
	ONE(work_in_freed), ONE(work_not_set_up), { "work_callback", misuse_work_callback_start }, ONE(work_flushed_unmade),
	{ "rcu_callback", misuse_rcu_callback_start }, ONE(rcu_without_lock), ONE(rcu_sleeps), ONE(atomic_allocates),
	ONE(atomic_sleeps), { "hrtimer_callback", misuse_hrtimer_callback_start }, ONE(completion_freed), { "thread", misuse_thread_start },
	ONE(thread_stopped_twice), { }
};
