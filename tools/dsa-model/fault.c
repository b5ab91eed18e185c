// Faults to order.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <string.h>
#include "fault.h"

static const char *const names[FAULT_KINDS] = {"none", "pasid", "flip", "stale", "lost", "late", "lie"};

bool fault_parse(struct fault *f)
{
	f->kind = FAULT_NONE;
	if (!f->name)
		return true;
	for (unsigned i = 0; i < FAULT_KINDS; i++)
		if (!strcmp(names[i], f->name)) {
			f->kind = (enum fault_kind)i;
			return true;
		}
	return false;
}

enum fault_kind fault_next(struct fault *f, unsigned wq)
{
	if (f->kind == FAULT_NONE || f->kind == FAULT_STALE || (f->wq != FAULT_ALL_WQS && f->wq != wq))
		return FAULT_NONE;
	if (f->seen[wq]++ < f->after || f->done[wq] >= f->count)
		return FAULT_NONE;
	f->done[wq]++;
	return f->kind;
}
