#include "kernel/watch.h"

enum watch_says watch_look(struct watch *w, bool busy, uint64_t count, uint64_t now, uint64_t limit_us)
{
	bool was_stuck = w->told;
	if (!busy || !w->busy || w->count != count) {
		*w = (struct watch){.count = count, .since = now, .busy = busy};
		return was_stuck && busy ? WATCH_AGAIN : WATCH_WELL;
	}
	if (w->told || now - w->since < limit_us)
		return WATCH_WELL;
	w->told = true;
	return WATCH_STUCK;
}
