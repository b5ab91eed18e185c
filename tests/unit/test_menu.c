/* The menu before the firmware is left: keys, the clock, the editor, rows that fit. */
#include <string.h>
#include "boot/menu.h"
#include "tests/unit/test.h"

static struct config cfg;
static struct menu *m;
static char row[MENU_WIDTH + 1];

static int start(void **state)
{
	(void)state;
	config_defaults(&cfg);
	cfg.menu = 5;
	m = test_malloc(sizeof *m);
	menu_start(m, &cfg);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	test_free(m);
	return 0;
}

static void type(const char *text)
{
	for (; *text; text++)
		menu_key(m, (unsigned char)*text);
}

static void ticks(unsigned n)
{
	while (n--)
		menu_tick(m);
}

static const char *last(unsigned width)
{
	menu_last_row(m, width, row);
	return row;
}

/* Nobody is there: it goes on as configured, in the time that menu= says. */
static void test_clock(void **state)
{
	(void)state;
	assert_int_equal(m->state, MENU_LIST);
	assert_int_equal(strncmp(last(79), "starts in 5 s; any key stops that ", 34), 0);
	assert_int_equal(strlen(row), 79);
	ticks(4);
	assert_int_equal(m->state, MENU_LIST);
	assert_int_equal(strncmp(last(79), "starts in 1 s", 13), 0);
	ticks(1);
	assert_int_equal(m->state, MENU_DONE);
	assert_string_equal(m->line, "");
}

/* A key stops the countdown. A port with noise must not keep a machine there, so it goes on some minutes
 * later. */
static void test_key_stops_clock(void **state)
{
	(void)state;
	ticks(4);
	menu_key(m, MENU_OTHER);
	assert_int_equal(strncmp(last(79), "arrows and Enter, or a number ", 30), 0);
	ticks(MENU_IDLE - 1);
	assert_int_equal(m->state, MENU_LIST);
	type("7app=shell"); /* not entered */
	ticks(MENU_IDLE - 1);
	assert_int_equal(m->state, MENU_EDIT);
	ticks(1);
	assert_int_equal(m->state, MENU_DONE);
	assert_string_equal(m->line, "");
	ticks(2);
	menu_key(m, '2');
	assert_string_equal(m->line, "");
}

static void test_list(void **state)
{
	(void)state;
	bool marked;
	unsigned rows = 0;
	assert_true(menu_row(m, 0, row, &marked) && marked);
	assert_string_equal(row, "> 1  start as configured: app=audit");
	while (menu_row(m, rows, row, &marked)) {
		assert_true(marked == (rows == 0));
		assert_true(strlen(row) > 10 && strlen(row) < 79);
		rows++;
	}
	assert_int_equal(rows, 7);
	menu_key(m, MENU_UP);
	menu_row(m, 6, row, &marked);
	assert_true(marked);
	assert_string_equal(row, "> 7  edit options");
	menu_key(m, MENU_DOWN);
	menu_key(m, MENU_ENTER);
	assert_int_equal(m->state, MENU_DONE);
	assert_string_equal(m->line, "");
}

static void test_choices(void **state)
{
	static const char *const words[] = {"",         "app=audit",   "app=tour",
					    "app=demo", "app=isolate", "app=shell"};
	(void)state;
	strcpy(cfg.scratch, "S");
	for (unsigned i = 0; i < ARRAY_LEN(words); i++) {
		menu_start(m, &cfg);
		menu_key(m, '1' + i);
		assert_int_equal(m->state, MENU_DONE);
		assert_string_equal(m->line, words[i]);
		menu_start(m, &cfg);
		for (unsigned k = 0; k < i; k++)
			menu_key(m, MENU_DOWN);
		menu_key(m, MENU_ENTER);
		assert_string_equal(m->line, words[i]);
	}
	menu_start(m, &cfg);
	type("089x"); /* beside the numbers */
	assert_int_equal(m->state, MENU_LIST);
	assert_int_equal(m->chosen, 0);
}

/* Nothing can be worked on, so the disk is asked for; QAT needs none. */
static void test_asks_for_disk(void **state)
{
	(void)state;
	bool marked;
	type("4");
	assert_int_equal(m->state, MENU_EDIT);
	assert_string_equal(m->line, "app=demo scratch=");
	assert_true(menu_row(m, 0, row, &marked) && !marked);
	assert_non_null(strstr(row, "ITS NAMESPACES ARE OVERWRITTEN"));
	assert_false(menu_row(m, 1, row, &marked));
	type("SER-1");
	menu_key(m, MENU_ENTER);
	assert_int_equal(m->state, MENU_DONE);
	assert_string_equal(m->line, "app=demo scratch=SER-1");
	cfg.device = DEVICE_QAT;
	menu_start(m, &cfg);
	type("4");
	assert_string_equal(m->line, "app=demo");
	assert_int_equal(m->state, MENU_DONE);
}

