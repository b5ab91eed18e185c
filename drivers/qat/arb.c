/* Who serves whom. The arbiter hands requests of rings to threads of engines, by a word for each engine: a
 * nibble for each thread, a bit for each of four arbiters. Each thread is also mapped to functions, which is
 * to be valid while VFs are on. */
#include "drivers/qat/pf_io.h"
#include "drivers/qat/pf_steps.h"

static void arb_wr(const struct qat_pf *pf, uint32_t off, uint32_t v)
{
	pf->io.wr(pf->io.ctx, QAT_PF_RINGS, off, v);
}

void qat_arb_open(struct qat_pf *pf)
{
	for (unsigned i = 0; i < QAT_ARBS; i++)
		arb_wr(pf, pf->chip->arb + 4 * i, ARB_ON);
	for (unsigned ae = 0; pf_next(pf->engines, &ae); ae++)
		arb_wr(pf, pf->chip->threads + 4 * ae, pf->chip->thread[ae]);
}

void qat_arb_close(struct qat_pf *pf)
{
	for (unsigned ae = 0; ae < pf->chip->engines; ae++)
		arb_wr(pf, pf->chip->threads + 4 * ae, 0);
	for (unsigned i = 0; i < QAT_ARBS; i++)
		arb_wr(pf, pf->chip->arb + 4 * i, 0);
}

static void map_set(const struct qat_pf *pf, uint32_t off, bool valid)
{
	uint32_t v = pf_rd(pf, off);
	pf_wr(pf, off, valid ? v | MAP_VALID : v & ~MAP_VALID);
}

void qat_arb_map(struct qat_pf *pf, bool valid)
{
	if (!pf->chip->maps)
		return;
	for (unsigned i = 0; i < QAT_MAPS_A; i++)
		map_set(pf, QAT_MAP_A(i), valid);
	for (unsigned i = 0; i < QAT_MAPS_B; i++)
		map_set(pf, QAT_MAP_B(i), valid);
}
