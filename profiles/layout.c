/*
 * Compiled with each kernel, never run: tells where that kernel keeps what, for klab inspect. As kbuild's own asm-offsets, it
 * is read from the assembly. KLAB_* are features that its build found in the sources (src/kernel/build/layout.ts).
 */
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/seqlock.h>
#include <linux/timekeeper_internal.h>

#define TELL(name, value) asm volatile("\n->" name " %0" : : "i"((unsigned long)(value)))
#define MEMBER(type, member) TELL(#type "." #member, offsetof(struct type, member))
#define CONSTANT(name) TELL(#name, name)

/* As in kernel/time/timekeeping.c, where it has no name. */
struct tk_core {
#ifdef KLAB_TK_RAW_SPINLOCK
	seqcount_raw_spinlock_t seq;
#else
	seqcount_t seq;
#endif
	struct timekeeper timekeeper;
};

void layout(void);
void layout(void)
{
	MEMBER(task_struct, tasks);
	MEMBER(task_struct, pid);
	MEMBER(task_struct, tgid);
	MEMBER(task_struct, comm);
	MEMBER(task_struct, mm);
	MEMBER(task_struct, signal);
	MEMBER(task_struct, thread_node);
#ifdef CONFIG_SMP
	MEMBER(task_struct, on_cpu);
#endif
#ifdef KLAB_TASK_STATE
	MEMBER(task_struct, __state);
#else
	MEMBER(task_struct, state);
#endif
	TELL("task_struct.sp", offsetof(struct task_struct, thread.sp));
	MEMBER(signal_struct, thread_head);
	MEMBER(module, list);
	MEMBER(module, name);
#ifdef KLAB_MODULE_MEM
	TELL("module.memBase", offsetof(struct module, mem[0].base));
	TELL("module.memSize", offsetof(struct module, mem[0].size));
#else
	TELL("module.base", offsetof(struct module, core_layout.base));
	TELL("module.size", offsetof(struct module, core_layout.size));
#endif
	TELL("tk_core.ktime_sec", offsetof(struct tk_core, timekeeper.ktime_sec));
	CONSTANT(NR_FREE_PAGES);
	CONSTANT(NR_ANON_MAPPED);
	CONSTANT(NR_FILE_PAGES);
	CONSTANT(NR_SHMEM);
	CONSTANT(NR_PAGETABLE);
	CONSTANT(NR_SLAB_RECLAIMABLE_B);
	CONSTANT(NR_SLAB_UNRECLAIMABLE_B);
	CONSTANT(NR_KERNEL_STACK_KB);
}
