/* What stage refuse comes to, for VFs of every kind. */
#include "apps/proof/refuse.h"
#include "kernel/log.h"

void refuse_count(struct machine *m, const struct vf *vf, const struct attack *a, enum attack_outcome o)
{
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
	if (m->tally.not_tried)
		log_line("refuse", "%llu were not tried: they had no effect where they are allowed",
			 (ull)m->tally.not_tried);
	return m->tally.cases && m->tally.refused == m->tally.cases ? SL_OK : SL_VERIFY;
}
