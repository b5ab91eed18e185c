/* The text of iommu/vtd/walk_request.h. */
#include "iommu/vtd/reasons.h"
#include "iommu/vtd/walk_request.h"
#include "kernel/fmt.h"

struct text {
	char *buf;
	size_t left;
};

static void PRINTF_LIKE(2, 3) add(struct text *t, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	size_t n = (size_t)fmt_vprint(t->buf, t->left, fmt, ap);
	va_end(ap);
	if (n >= t->left)
		n = t->left - 1;
	t->buf += n;
	t->left -= n;
}

/* Entries that led on. */
static void add_entries(struct text *t, const struct vtd_walk_scalable *w)
{
	static const char *const stage[] = {"", "first stage", "second stage", "nested", "pass-through"};
	if (w->at > WALK_AT_ROOT)
		add(t, "root ok, ");
	if (w->at > WALK_AT_CONTEXT)
		add(t, "context ok, ");
	if (w->at < WALK_AT_DIRECTORY || w->at == WALK_AT_QUEUE || w->request.kind == REQUEST_TRANSLATED)
		return;
	add(t, "PASID %u ", w->pasid);
	if (!w->type)
		return;
	add(t, "ok (domain %u, %s", w->domain, stage[w->type]);
	if (w->type != 4)
		add(t, ", %u-level", w->levels);
	add(t, "), ");
}

static void add_steps(struct text *t, const struct vtd_walk_step *step, unsigned steps, bool last)
{
	for (unsigned i = 0; i + 1 < steps; i++)
		add(t, "L%u ok, ", step[i].level);
	if (steps)
		add(t, last ? "L%u[%u] " : "L%u[%u] ok, ", step[steps - 1].level, step[steps - 1].index);
}

static void add_page(struct text *t, const struct vtd_walk_scalable *w)
{
	static const char *const allowed[] = {"no access", "read only", "write only", "read and write"};
	add(t, "page of %llu KiB at 0x%llx, %s", (ull)(w->size / 1024), (ull)w->phys.v,
	    allowed[(w->read ? 1 : 0) + (w->write ? 2 : 0)]);
}

void vtd_walk_request_text(const struct vtd_walk_scalable *w, char *buf, size_t n)
{
	struct text t = {buf, n};
	if (!n)
		return;
	buf[0] = 0;
	if (w->at == WALK_AT_LEGACY) {
		vtd_walk_text(&w->legacy, buf, n);
		return;
	}
	if (w->at == WALK_AT_INTERRUPT) {
		add(&t, "an interrupt's address");
		return;
	}
	add_entries(&t, w);
	if (w->at == WALK_AT_QUEUE) {
		add(&t, "page request accepted");
		return;
	}
	bool nested = w->type == 3 && w->seconds;
	add_steps(&t, w->step, w->steps, !nested);
	if (nested)
		add(&t, "second stage: ");
	if (nested || w->type == 2)
		add_steps(&t, w->second, w->seconds, true);
	if (w->size && w->at == WALK_AT_PAGE)
		add_page(&t, w);
	else if (w->at == WALK_AT_PASS && w->read)
		add(&t, "passes untranslated");
	else
		add(&t, "%s", vtd_reason_text(w->reason_read));
}
