/* Who serves whom. The arbiter hands requests of rings to threads of engines, by a word for each engine: a
 * nibble for each thread, a bit for each of four arbiters. Each thread is also mapped to functions, which is
 * to be valid while VFs are on. */
#include "drivers/qat/pf_io.h"

/* Engines of even and of odd number. */
static const uint32_t threads[2] = {0x12222aaa, 0x11222aaa};

static void arb_wr(const struct qat_pf *pf, uint32_t off, uint32_t v)
{
	pf->io.wr(pf->io.ctx, QAT_PF_RINGS, off, v);
}

void qat_arb_open(struct qat_pf *pf)
{
	for (unsigned i = 0; i < QAT_ARBS; i++)
		arb_wr(pf, QAT_ARB(i), ARB_ON);
	for (unsigned ae = 0; pf_next(pf->engines, &ae); ae++)
		arb_wr(pf, QAT_ARB_THREADS(ae), threads[ae % 2]);
}

void qat_arb_close(struct qat_pf *pf)
{
	for (unsigned ae = 0; pf_next((uint32_t)RESET_ENGINES, &ae); ae++)
		arb_wr(pf, QAT_ARB_THREADS(ae), 0);
	for (unsigned i = 0; i < QAT_ARBS; i++)
		arb_wr(pf, QAT_ARB(i), 0);
}

static void map_set(const struct qat_pf *pf, uint32_t off, bool valid)
{
	uint32_t v = pf_rd(pf, off);
	pf_wr(pf, off, valid ? v | MAP_VALID : v & ~MAP_VALID);
}

void qat_arb_map(struct qat_pf *pf, bool valid)
{
	for (unsigned i = 0; i < QAT_MAPS_A; i++)
		map_set(pf, QAT_MAP_A(i), valid);
	for (unsigned i = 0; i < QAT_MAPS_B; i++)
		map_set(pf, QAT_MAP_B(i), valid);
}
