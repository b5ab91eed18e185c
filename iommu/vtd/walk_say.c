/* The text of iommu/vtd/walk_request.h. */
#include "iommu/vtd/reasons.h"
#include "iommu/vtd/walk_request.h"
#include "kernel/fmt.h"

/* Entries that led on. */
static void add_entries(struct fmt_text *t, const struct vtd_walk_scalable *w)
{
	static const char *const stage[] = {"", "first stage", "second stage", "nested", "pass-through"};
	if (w->at > WALK_AT_ROOT)
		fmt_add(t, "root ok, ");
	if (w->at > WALK_AT_CONTEXT)
		fmt_add(t, "context ok, ");
	if (w->at < WALK_AT_DIRECTORY || w->at == WALK_AT_QUEUE || w->request.kind == REQUEST_TRANSLATED)
		return;
	fmt_add(t, "PASID %u ", w->pasid);
	if (!w->type)
		return;
	fmt_add(t, "ok (domain %u, %s", w->domain, stage[w->type]);
	if (w->type != 4)
		fmt_add(t, ", %u-level", w->levels);
	fmt_add(t, "), ");
}

static void add_steps(struct fmt_text *t, const struct vtd_walk_step *step, unsigned steps, bool last)
{
	for (unsigned i = 0; i + 1 < steps; i++)
		fmt_add(t, "L%u ok, ", step[i].level);
	if (steps)
		fmt_add(t, last ? "L%u[%u] " : "L%u[%u] ok, ", step[steps - 1].level, step[steps - 1].index);
}

static void add_page(struct fmt_text *t, const struct vtd_walk_scalable *w)
{
	static const char *const allowed[] = {"no access", "read only", "write only", "read and write"};
	fmt_add(t, "page of %llu KiB at 0x%llx, %s", (ull)(w->size / 1024), (ull)w->phys.v,
		allowed[(w->read ? 1 : 0) + (w->write ? 2 : 0)]);
}

void vtd_walk_request_text(const struct vtd_walk_scalable *w, char *buf, size_t n)
{
	struct fmt_text t = {buf, n};
	if (!n)
		return;
	buf[0] = 0;
	if (w->at == WALK_AT_LEGACY) {
		vtd_walk_text(&w->legacy, buf, n);
		return;
	}
	if (w->at == WALK_AT_INTERRUPT) {
		fmt_add(&t, "an interrupt's address");
		return;
	}
	add_entries(&t, w);
	if (w->at == WALK_AT_QUEUE) {
		fmt_add(&t, "page request accepted");
		return;
	}
	bool nested = w->type == 3 && w->seconds;
	add_steps(&t, w->step, w->steps, !nested);
	if (nested)
		fmt_add(&t, "second stage: ");
	if (nested || w->type == 2)
		add_steps(&t, w->second, w->seconds, true);
	if (w->size && w->at == WALK_AT_PAGE)
		add_page(&t, w);
	else if (w->at == WALK_AT_PASS && w->read)
		fmt_add(&t, "passes untranslated");
	else
		fmt_add(&t, "%s", vtd_reason_text(w->reason_read));
}
