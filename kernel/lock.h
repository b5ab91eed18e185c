/* A lock with a bounded wait. The holder may take it again (an interrupt in the middle); a core that has
 * waited too long takes it over, because the holder has stopped. Never on the data path. */
#pragma once
#include "kernel/core.h"
#include "kernel/time.h"
#include "kernel/x86/cpu.h"

struct lock {
	uint32_t owner; /* core index + 1; 0: free */
};

/* True when the caller must release it with lock_give(); false when this core held it already. */
static inline bool lock_take(struct lock *l, uint64_t wait_us)
{
	uint32_t me = core_index() + 1, owner = 0;
	if (__atomic_load_n(&l->owner, __ATOMIC_RELAXED) == me)
		return false;
	uint64_t end = now_us() + wait_us;
	while (!__atomic_compare_exchange_n(&l->owner, &owner, me, false, __ATOMIC_ACQUIRE,
					    __ATOMIC_RELAXED)) {
		if (now_us() >= end) {
			__atomic_store_n(&l->owner, me, __ATOMIC_RELEASE);
			break;
		}
		owner = 0;
		cpu_pause();
	}
	return true;
}

/* Does nothing when another core has taken it over in the meantime. */
static inline void lock_give(struct lock *l)
{
	uint32_t me = core_index() + 1;
	__atomic_compare_exchange_n(&l->owner, &me, 0, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED);
}
