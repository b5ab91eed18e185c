// Faults to order.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <string.h>
#include "fault.h"

static const char *const names[FAULT_KINDS] = {"none",  "dma",    "status",  "stuck", "late",
					       "extra", "opaque", "pointer", "verify"};

bool fault_parse(struct fault *f)
{
	f->kind = FAULT_NONE;
	if (!f->name)
		return true;
	for (unsigned i = 0; i < FAULT_KINDS; i++)
		if (!strcmp(f->name, names[i])) {
			f->kind = i;
			return true;
		}
	return false;
}

static bool meant(const struct fault *f, unsigned vf)
{
	return f->vf == FAULT_ALL_VFS || f->vf == vf;
}

enum fault_kind fault_next(struct fault *f, unsigned vf)
{
	if (f->kind == FAULT_NONE || f->kind == FAULT_LATE || f->kind == FAULT_VERIFY || !meant(f, vf) ||
	    f->seen++ < f->after || f->done >= f->count)
		return FAULT_NONE;
	f->done++;
	return f->kind;
}

uint32_t fault_delay_ms(const struct fault *f, unsigned vf)
{
	return f->kind == FAULT_LATE && meant(f, vf) ? f->ms : 0;
}

bool fault_verify(const struct fault *f)
{
	return f->kind == FAULT_VERIFY;
}
