/* Does a working core make progress? The core counts while it works; the watching core checks the count now
 * and then. */
#pragma once
#include "kernel/bits.h"

struct watch {
	uint64_t count, since; /* the count when last seen to change, and when that was, in microseconds */
	bool busy, told;
};

enum watch_says {
	WATCH_WELL,
	WATCH_STUCK, /* the count has stood still for limit_us; reported once until it moves again */
	WATCH_AGAIN, /* it moves again after that */
};

/* One check. An idle core is always well, and its time restarts with its next work. */
enum watch_says watch_look(struct watch *w, bool busy, uint64_t count, uint64_t now, uint64_t limit_us);
