// SPDX-License-Identifier: Apache-2.0
#include "misuse.h"
#include <linux/netdevice.h>
#include <linux/rtnetlink.h>
#include <linux/skbuff.h>
#include <net/sock.h>

static volatile int sink;
static struct sk_buff *made(void) { return alloc_skb(128, GFP_KERNEL); }

static MISUSE(skb_put_too_much) { skb_put(OPAQUE(made()), 4096); }
static MISUSE(skb_push_too_much) { skb_push(OPAQUE(made()), 64); }
static MISUSE(skb_freed_twice) { struct sk_buff *skb = made(); kfree_skb(skb); kfree_skb(OPAQUE(skb)); }
static MISUSE(skb_read_freed) { struct sk_buff *skb = made(); kfree_skb(skb); sink = OPAQUE(skb)->len; }
static MISUSE(skb_data_behind) { struct sk_buff *skb = OPAQUE(made()); sink = skb->head[4000]; kfree_skb(skb); }
static MISUSE(skb_queue_freed) { struct sk_buff_head *q = OPAQUE((struct sk_buff_head *)kmalloc(sizeof(*q), GFP_KERNEL)); skb_queue_head_init(q); kfree(q); skb_queue_tail(OPAQUE(q), made()); }
static MISUSE(rtnl_not_held) { ASSERT_RTNL(); }
static MISUSE(rtnl_twice) { rtnl_lock(); rtnl_lock(); }

#define ONE(what) { #what, misuse_##what }
const struct misuse misuse_net[] = {
	ONE(skb_put_too_much), ONE(skb_push_too_much), ONE(skb_freed_twice), ONE(skb_read_freed), ONE(skb_data_behind),
	ONE(skb_queue_freed), ONE(rtnl_not_held), ONE(rtnl_twice), { }
};
