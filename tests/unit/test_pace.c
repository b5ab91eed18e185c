/* When long work has a line, and what it says is left. */
#include "apps/report/pace.h"
#include "tests/unit/test.h"

#define S 1000000ull

static void test_lines(void **state)
{
	struct pace p;
	unsigned lines = 0;
	(void)state;
	pace_start(&p, 5 * S, 0);
	assert_false(pace_due(&p, 15 * S - 1));
	assert_true(pace_due(&p, 15 * S));
	assert_false(pace_due(&p, 15 * S));
	assert_false(pace_due(&p, 25 * S - 1));
	assert_true(pace_due(&p, 90 * S)); /* late: one line, not seven */
	assert_false(pace_due(&p, 91 * S));
	assert_int_equal(pace_seconds(&p, 91 * S), 86);
	pace_start(&p, 0, 60 * S);
	assert_true(!pace_due(&p, 10 * S - 1) && pace_due(&p, 10 * S));
	pace_start(&p, 0, 86400 * S); /* a day has about a hundred */
	for (uint64_t t = 0; t < 86400 * S; t += S / 50)
		lines += pace_due(&p, t);
	assert_int_equal(lines, 99);
}

static void test_left(void **state)
{
	struct pace p;
	(void)state;
	pace_start(&p, 7 * S, 0);
	assert_int_equal(pace_left(&p, 17 * S, 1000, 4000), 30);
	assert_int_equal(pace_left(&p, 17 * S, 4000, 4000), 0);
	assert_int_equal(pace_left(&p, 17 * S, 5000, 4000), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_lines), cmocka_unit_test(test_left)};
	return cmocka_run_group_tests_name("pace", tests, NULL, NULL);
}
