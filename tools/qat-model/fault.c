// Faults to order.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <string.h>
#include "fault.h"

static const char *const names[FAULT_KINDS] = {"none",  "dma",    "status",  "stuck", "late",
					       "extra", "opaque", "pointer", "flip", "verify"};

static bool parse_one(struct fault *f, const char *name, size_t len)
{
	for (unsigned i = 0; i < FAULT_KINDS && f->kinds < FAULT_VFS; i++)
		if (strlen(names[i]) == len && !memcmp(name, names[i], len)) {
			f->kind[f->kinds++] = (uint8_t)i;
			return true;
		}
	return false;
}

bool fault_parse(struct fault *f)
{
	const char *name = f->name;
	f->kinds = 0;
	while (name) {
		size_t len = strcspn(name, "+");
		if (!parse_one(f, name, len))
			return false;
		name = name[len] ? name + len + 1 : NULL;
	}
	return true;
}

static enum fault_kind kind_of(const struct fault *f, unsigned vf)
{
	if (f->vf == FAULT_ALL_VFS)
		return f->kinds ? f->kind[vf % f->kinds] : FAULT_NONE;
	return vf >= f->vf && vf - f->vf < f->kinds ? f->kind[vf - f->vf] : FAULT_NONE;
}

enum fault_kind fault_next(struct fault *f, unsigned vf)
{
	enum fault_kind kind = kind_of(f, vf);
	if (kind == FAULT_NONE || kind == FAULT_VERIFY || f->seen[vf]++ < f->after || f->done[vf] >= f->count)
		return FAULT_NONE;
	f->done[vf]++;
	return kind;
}

bool fault_verify(const struct fault *f)
{
	for (unsigned i = 0; i < f->kinds; i++)
		if (f->kind[i] == FAULT_VERIFY)
			return true;
	return false;
}
