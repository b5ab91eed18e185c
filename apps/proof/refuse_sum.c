/* What stage refuse comes to, for VFs of every kind. */
#include "apps/proof/refuse.h"
#include "kernel/fmt.h"
#include "kernel/log.h"

const char *refuse_fault(const struct attack_result *r, char *buf, size_t n)
{
	const struct iommu_fault *f = &r->fault;
	char at[24] = "(no address)";
	if (!f->vague)
		fmt_print(at, sizeof at, "0x%llx", (ull)f->iova.v);
	fmt_print(buf, n, BDF_FMT " %s %s, reason %u", BDF_ARG(f->bdf), f->write ? "write" : "read", at,
		  f->code);
	return buf;
}

void refuse_count(struct machine *m, const struct vf *vf, const struct attack *a,
		  const struct attack_result *r)
{
	enum attack_outcome o = r->outcome;
	m->tally.vague += o == ATTACK_REFUSED && r->fault.vague;
	m->tally.cases += o != ATTACK_NOT_TRIED;
	m->tally.not_tried += o == ATTACK_NOT_TRIED;
	m->tally.refused += o == ATTACK_REFUSED;
	if (o != ATTACK_REFUSED && o != ATTACK_NOT_TRIED)
		log_fail("refuse", "do not assign this machine's functions to anyone you do not trust",
			 BDF_FMT " -> %s at 0x%llx: %s", BDF_ARG(vf->fn->bdf), a->name, (ull)a->to,
			 attack_outcome_text(o));
}

enum sl_err refuse_sum(const struct machine *m, const char *more)
{
	log_line(
		"refuse",
		"%llu of %llu refused, recorded and without effect, each after the same access had worked where it is allowed%s",
		(ull)m->tally.refused, (ull)m->tally.cases, more);
	if (m->tally.vague)
		log_line(
			"refuse",
			"not shown: bus and address of %llu of them: this unit's events have neither; the tables in memory refuse each of them",
			(ull)m->tally.vague);
	if (m->tally.not_tried)
		log_line("refuse", "%llu were not tried: they had no effect where they are allowed",
			 (ull)m->tally.not_tried);
	return m->tally.cases && m->tally.refused == m->tally.cases ? SL_OK : SL_VERIFY;
}
