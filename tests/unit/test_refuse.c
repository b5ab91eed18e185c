/* The demo's short proof: which cases there are, what is compared in each, and how they are counted.
 * attack_run() is made up here; tests/unit/test_attack.c has the real one. */
#include <string.h>
#include "apps/proof/bystanders.h"
#include "apps/proof/refuse.h"
#include "apps/proof/guard.h"
#include "apps/proof/standin.h"
#include "apps/proof/strike_packet.h"
#include "apps/proof/stages.h"
#include "apps/work/pattern.h"
#include "kernel/paging.h"
#include "tests/unit/support_stages.h"
#include "tests/unit/test.h"

#define VFS    vfs
#define MANY   12u
#define KERNEL 0x7000000ull

enum sl_err compute_refuse(struct machine *machine)
{
	fail_msg("%u VFs do not compute", machine->vfs);
	return SL_BADVAL;
}

enum sl_err packet_refuse(struct machine *machine)
{
	fail_msg("%u VFs have no network", machine->vfs);
	return SL_BADVAL;
}

static _Alignas(PAGE_SIZE) uint8_t kernel_data[PAGE_SIZE];
static const void *guarded[16];
static unsigned vfs;
static unsigned n_guarded, n_tables, n_cases, freed, explained, filled;
static unsigned vague; /* so many cases, the first ones, have a record without bus and address */
static int bad = -1;   /* the case that comes to: */
static enum attack_outcome outcome;
static struct domain *dom = (struct domain *)&mach;

const struct strike_ops strike_nvme_vf;
const struct bystanders bystanders_block;

uint8_t *standin_data(void)
{
	return kernel_data;
}

void standin_fill(void)
{
	pattern_fill(kernel_data, PAGE_SIZE, 5);
	filled++;
}

bool standin_whole(void)
{
	return pattern_check(kernel_data, PAGE_SIZE, 5);
}

phys_t paging_phys(const void *va)
{
	assert_ptr_equal(va, kernel_data);
	return PHYS(KERNEL);
}

void guard_none(void)
{
	n_guarded = n_tables = 0;
}

void guard_add(const void *va, size_t len)
{
	assert_int_equal(len, PAGE_SIZE);
	guarded[n_guarded++] = va;
}

void guard_tables(struct machine *machine)
{
	assert_ptr_equal(machine, &mach);
	n_tables++;
}

void guard_free(void)
{
	freed++;
}

void iommu_fault_describe(struct iommu *mmu, const struct iommu_fault *f, char *buf, size_t n)
{
	(void)mmu;
	(void)f;
	explained++;
	if (n)
		buf[0] = 0;
}

const char *attack_outcome_text(enum attack_outcome o)
{
	return o == ATTACK_SUCCEEDED ? "SUCCEEDED" : "something";
}

static bool is_guarded(const void *va)
{
	for (unsigned i = 0; i < n_guarded; i++)
		if (guarded[i] == va)
			return true;
	return false;
}

static uint8_t *target_of(unsigned v)
{
	return block[v] + WINDOW_BUFFERS + BUFFER_TARGET;
}

void attack_run(struct machine *machine, struct attacker *by, const struct attack *a,
		struct attack_result *out)
{
	unsigned v = ((const struct vf *)by->dev)->index,
		 t = n_cases % (VFS + 2); /* of VFS - 1 others, kernel, read-only, unmapped */
	assert_ptr_equal(machine, &mach);
	assert_int_equal(v, n_cases / (VFS + 2));
	assert_true(a->write && a->len == CHUNK && a->why == WHY_NO_WRITE && a->fault_at == a->to &&
		    !a->seen);
	assert_int_equal(filled, 1); /* what lies in the kernel's page is known */
	assert_ptr_equal(*by->dom, dom);
	assert_true(by->ops == &strike_nvme_vf && by->others == &bystanders_block && by->fn == &vf_fn[v]);
	assert_true(by->allowed.len == 2 * PAGE_SIZE && by->allowed.dom == dom);
	assert_true(is_guarded(kernel_data) && is_guarded(readonly[v]) && is_guarded(target_of(v)) &&
		    n_tables == 1);
	if (t < VFS - 1) {
		unsigned victim = t + (t >= v);
		assert_true(is_guarded(target_of(victim)));
		assert_true(pattern_check(target_of(victim), PAGE_SIZE, pattern_seed(victim, 3, 3)));
		assert_int_equal(a->to, mach.vf[victim].buffers.phys.v + BUFFER_TARGET);
	} else {
		assert_int_equal(n_guarded, 3);
		const uint64_t to[] = {KERNEL, WINDOW + WINDOW_READONLY, WINDOW + WINDOW_HOLE};
		assert_int_equal(a->to, to[t - (VFS - 1)]);
	}
	*out = (struct attack_result){.outcome = (int)n_cases == bad ? outcome : ATTACK_REFUSED,
				      .recorded = true,
				      .fault = {.vague = n_cases < vague}};
	n_cases++;
}

static int start(void **state)
{
	(void)state;
	vfs = 3;
	stages_start(VFS, dom);
	n_cases = freed = explained = filled = vague = 0;
	bad = -1;
	return 0;
}

