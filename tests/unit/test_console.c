/* Outputs and inputs of the console, and Ctrl-C from any of them. */
#include <string.h>
#include "kernel/console.h"
#include "tests/unit/test.h"

static char shown[2][256];
static const char *keys[5];
static unsigned endless;

static void show(unsigned i, const char *text, size_t len)
{
	size_t used = strlen(shown[i]);
	assert_true(used + len < sizeof shown[i]);
	memcpy(shown[i] + used, text, len);
	shown[i][used + len] = 0;
}

static void first(const char *text, size_t len)
{
	show(0, text, len);
}

static void second(const char *text, size_t len)
{
	show(1, text, len);
}

static int key(unsigned i)
{
	return keys[i] && *keys[i] ? (uint8_t)*keys[i]++ : -1;
}

#define INPUT(n)                                                                                             \
	static int input##n(void)                                                                            \
	{                                                                                                    \
		return key(n);                                                                               \
	}
INPUT(0)
INPUT(1)
INPUT(2)
INPUT(4)

static int input_endless(void)
{
	endless++;
	return 'z';
}

/* An output that comes later shows what was printed before, once. */
static void test_outputs(void **state)
{
	(void)state;
	log_sink_add(console_write);
	log_text("before\n");
	console_add_output(first);
	console_add_output(first);
	log_text("now\n");
	console_add_output(second);
	console_write("both", 4);
	assert_string_equal(shown[0], "before\nnow\nboth");
	assert_string_equal(shown[1], "before\nnow\nboth");
}

static void test_inputs(void **state)
{
	(void)state;
	assert_int_equal(console_read(), -1);
	console_add_input(input0);
	console_add_input(input1);
	console_add_input(input1);
	keys[0] = "a", keys[1] = "bc";
	assert_int_equal(console_read(), 'a');
	assert_int_equal(console_read(), 'b');
	assert_int_equal(console_read(), 'c');
	assert_int_equal(console_read(), -1);
	keys[0] = "lost", keys[1] = "\3";
	assert_true(console_stop());
	keys[0] = "too";
	console_read();
	console_stop_clear();
	assert_false(console_stop());
	assert_int_equal(console_read(), -1);
	keys[0] = "kept";
	assert_false(console_stop());
	console_stop_clear();
	assert_int_equal(console_read(), 'k');
	while (console_read() >= 0)
		;
}

/* A stream without an end neither holds the caller nor shuts out the other inputs; a fifth input is left out.
 */
static void test_limits(void **state)
{
	(void)state;
	console_add_input(input_endless);
	console_add_input(input2);
	console_add_input(input4);
	keys[2] = "\3", keys[4] = "\3";
	assert_int_equal(console_read(), 'z');
	assert_true(endless >= 255 && endless <= 300);
	assert_true(console_stop());
	assert_int_equal(*keys[4], 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_outputs),
		cmocka_unit_test(test_inputs),
		cmocka_unit_test(test_limits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
