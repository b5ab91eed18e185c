/* The table of quirks (pci/quirk.h): which functions it means, and what is then done. */
#include <stdio.h>
#include <string.h>
#include "apps/bringup/quirks.h"
#include "kernel/log.h"
#include "kernel/pmm.h"
#include "tests/unit/support.h"
#include "tests/unit/support_pci.h"
#include "tests/unit/test.h"

static struct pci_func function(uint32_t id, uint32_t class, uint8_t revision)
{
	return (struct pci_func){.cfg = &m.cfg,
				 .vendor = (uint16_t)id,
				 .device = (uint16_t)(id >> 16),
				 .class = class,
				 .revision = revision,
				 .port_type = PCI_PORT_CONVENTIONAL};
}

static bool has(uint32_t id, uint32_t class, uint8_t revision, enum pci_quirk_effect effect)
{
	struct pci_func f = function(id, class, revision);
	bool found = pci_quirk_find(&f, effect) != NULL;
	pci_quirk_note(&f); /* makes it faster, and nothing else */
	assert_int_equal(pci_quirk_find(&f, effect) != NULL, found);
	return found;
}

/* Each row finds the function that it names, at both ends of its devices and revisions, and says who knows.
 */
static void test_rows(void **state)
{
	(void)state;
	const struct pci_quirk *q;
	unsigned effects = 0;
	for (unsigned i = 0; (q = pci_quirk_row(i)); i++) {
		assert_true(q->first <= q->last && q->rev_first <= q->rev_last && q->effect < QUIRK_EFFECTS);
		assert_non_null(q->who);
		assert_string_not_equal(pci_quirk_text(q->effect), "?");
		effects |= 1u << q->effect;
		for (unsigned k = 0; k < 4; k++) {
			uint32_t id = (uint32_t)(k & 1 ? q->last : q->first) << 16 | q->vendor;
			struct pci_func f =
				function(id, (uint32_t)q->class << 16, k & 2 ? q->rev_last : q->rev_first);
			f.port_type = PCI_PORT_ROOT;
			f.bdf.rid = 0x7f00; /* of an uncore bus */
			pci_quirk_note(&f);
			if (!q->clear) /* reads configuration space: there is none here */
				assert_non_null(pci_quirk_find(&f, q->effect));
		}
	}
	assert_int_equal(effects, (1u << QUIRK_EFFECTS) - 1);
}

static void test_who_is_meant(void **state)
{
	(void)state;
	assert_true(has(0x34058086, 0x060400, 0x13, QUIRK_NO_REMAPPING));
	assert_true(has(0x34058086, 0x060400, 0x22, QUIRK_NO_REMAPPING));
	assert_false(has(0x34038086, 0x060400, 0x22, QUIRK_NO_REMAPPING));
	assert_false(has(0x34048086, 0x060400, 0x13, QUIRK_NO_REMAPPING));
	assert_true(has(0x16168086, 0x030000, 9, QUIRK_GRAPHICS_OFF));
	assert_false(has(0x16168086, 0x020000, 9, QUIRK_GRAPHICS_OFF));
	assert_false(has(0x16401022, 0x030000, 9, QUIRK_GRAPHICS_OFF));
	assert_false(has(0x92301b4a, 0x010601, 0, QUIRK_ALIAS_1));
	assert_false(has(0xa1108086, 0x060400, 0, QUIRK_ACS_WIDE)); /* no root port */
	assert_null(pci_quirk_row(10000));
	assert_string_equal(pci_quirk_text(QUIRK_EFFECTS), "?");
}

/* An accelerator on such a bus has interrupts, and is left what it is. */
static void test_uncore(void **state)
{
	(void)state;
	struct pci_func up = {0}, f = function(0x2f308086, 0x110100, 0);
	assert_null(pci_quirk_find(&f, QUIRK_NO_BARS)); /* on bus 0 */
	f.bdf.rid = 0xff00;
	assert_non_null(pci_quirk_find(&f, QUIRK_NO_BARS));
	f.cap_msix = 0x60;
	assert_null(pci_quirk_find(&f, QUIRK_NO_BARS));
	f.cap_msix = 0;
	f.parent = &up;
	assert_null(pci_quirk_find(&f, QUIRK_NO_BARS));
}

/* Nothing is written to the registers of these functions by a scan, not even Command. */
static void test_no_bars(void **state)
{
	(void)state;
	static const uint32_t ids[] = {0x2fc08086, 0xa26d8086, 0x12348086};
	for (unsigned i = 0; i < 3; i++)
		cm_bar(cm_add(&m, NULL, 0, 0, 8 + 8 * i, ids[i], 0x088000), 0x10, 0x1000, 0, 0x1234000);
	cm_bar(cm_add(&m, NULL, 0, 0x7f, 0, 0x6f308086, 0x110100), 0x10, 0x1000, 0, 0x1235000);
	scan_all();
	static const uint16_t rids[] = {0x08, 0x10, 0x7f00};
	for (unsigned i = 0; i < 3; i++) {
		const struct pci_func *f = pci_find(&pci, (bdf_t){0, rids[i]});
		assert_non_null(f);
		assert_int_equal(f->bar[0].size, 0);
	}
	assert_int_equal(pci_find(&pci, (bdf_t){0, 0x18})->bar[0].size, 0x1000);
	assert_int_equal(m.writes, 2 + 2 * 6 + 2); /* those of 00:03.0: Command, six BARs, the ROM */
	quirks_pci(&pci);
	assert_non_null(strstr(
		logged, "quirk: 0000:00:01.0 [8086:2fc0]: its Base Address Registers are not sized: they "
			"may be other registers (Intel Xeon E5 v3 Specification Update, HSE43"));
	assert_non_null(strstr(logged, "quirk: 0000:7f:00.0 [8086:6f30]"));
}

/* GGC bit 11 of the host bridge says whether firmware made a shadow GTT. */
static void test_shadow_gtt(void **state)
{
	(void)state;
	struct cm_fn *host = cm_add(&m, NULL, 0, 0, 0, 0x00408086, 0x060000);
	scan_all();
	struct pci_func *f = pci_find(&pci, (bdf_t){0, 0});
	assert_non_null(pci_quirk_find(f, QUIRK_GRAPHICS_OFF));
	cm_put(host, 0x52, 2, 0x0800);
	assert_null(pci_quirk_find(f, QUIRK_GRAPHICS_OFF));
}

static void test_lines(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++)
		cm_add(&m, NULL, 0, 0, 0xa0 + 8 * i, 0x34068086, 0x060000);
	scan_all();
	assert_true(quirks_no_remapping(&pci));
	assert_non_null(strstr(
		logged,
		"quirk: 0000:00:14.0 and 2 more [8086:3406]: interrupts are not remapped, because this "
		"chipset loses them (Intel 5500"));
	logged[0] = 0;
	quirks_pci(&pci);
	assert_string_equal(logged, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_who_is_meant),
		cmocka_unit_test(test_uncore),
		cmocka_unit_test_setup_teardown(test_no_bars, pci_setup, pci_teardown),
		cmocka_unit_test_setup_teardown(test_shadow_gtt, pci_setup, pci_teardown),
		cmocka_unit_test_setup_teardown(test_lines, pci_setup, pci_teardown),
	};
	return cmocka_run_group_tests(tests, pci_group_setup, NULL);
}
