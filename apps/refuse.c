/* Stage refuse: each VF is told to write where it must not. The verdict is memory, medium and fault record;
 * what the device says of it is shown and not believed. */
#include "apps/machine.h"
#include "apps/pattern.h"
#include "kernel/fmt.h"
#include "kernel/log.h"
#include "kernel/time.h"
#include "kernel/x86/paging.h"

#define FAULT_WAIT_US 200000u
#define REASON_WRITE  5 /* no write permission: VT-d, fault reasons of legacy mode */

/* The kernel's own memory that is attacked: a page of its data, so that a success is seen and not felt. */
static _Alignas(PAGE_SIZE) uint8_t kernel_page[PAGE_SIZE];

struct attack {
	struct vf *by;
	const char *name;
	iova_t to;
};

/* Everything that no VF may change, summed up. */
static uint64_t guarded_sum(const struct machine *m)
{
	uint64_t sum = pattern_sum(kernel_page, sizeof kernel_page);
	for (unsigned i = 0; i < m->vfs; i++) {
		sum = sum * 31 + pattern_sum(m->vf[i].readonly.va, PAGE_SIZE);
		sum = sum * 31 + pattern_sum((uint8_t *)m->vf[i].buffers.va + BUFFER_TARGET, PAGE_SIZE);
	}
	return sum;
}

static void fill_targets(const struct machine *m)
{
	pattern_fill(kernel_page, sizeof kernel_page, pattern_seed(1000, 1, 1));
	for (unsigned i = 0; i < m->vfs; i++) {
		pattern_fill(m->vf[i].readonly.va, PAGE_SIZE, pattern_seed(i, 2, 2));
		pattern_fill((uint8_t *)m->vf[i].buffers.va + BUFFER_TARGET, PAGE_SIZE,
			     pattern_seed(i, 3, 3));
	}
}

/* One chunk read by every VF, the attacker too: rings go on, data and medium are what they were. */
static bool all_work(struct machine *m, uint64_t chunk)
{
	bool right = true;
	for (unsigned i = 0; i < m->vfs; i++) {
		struct vf *vf = &m->vf[i];
		vf->batch.n = 1;
		vf->batch.req[0] = vf_request(vf, vf->data, ACCEL_READ, chunk, 0);
		pattern_fill(vf_buffer(vf, 0), CHUNK, 1);
		if (batch_start(vf))
			return false;
	}
	if (batch_finish(m))
		return false;
	for (unsigned i = 0; i < m->vfs; i++)
		right &= m->vf[i].batch.status[0] == 0 &&
			 pattern_check(vf_buffer(&m->vf[i], 0), CHUNK, timed_seed(&m->vf[i], chunk));
	return right;
}

/* The attack itself: a read of the medium whose data the device is to write to a->to. */
static enum sl_err strike(struct machine *m, const struct attack *a, uint64_t chunk, uint16_t *status)
{
	for (unsigned i = 0; i < m->vfs; i++)
		m->vf[i].batch.n = m->vf[i].batch.done = 0;
	a->by->batch.n = 1;
	a->by->batch.req[0] = vf_request(a->by, a->by->data, ACCEL_READ, chunk, 0);
	a->by->batch.req[0].data = a->to;
	enum sl_err e = batch_start(a->by);
	if (!e)
		e = batch_finish(m);
	*status = a->by->batch.status[0];
	return e;
}

/* The first fault recorded since iommu_fault_clear(). */
static enum sl_err wait_fault(struct machine *m, struct iommu_fault *f)
{
	uint64_t deadline = now_us() + FAULT_WAIT_US;
	for (;;) {
		bool late = now_us() > deadline;
		enum sl_err e = iommu_fault_next(&m->iommu, f);
		if (e != SL_END || late)
			return e;
	}
}

static bool fault_right(const struct attack *a, const struct iommu_fault *f)
{
	return bdf_eq(f->bdf, a->by->fn->bdf) && f->iova.v == a->to.v && f->write &&
	       f->reason == REASON_WRITE;
}

/* The first VF's cases are explained in full; the others' faults have the same reasons. */
static void print_case(struct machine *m, const struct attack *a, const struct iommu_fault *f,
		       uint16_t status)
{
	char said[64], why[256], unit[16];
	log_line("refuse",
		 "VF %u -> %s: refused; fault: " BDF_FMT " %s 0x%llx, reason %u; the device says %s",
		 a->by->index, a->name, BDF_ARG(f->bdf), f->write ? "write" : "read", (ull)f->iova.v,
		 f->reason, status ? a->by->accel->drv->status_text(status, said, sizeof said) : "success");
	if (a->by->index)
		return;
	iommu_fault_describe(&m->iommu, f, why, sizeof why);
	fmt_print(unit, sizeof unit, "iommu%u", f->unit);
	log_line(unit, "%s", why);
}