static void test_all_refused(void **state)
{
	(void)state;
	assert_int_equal(stage_refuse(&mach), SL_OK);
	assert_true(mach.tally.cases == 15 && mach.tally.refused == 15 && mach.tally.not_tried == 0 &&
		    n_cases == 15 && freed);
	assert_non_null(strstr(
		said,
		"15 of 15 refused, recorded and without effect, each after the same access had worked"));
	assert_null(strstr(said, "FAIL"));
	assert_null(strstr(said, "not shown"));
	assert_null(strstr(said, "(no address)"));
	assert_int_equal(explained, VFS + 2); /* in full: those of VF 0 */
	assert_said("  DMA write to   VF0   VF1   VF2   kernel   r/o page unmapped \n"
		    "  0000:01:00.1   -     ok    ok    ok       ok       ok       \n"
		    "  0000:01:00.2   ok    -     ok    ok       ok       ok       \n"
		    "  0000:01:00.3   ok    ok    -     ok       ok       ok       \n");
}

/* Units whose events have neither bus nor address. */
static void test_vague(void **state)
{
	(void)state;
	vague = 4;
	bad = 0; /* what was not refused is not counted among them */
	outcome = ATTACK_SUCCEEDED;
	assert_int_equal(stage_refuse(&mach), SL_VERIFY);
	assert_said(" (no address), reason 0");
	assert_said("not shown: bus and address of 3 of them: this unit's events have neither");
}

/* Any one case, with any outcome that is not good. */
static void test_one_is_not(void **state)
{
	for (int at = 0; at < 15; at++)
		for (unsigned o = ATTACK_SUCCEEDED; o < ATTACK_OUTCOMES; o++) {
			start(state);
			bad = at;
			outcome = (enum attack_outcome)o;
			bool tried = outcome != ATTACK_NOT_TRIED;
			assert_int_equal(stage_refuse(&mach), tried ? SL_VERIFY : SL_OK);
			assert_true(mach.tally.cases == 14u + tried && mach.tally.refused == 14 &&
				    mach.tally.not_tried == !tried);
			assert_int_equal(strstr(said, " FAIL") != NULL, tried); /* the matrix has it, too */
			assert_int_equal(strstr(said, " ? ") != NULL, !tried);
			assert_int_equal(strstr(said, "1 were not tried") != NULL, !tried);
		}
}

/* With many VFs: a line for each, one case explained, and a table that fits 80 columns. */
static void test_many(void **state)
{
	(void)state;
	vfs = MANY;
	stages_start(VFS, dom);
	bad = 15; /* VF 1 to VF 2 */
	outcome = ATTACK_SUCCEEDED;
	assert_int_equal(stage_refuse(&mach), SL_VERIFY);
	assert_true(mach.tally.cases == 168 && mach.tally.refused == 167 && n_cases == 168);
	assert_int_equal(explained, 1);
	assert_said("refuse: VF 0 0000:01:00.1: 14 of 14 forbidden writes refused\n");
	assert_said("refuse: VF 1 0000:01:00.2: 13 of 14 forbidden writes refused\n");
	assert_said("FAIL refuse: 0000:01:00.2 -> memory of VF 2 at ");
	assert_said("       0         10        \n"
		    "  VF0  -ooooooooooo ooo\n"
		    "  VF1  o-Xooooooooo ooo\n"
		    "  VF2  oo-ooooooooo ooo\n");
	unsigned lines = 0;
	for (const char *line = said, *end; (end = strchr(line, '\n')); line = end + 1, lines++)
		assert_true(end - line <= 80 || line[0] == '[' || line[0] == ' ');
	assert_true(lines < 50);
}

/* From five VFs on each has a line; from six on the table is narrow. What was not tried counts as neither. */
static void test_more(void **state)
{
	for (unsigned n = 4; n <= 6; n++) {
		start(state);
		vfs = n;
		stages_start(n, dom);
		bad = 0; /* VF 0 to VF 1 */
		outcome = ATTACK_NOT_TRIED;
		assert_int_equal(stage_refuse(&mach), SL_OK);
		assert_int_equal(strstr(said, " forbidden writes refused\n") != NULL, n > 4);
		assert_int_equal(strstr(said, "  DMA write to ") != NULL, n < 6);
		assert_int_equal(explained, n > 4 ? 1 : n + 1);
	}
	assert_said("refuse: VF 0 0000:01:00.1: 7 of 7 forbidden writes refused\n");
	assert_said("refuse: VF 5 0000:01:00.6: 8 of 8 forbidden writes refused\n");
	assert_said("       0         \n"
		    "  VF0  -?oooo ooo\n"
		    "  VF1  o-oooo ooo\n");
	assert_not_said("  VF6 "); /* behind the last */
}

/* A heading for each ten VFs. */
static void test_headings(void **state)
{
	for (unsigned n = 10; n <= 11; n++) {
		start(state);
		vfs = n;
		stages_start(n, dom);
		assert_int_equal(stage_refuse(&mach), SL_OK);
		assert_said(n == 10 ? "       0         \n" : "       0         10        \n");
	}
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, start)
	const struct CMUnitTest tests[] = {T(test_all_refused), T(test_vague), T(test_one_is_not),
					   T(test_many),        T(test_more),  T(test_headings)};
	return cmocka_run_group_tests_name("refuse", tests, NULL, NULL);
}
