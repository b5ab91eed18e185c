/* A loop with a deadline looks once more after it: what happened during a pause is seen. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include "kernel/time.h"
#include "tests/unit/support.h"

static unsigned looks(struct deadline d)
{
	unsigned n = 0;
	while (deadline_look(&d))
		n++;
	assert_false(deadline_look(&d));
	return n;
}

/* The clock moves by one microsecond at each question, also in deadline_in(). */
static void test_looks(void **state)
{
	(void)state;
	support_clock_step = 1;
	assert_int_equal(looks(deadline_in(0)), 1); /* one is late already, and the last */
	assert_int_equal(looks(deadline_in(1)), 2);
	assert_int_equal(looks(deadline_in(10)), 11);
	support_clock_step = 1000000; /* the machine stands still between any two instructions */
	assert_int_equal(looks(deadline_in(10)), 1);
	support_clock_step = 0;
	struct deadline d = deadline_in(5);
	for (unsigned i = 0; i < 100; i++)
		assert_true(deadline_look(&d));
	assert_false(deadline_passed(&d));
	delay_us(5);
	assert_false(deadline_passed(&d)); /* at its end it has not passed */
	assert_true(deadline_look(&d));
	delay_us(1);
	assert_true(deadline_passed(&d));
	assert_true(deadline_look(&d));
	assert_false(deadline_look(&d));
}

static void test_own_clock(void **state)
{
	(void)state;
	struct deadline d = deadline_at(100, 10);
	assert_true(deadline_look_at(&d, 110) && deadline_look_at(&d, 110));
	assert_true(deadline_look_at(&d, 111));
	assert_false(deadline_look_at(&d, 111));
	assert_false(deadline_look_at(&d, 100)); /* not even if that clock goes back */
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_looks), cmocka_unit_test(test_own_clock)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
