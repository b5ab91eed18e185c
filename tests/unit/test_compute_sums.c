/* What stage accel prints and counts when VFs were given up: nothing of them, whichever they are. */
#include <string.h>
#include "apps/work/compute.h"
#include "tests/unit/support_stages.h"
#include "tests/unit/test.h"

static struct compute_vf compute[VFS_COMPUTING];
static struct compute accel[VFS_COMPUTING];

/* VF i did 100 + i operations of each service but inflate, and noticed 10 digests. */
static int start(void **state)
{
	(void)state;
	stages_start(3, NULL);
	memset(compute, 0, sizeof compute);
	memset(accel, 0, sizeof accel);
	for (unsigned i = 0; i < mach.vfs; i++) {
		struct compute_vf *v = &compute[i];
		accel[i].services = v->services = (BIT(COMPUTE_SERVICES) - 1) & ~BIT(COMPUTE_INFLATE);
		mach.vf[i].work = v;
		v->jobs.a = &accel[i];
		vf_computes(&mach.vf[i], &accel[i]);
		v->state = COMPUTE_DONE;
		v->jobs.noticed = 10;
		for (unsigned s = 0; s < COMPUTE_INFLATE; s++)
			v->jobs.done[s] = 100 + i;
	}
	return 0;
}

/* As compute.c gives a VF up. */
static void lose(unsigned i, enum sl_err e)
{
	mach.vf[i].queue = NULL;
	compute[i].state = COMPUTE_LOST;
	compute[i].err = e;
	compute[i].faults = 1;
	mach.tally.vf_faults++;
}

static void test_all_work(void **state)
{
	(void)state;
	compute_print_sums(&mach);
	assert_said("cipher: 303 operations on 3 VFs, at least 100 on each, every result as the CPU");
	assert_said("inflate: no ring pair of these VFs offers it");
	assert_said("30 digests altered on purpose, every one detected");
	assert_int_equal(mach.tally.verified, 6 * 303);
	assert_int_equal(compute_verdict(&mach), SL_OK);
}

static void test_any_is_given_up(void **state)
{
	static const char *const sums[] = {
		"hash: 203 operations on 2 VFs (1 abandoned and not counted), at least 101 on each,",
		"hash: 202 operations on 2 VFs (1 abandoned and not counted), at least 100 on each,",
		"hash: 201 operations on 2 VFs (1 abandoned and not counted), at least 100 on each,"};
	for (unsigned i = 0; i < 3; i++) {
		start(state);
		lose(i, SL_VERIFY);
		compute_print_sums(&mach);
		compute_print_streams(&mach);
		assert_said(sums[i]);
		assert_said("20 digests altered on purpose, every one detected");
		assert_null(strstr(said, "on 3 VFs"));
		assert_int_equal(compute_verdict(&mach), SL_VERIFY);
	}
}

static void test_none_is_left(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++)
		lose(i, i ? SL_TIMEOUT : SL_DEVICE);
	compute_print_sums(&mach);
	compute_print_streams(&mach);
	assert_said("every VF was abandoned, so no result counts");
	assert_null(strstr(said, "as the CPU computed it"));
	assert_null(strstr(said, "every one detected"));
	assert_int_equal(mach.tally.verified, 0);
	assert_int_equal(compute_verdict(&mach), SL_DEVICE);
}

/* One whose engines have less than the others'. */
static void test_services_differ(void **state)
{
	(void)state;
	compute[0].services = BIT(COMPUTE_CIPHER);
	compute_print_sums(&mach);
	assert_said("cipher: 303 operations on 3 VFs, at least 100");
	assert_said("hash: 203 operations on 2 VFs, at least 101");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_all_work, start),
		cmocka_unit_test_setup(test_any_is_given_up, start),
		cmocka_unit_test_setup(test_none_is_left, start),
		cmocka_unit_test_setup(test_services_differ, start),
	};
	return cmocka_run_group_tests_name("compute_sums", tests, NULL, NULL);
}
