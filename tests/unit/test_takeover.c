/* What firmware may leave in a unit, and what devices reach while it is taken over. */
#define _POSIX_C_SOURCE 200809L
#include <string.h>
#include "iommu/vtd/entry.h"
#include "kernel/pmm.h"
#include "tests/unit/support.h"
#include "tests/unit/support_iommu.h"
#include "tests/unit/test.h"

#define TE       (1u << 31)
#define OWN      0x0060 /* the function that firmware's tables let reach OWN_PAGE */
#define OWN_PAGE (RAM_BASE + 0x700000)
#define HOSTILE  0x0050 /* one that no table lets do anything */

static struct model_unit *m;

static void machine(uint64_t cap)
{
	machine_init();
	m = model_machine_unit(&mc, MODEL_VER, cap, MODEL_ECAP | MODEL_COHERENT, MODEL_ALL);
}

static void end(void)
{
	m->on_tick = NULL;
	assert_int_equal(model_machine_complaints(&mc), 0);
	model_machine_fini(&mc);
}

static uint64_t *page(void)
{
	uint64_t *p = pmm_page();
	assert_non_null(p);
	return p;
}

static uint64_t at(const uint64_t *p)
{
	return va_phys(p).v;
}

/* Firmware's legacy tables with one page for one function, used once so that they are cached. */
static void firmware_tables(void)
{
	uint64_t *root = page(), *context = page(), *l4 = page(), *l3 = page(), *l2 = page(), *l1 = page(),
		 phys;
	root[0] = at(context) | ROOT_P;
	context[2 * OWN] = at(l4) | CTX_P;
	context[2 * OWN + 1] = FPUT(CTX_AW, 2) | FPUT(CTX_DID, 1);
	l4[OWN_PAGE >> 39 & 511] = at(l3) | SS_R | SS_W;
	l3[OWN_PAGE >> 30 & 511] = at(l2) | SS_R | SS_W;
	l2[OWN_PAGE >> 21 & 511] = at(l1) | SS_R | SS_W;
	l1[OWN_PAGE >> 12 & 511] = OWN_PAGE | SS_R | SS_W;
	m->rtaddr = m->root = at(root);
	assert_int_equal(model_dma(m, OWN, OWN_PAGE, true, &phys), 0);
}

static unsigned passed; /* requests of HOSTILE that reached memory */

static void attack(void *ctx)
{
	uint64_t phys;
	(void)ctx;
	passed += model_dma(m, HOSTILE, OWN_PAGE, true, &phys) == 0;
}

static bool te_was_cleared(void)
{
	for (unsigned i = 0; i < m->commands && i < ARRAY_LEN(m->command); i++)
		if (!(m->command[i] & TE))
			return true;
	return false;
}

/* In one table mode, or with CAP.ESRTPS, the root table changes under translation: VT-d §6.6. */
static void test_translation_stays_on(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		bool legacy = i & 1, esrtps = i & 2, queue = i & 4;
		uint64_t phys;
		machine(MODEL_CAP | (esrtps ? MODEL_ESRTPS : 0));
		model_firmware(m, true, queue, false, false);
		if (legacy)
			firmware_tables();
		m->on_tick = attack;
		passed = 0;
		machine_start();
		assert_int_equal(iommu_enable(&mmu), SL_OK);
		assert_int_equal(te_was_cleared(), !legacy && !esrtps);
		assert_int_equal(passed != 0, !legacy && !esrtps); /* the model sees it where it is so */
		assert_int_equal(m->gsts & TE, TE);
		assert_false(m->need_cc || m->need_iotlb);
		assert_int_not_equal(model_dma(m, OWN, OWN_PAGE, true, &phys),
				     0); /* not by what was cached */
		end();
	}
}

static bool regions_gap; /* translation was off, and protected memory regions too */

static void watch_regions(void *ctx)
{
	(void)ctx;
	regions_gap |= !(m->gsts & TE) && !(m->pmen & 1);
}

/* Where translation has to go off, protected memory regions stay on until it is on again. */
static void test_regions_meanwhile(void **state)
{
	(void)state;
	machine(MODEL_CAP | MODEL_PMR);
	model_firmware(m, true, true, false, true);
	m->on_tick = watch_regions;
	machine_start();
	assert_int_equal(iommu_enable(&mmu), SL_OK);
	assert_true(te_was_cleared());
	assert_false(regions_gap);
	assert_int_equal(m->pmen, 0);
	end();
}

/* IQE: the head stays on the bad descriptor, and is there again as soon as the bit is cleared. Also a device
 * that never answers (ITE), and a unit that takes nothing more. */
static void test_queue_in_error(void **state)
{
	(void)state;
	static const uint32_t fsts[] = {1u << 4, 1u << 6, 1u << 5, 0x70, 0};
	for (size_t i = 0; i < 2 * ARRAY_LEN(fsts); i++) {
		machine(MODEL_CAP);
		model_firmware(m, i & 1, true, false, false);
		m->fsts |= fsts[i / 2];
		m->iqa = RAM_BASE + 0x600000; /* no descriptor: its type is 0 */
		m->iqh = 0x10;
		m->iqt = 0x20;
		machine_start();
		assert_int_equal(iommu_enable(&mmu), SL_OK);
		assert_int_equal(m->gsts & TE, TE);
		assert_int_equal(m->fsts & 0x70, 0);
		end();
	}
}

/* QIE that does not clear is a unit that cannot be used. */
static void test_queue_stays(void **state)
{
	(void)state;
	machine(MODEL_CAP);
	model_firmware(m, false, true, false, false);
	m->stuck = 1u << 26;
	machine_start();
	assert_int_equal(iommu_enable(&mmu), SL_TIMEOUT);
	assert_int_equal(m->gsts & TE, 0);
	end();
}

static int set_up(void **state)
{
	(void)state;
	ram = support_ram(RAM_BYTES, RAM_BASE);
	return pmm_add(ram, 0x600) != SL_OK; /* the rest is firmware's */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_translation_stays_on),
		cmocka_unit_test(test_regions_meanwhile),
		cmocka_unit_test(test_queue_in_error),
		cmocka_unit_test(test_queue_stays),
	};
	return cmocka_run_group_tests(tests, set_up, NULL);
}