static void test_editor(void **state)
{
	(void)state;
	type("7");
	assert_string_equal(m->line, "");
	type("vfs=20");
	menu_key(m, MENU_LEFT);
	menu_key(m, MENU_BACKSPACE);
	menu_key(m, MENU_DELETE);
	menu_key(m, MENU_DELETE); /* nothing is there */
	menu_key(m, MENU_RIGHT);
	assert_string_equal(m->line, "vfs=");
	type("8");
	menu_key(m, MENU_HOME);
	menu_key(m, MENU_BACKSPACE);
	menu_key(m, MENU_LEFT);
	type("q d=");
	assert_int_equal(strncmp(last(79), "> q d=_vfs=8 ", 13), 0);
	for (unsigned i = 0; i < 4; i++)
		menu_key(m, MENU_BACKSPACE);
	menu_key(m, MENU_END);
	menu_key(m, 0x01); /* no characters */
	menu_key(m, 0x00e9);
	type(" qd=9");
	assert_string_equal(m->line, "vfs=8 qd=9");
	menu_key(m, MENU_ESCAPE);
	assert_int_equal(m->state, MENU_LIST);
}

/* The message is that of the reader of sluice.cfg, and the line stays to be mended. Rows have room for it. */
static void test_mistake(void **state)
{
	(void)state;
	bool marked;
	char said[400] = "";
	type("7vsf=8\r");
	assert_int_equal(m->state, MENU_EDIT);
	for (unsigned i = 0; menu_row(m, i, row, &marked); i++) {
		assert_true(strlen(row) <= MENU_WIDTH);
		strcat(said, row + 2);
	}
	assert_non_null(strstr(said, "menu:1:1: vsf is not a key (keys: app access"));
	assert_non_null(strstr(said, " end)"));
	assert_string_equal(m->line, "vsf=8");
	menu_key(m, MENU_HOME);
	menu_key(m, MENU_DELETE);
	menu_key(m, MENU_DELETE);
	menu_key(m, MENU_DELETE);
	type("vfs\r");
	assert_int_equal(m->state, MENU_DONE);
	assert_string_equal(m->line, "vfs=8");
	assert_int_equal(cfg.vfs, 4); /* which is the caller's */
}

/* What fills its rows to the last column comes whole, and is followed by nothing. */
static void test_full_rows(void **state)
{
	bool marked;
	unsigned blank = 0;
	(void)state;
	type("7");
	for (unsigned rows = 0; rows <= 3; rows++) { /* 0: less than a row */
		char text[400] = "";
		unsigned others = 0, n = rows ? rows * (MENU_WIDTH - 2) : 1;
		for (unsigned i = 0; i < n; i++)
			m->says[i] = (char)('A' + i % 26);
		m->says[n] = 0;
		for (unsigned i = 0; menu_row(m, i, row, &marked); i++) {
			others += strspn(row, " ") == strlen(row);
			if (strlen(row) == MENU_WIDTH)
				strcat(text, row + 2);
		}
		if (rows)
			assert_string_equal(text, m->says);
		else
			blank = others;
		assert_int_equal(others, blank);
	}
}

/* More characters than there is room for, and a narrow console. */
static void test_long(void **state)
{
	(void)state;
	type("7");
	for (unsigned i = 0; i < 2 * MENU_LINE; i++)
		menu_key(m, 'a' + i % 26);
	assert_int_equal(strlen(m->line), MENU_LINE - 1);
	for (unsigned width = 19; width <= 90; width++) {
		for (unsigned at = 0; at <= m->len; at++) {
			m->at = at;
			unsigned want = width > MENU_WIDTH ? MENU_WIDTH : width;
			assert_int_equal(strlen(last(width)), want);
			assert_non_null(strchr(row, '_'));
		}
	}
	m->counting = true;
	m->state = MENU_LIST;
	assert_int_equal(strlen(last(19)), 19);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_clock, start, stop),
		cmocka_unit_test_setup_teardown(test_key_stops_clock, start, stop),
		cmocka_unit_test_setup_teardown(test_list, start, stop),
		cmocka_unit_test_setup_teardown(test_choices, start, stop),
		cmocka_unit_test_setup_teardown(test_full_rows, start, stop),
		cmocka_unit_test_setup_teardown(test_asks_for_disk, start, stop),
		cmocka_unit_test_setup_teardown(test_editor, start, stop),
		cmocka_unit_test_setup_teardown(test_mistake, start, stop),
		cmocka_unit_test_setup_teardown(test_long, start, stop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