static void print_failure(const struct attack *a, const char *what)
{
	log_fail("refuse", "do not give this machine's functions to anyone you do not trust",
		 BDF_FMT " -> %s at 0x%llx: %s", BDF_ARG(a->by->fn->bdf), a->name, (ull)a->to.v, what);
}

/* Records are cleared and cached translations dropped first: a refusal out of the IOTLB may leave no record.
 */
static bool run_attack(struct machine *m, const struct attack *a, uint64_t chunk)
{
	struct iommu_fault f;
	char text[160];
	uint16_t status;
	if (domain_flush(a->by->dom)) {
		print_failure(a, "the IOMMU does not answer an invalidation");
		return false;
	}
	iommu_fault_clear(&m->iommu);
	uint64_t before = guarded_sum(m);
	enum sl_err e = strike(m, a, chunk, &status), got = wait_fault(m, &f);
	if (guarded_sum(m) != before) {
		print_failure(a, "MEMORY WAS CHANGED");
		return false;
	}
	if (got) {
		print_failure(a, "memory is unchanged, but no fault was recorded");
		return false;
	}
	if (!fault_right(a, &f)) {
		fmt_print(text, sizeof text,
			  "a fault was recorded, but not the right one: " BDF_FMT " %s 0x%llx, reason %u",
			  BDF_ARG(f.bdf), f.write ? "write" : "read", (ull)f.iova.v, f.reason);
		print_failure(a, text);
		return false;
	}
	iommu_fault_clear(&m->iommu);
	if (e || !all_work(m, chunk)) {
		print_failure(a, "refused, but not all VFs work as before");
		return false;
	}
	print_case(m, a, &f, status);
	return true;
}

#define OTHERS 3 /* targets that are not another VF */

static void run_vf(struct machine *m, struct vf *by, bool *ok)
{
	for (unsigned t = 0; t < m->vfs + OTHERS; t++) {
		char name[32];
		struct attack a = {.by = by, .name = name};
		if (t == by->index)
			continue;
		if (t < m->vfs) {
			fmt_print(name, sizeof name, "memory of VF %u", t);
			a.to = IOVA(m->vf[t].buffers.phys.v + BUFFER_TARGET);
		} else if (t == m->vfs) {
			a.name = "kernel memory";
			a.to = IOVA(paging_phys(kernel_page).v);
		} else if (t == m->vfs + 1) {
			a.name = "its read-only page";
			a.to = by->readonly.iova;
		} else {
			a.name = "an unmapped page";
			a.to = window_at(m, WINDOW_HOLE);
		}
		ok[t] = run_attack(m, &a, (by->index * 37 + t) % store_chunks(by->data) % TIMED_CHUNKS);
		m->cases++;
		m->refused += ok[t];
	}
}

static void print_verdicts(const struct machine *m, bool ok[VFS_MAX][VFS_MAX + OTHERS])
{
	static const char *const others[OTHERS] = {"kernel", "r/o page", "unmapped"};
	log_text("  DMA write to   ");
	for (unsigned t = 0; t < m->vfs; t++)
		log_text("VF%-3u ", t);
	for (unsigned t = 0; t < OTHERS; t++)
		log_text("%-9s", others[t]);
	log_text("\n");
	for (unsigned v = 0; v < m->vfs; v++) {
		log_text("  " BDF_FMT "   ", BDF_ARG(m->vf[v].fn->bdf));
		for (unsigned t = 0; t < m->vfs + OTHERS; t++) {
			const char *verdict = t == v ? "-" : ok[v][t] ? "ok" : "FAIL";
			log_text(t < m->vfs ? "%-6s" : "%-9s", verdict);
		}
		log_text("\n");
	}
}

enum sl_err stage_refuse(struct machine *m)
{
	static bool ok[VFS_MAX][VFS_MAX + OTHERS];
	fill_targets(m);
	log_line("refuse",
		 "each of %u VFs is told to write to memory of every other VF, of the kernel, to a page that "
		 "it may only "
		 "read and to an unmapped one",
		 m->vfs);
	for (unsigned v = 0; v < m->vfs; v++)
		run_vf(m, &m->vf[v], ok[v]);
	print_verdicts(m, ok);
	log_line("refuse", "%llu of %llu refused, recorded and without effect", (ull)m->refused,
		 (ull)m->cases);
	return m->refused == m->cases ? SL_OK : SL_VERIFY;
}
