#include <string.h>
#include "kernel/stacks.h"
#include "tests/unit/test.h"

static void test_marks(void **state)
{
	static uint8_t work[4096], nmi[1024], start[512];
	size_t used, bytes;
	(void)state;
	assert_false(stacks_used(0, STACK_WORK, &used, &bytes));
	stacks_add(0, STACK_WORK, work, sizeof work);
	stacks_add(3, STACK_NMI, nmi, sizeof nmi);
	assert_true(stacks_used(0, STACK_WORK, &used, &bytes));
	assert_int_equal(used, 0);
	assert_int_equal(bytes, sizeof work);
	work[1000] = 7; /* what is above it counts as used, whether or not it was written */
	assert_true(stacks_used(0, STACK_WORK, &used, &bytes));
	assert_int_equal(used, sizeof work - 1000);
	assert_false(stacks_used(3, STACK_WORK, &used, &bytes));
	assert_false(stacks_used(0, STACK_NMI, &used, &bytes));

	memset(start, STACK_PAINT, sizeof start); /* as apps/entry.S does */
	start[511] = 0;
	stacks_note(0, STACK_START, start, sizeof start);
	assert_int_equal(start[511], 0);
	assert_true(stacks_used(0, STACK_START, &used, &bytes));
	assert_int_equal(used, 1);
	nmi[0] = 0;
	assert_true(stacks_used(3, STACK_NMI, &used, &bytes));
	assert_int_equal(used, sizeof nmi);
}

/* By the share that was used, not by bytes. */
static void test_fullest(void **state)
{
	static uint8_t large[4096], small[256];
	(void)state;
	stacks_add(0, STACK_WORK, large, sizeof large);
	stacks_add(0, STACK_NMI, small, sizeof small);
	stacks_add(3, STACK_NMI, small, sizeof small);
	stacks_add(0, STACK_START, small, sizeof small);
	assert_int_equal(stacks_fullest().kind, STACK_WORK);
	large[3000] = 0;
	struct stack_mark m = stacks_fullest();
	assert_int_equal(m.kind, STACK_WORK);
	assert_int_equal(m.used, 1096);
	small[100] = 0;
	m = stacks_fullest();
	assert_int_equal(m.bytes, sizeof small);
	assert_int_equal(m.used, 156);
	assert_string_equal(stack_name(m.kind), "NMI");
	assert_int_equal(m.core, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_marks), cmocka_unit_test(test_fullest)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
