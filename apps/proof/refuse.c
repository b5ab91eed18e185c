/* Stage refuse: each VF attempts forbidden writes. The short proof of the demo; apps/proof/isolate.c has the
 * long one. */
#include "apps/proof/bystanders.h"
#include "apps/proof/refuse.h"
#include "apps/proof/guard.h"
#include "apps/proof/stages.h"
#include "apps/proof/standin.h"
#include "apps/proof/strike_packet.h"
#include "apps/proof/targets.h"
#include "kernel/fmt.h"
#include "kernel/log.h"
#include "kernel/paging.h"

#define ALLOWED_SLOT 2u /* and the next: buffers that no request uses while it attacks */
#define OTHERS       3  /* targets that are not another VF */
#define LINES_VFS    4u /* up to so many VFs each case has a line; with more of them, each VF has one */
#define WIDE_VFS     5u /* up to so many VFs a column of the table has room for its heading */

/* The pages in question: those of both VFs. */
static void guard(struct machine *m, const struct vf *by, const struct vf *victim)
{
	guard_none();
	guard_add(standin_data(), PAGE_SIZE);
	guard_add(by->readonly.va, PAGE_SIZE);
	guard_add(target_va(by), PAGE_SIZE);
	if (victim)
		guard_add(target_va(victim), PAGE_SIZE);
	guard_tables(m);
}

/* The first VF's cases are explained in full; the others' faults have the same reasons. With many VFs only
 * its first case. */
static void print_case(struct machine *m, const struct vf *by, const struct attack *a,
		       const struct attack_result *r)
{
	char why[256], unit[16];
	const struct iommu_fault *f = &r->fault;
	if (m->vfs > LINES_VFS && m->tally.cases > 1)
		return;
	log_line("refuse", "VF %u -> %s: refused; fault: %s; the device says %s", by->index, a->name,
		 refuse_fault(r, why, sizeof why), r->said);
	if (by->index)
		return;
	iommu_fault_describe(&m->iommu, f, why, sizeof why);
	fmt_print(unit, sizeof unit, "iommu%u", f->unit);
	log_line(unit, "%s", why);
}

enum verdict { NOT_REFUSED, REFUSED, UNTRIED };

static enum verdict run_case(struct machine *m, struct attacker *by, const struct attack *a)
{
	const struct vf *vf = by->dev;
	struct attack_result r;
	attack_run(m, by, a, &r);
	refuse_count(m, vf, a, &r);
	if (r.outcome == ATTACK_NOT_TRIED) {
		log_line("refuse", "VF %u -> %s: %s", vf->index, a->name, attack_outcome_text(r.outcome));
		return UNTRIED;
	}
	if (r.outcome != ATTACK_REFUSED)
		return NOT_REFUSED;
	print_case(m, vf, a, &r);
	return REFUSED;
}

static void run_vf(struct machine *m, struct vf *vf, uint8_t *verdict)
{
	struct attacker by = {
		.fn = vf->fn,
		.dom = &vf->dom,
		.ops = &strike_nvme_vf,
		.dev = vf,
		.others = &bystanders_block,
		.allowed = dma_part(&vf->buffers, ALLOWED_SLOT * CHUNK, ALLOWED_PAGES * PAGE_SIZE)};
	for (unsigned t = 0; t < m->vfs + OTHERS; t++) {
		char name[32];
		struct attack a = {.name = name, .write = true, .len = CHUNK, .why = WHY_NO_WRITE};
		if (t == vf->index)
			continue;
		guard(m, vf, t < m->vfs ? &m->vf[t] : NULL);
		if (t < m->vfs) {
			fmt_print(name, sizeof name, "memory of VF %u", t);
			a.to = target_phys(&m->vf[t]);
		} else if (t == m->vfs) {
			a.name = "kernel memory";
			a.to = paging_phys(standin_data()).v;
		} else if (t == m->vfs + 1) {
			a.name = "its read-only page";
			a.to = vf->readonly.iova.v;
		} else {
			a.name = "an unmapped page";
			a.to = window_at(m, WINDOW_HOLE).v;
		}
		a.fault_at = a.to;
		verdict[t] = (uint8_t)run_case(m, &by, &a);
	}
}

static void print_vf(const struct machine *m, const struct vf *vf, const uint8_t *verdict)
{
	unsigned refused = 0, tried = 0;
	for (unsigned t = 0; t < m->vfs + OTHERS; t++) {
		refused += t != vf->index && verdict[t] == REFUSED;
		tried += t != vf->index && verdict[t] != UNTRIED;
	}
	log_line("refuse", "VF %u " BDF_FMT ": %u of %u forbidden writes refused", vf->index,
		 BDF_ARG(vf->fn->bdf), refused, tried);
}

/* A character for each target: 80 columns are enough for all VFs. */
static void print_narrow(const struct machine *m, uint8_t ok[VFS_MAX][VFS_MAX + OTHERS])
{
	static const char marks[] = {'X', 'o', '?'};
	char row[VFS_MAX + OTHERS + 2];
	log_text("  DMA writes to the memory of VF 0, 1, ...; kernel, read-only, unmapped page:\n"
		 "  o refused, X NOT REFUSED, ? not tried, - itself\n       ");
	for (unsigned t = 0; t < m->vfs; t += 10)
		log_text("%-10u", t);
	log_text("\n");
	for (unsigned v = 0; v < m->vfs; v++) {
		char *c = row;
		for (unsigned t = 0; t < m->vfs + OTHERS; t++) {
			if (t == m->vfs)
				*c++ = ' ';
			*c++ = t == v ? '-' : marks[ok[v][t]];
		}
		*c = 0;
		log_text("  VF%-2u %s\n", v, row);
	}
}

static void print_verdicts(const struct machine *m, uint8_t ok[VFS_MAX][VFS_MAX + OTHERS])
{
	static const char *const others[OTHERS] = {"kernel", "r/o page", "unmapped"};
	static const char *const words[] = {"FAIL", "ok", "?"};
	log_text("  DMA write to   ");
	for (unsigned t = 0; t < m->vfs; t++)
		log_text("VF%-3u ", t);
	for (unsigned t = 0; t < OTHERS; t++)
		log_text("%-9s", others[t]);
	log_text("\n");
	for (unsigned v = 0; v < m->vfs; v++) {
		log_text("  " BDF_FMT "   ", BDF_ARG(m->vf[v].fn->bdf));
		for (unsigned t = 0; t < m->vfs + OTHERS; t++) {
			log_text(t < m->vfs ? "%-6s" : "%-9s", t == v ? "-" : words[ok[v][t]]);
		}
		log_text("\n");
	}
}

enum sl_err stage_refuse(struct machine *m)
{
	static uint8_t ok[VFS_MAX][VFS_MAX + OTHERS];
	if (m->kind->service == VF_COMPUTES)
		return compute_refuse(m);
	if (m->kind->service == VF_NETWORKS)
		return packet_refuse(m);
	targets_fill(m);
	log_line(
		"refuse",
		"each of %u VFs attempts DMA writes to the other VFs' memory, to the kernel's, to a read-only page and to an unmapped page",
		m->vfs);
	for (unsigned v = 0; v < m->vfs; v++) {
		run_vf(m, &m->vf[v], ok[v]);
		if (m->vfs > LINES_VFS)
			print_vf(m, &m->vf[v], ok[v]);
	}
	if (m->vfs > WIDE_VFS)
		print_narrow(m, ok);
	else
		print_verdicts(m, ok);
	guard_free();
	return refuse_sum(m, "");
}
