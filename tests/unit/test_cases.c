/* The list of what the proof has tried: which case is kept where there is no room, and that each is counted.
 */
#include <string.h>
#include "apps/proof/cases.h"
#include "kernel/bits.h"
#include "tests/unit/test.h"

#define UNKNOWN CASE_OUTCOMES /* of a report that has been tampered with */

static struct proof_cases all;

static struct proof_case of(unsigned outcome)
{
	return (struct proof_case){.who = "new", .outcome = (uint8_t)outcome};
}

static void fill(unsigned outcome)
{
	struct proof_case c = of(outcome);
	strcpy(c.who, "old");
	cases_clear(&all);
	for (unsigned i = 0; i < CASES_MAX; i++) {
		c.iova = i;
		cases_add(&all, &c);
	}
}

/* From what says least to what says most: one that says more takes the place of the last that says less. */
static void test_which_is_kept(void **state)
{
	static const struct {
		unsigned outcome, weight;
	} row[] = {{CASE_REFUSED, 0},    {CASE_NOT_ENFORCED, 1}, {CASE_NOT_TRIED, 1},
		   {CASE_NOT_PROVED, 2}, {CASE_SUCCEEDED, 3},    {UNKNOWN, 3}};
	(void)state;
	for (unsigned old = 0; old < ARRAY_LEN(row); old++)
		for (unsigned add = 0; add < ARRAY_LEN(row); add++) {
			struct proof_case c = of(row[add].outcome);
			bool kept = row[add].weight > row[old].weight;
			fill(row[old].outcome);
			cases_add(&all, &c);
			assert_int_equal(all.n, CASES_MAX);
			assert_string_equal(all.tried[CASES_MAX - 1].who, kept ? "new" : "old");
			assert_int_equal(all.tried[CASES_MAX - 2].iova, CASES_MAX - 2);
			unsigned lost = kept ? row[old].outcome : row[add].outcome;
			for (unsigned o = 0; o < CASE_OUTCOMES; o++)
				assert_int_equal(all.left_out[o], o == lost % CASE_OUTCOMES);
		}
}

/* Wherever the one stands that says least, it is the one that goes, and the order of the others stays. */
static void test_place(void **state)
{
	(void)state;
	for (unsigned at = 0; at < CASES_MAX; at += at < 3 ? 1 : 340) {
		struct proof_case c = of(CASE_SUCCEEDED);
		fill(CASE_NOT_PROVED);
		all.tried[at].outcome = CASE_REFUSED;
		cases_add(&all, &c);
		for (unsigned i = 0; i + 1 < CASES_MAX; i++)
			assert_int_equal(all.tried[i].iova, i + (i >= at));
		assert_string_equal(all.tried[CASES_MAX - 1].who, "new");
		assert_int_equal(cases_count(&all, CASE_REFUSED), 1);
		assert_int_equal(cases_count(&all, CASE_NOT_PROVED), CASES_MAX - 1);
		assert_int_equal(cases_count(&all, CASE_SUCCEEDED), 1);
	}
	cases_clear(&all);
	assert_true(all.n == 0 && cases_count(&all, CASE_REFUSED) == 0);
}

/* Names of classes for which there is no room. */
static void test_short(void **state)
{
	static const struct {
		unsigned room;
		const char *want;
	} row[] = {{4, "..."}, {5, "..."}, {6, "..."}, {7, "A, ..."}, {8, "A, B, C"}};
	(void)state;
	cases_clear(&all);
	for (unsigned i = 0; i < 3; i++) {
		struct proof_case c = of(CASE_REFUSED);
		c.who[0] = (char)('A' + i);
		c.who[1] = 0;
		cases_add(&all, &c);
	}
	struct proof_case c = of(CASE_REFUSED);
	static struct proof_cases other;
	char text[16];
	strcpy(c.who, "B-2"); /* its number is no part of the name, but what is before it */
	cases_add(&other, &c);
	cases_classes(&other, text, sizeof text);
	assert_string_equal(text, "B-");
	for (unsigned i = 0; i < ARRAY_LEN(row); i++) {
		char buf[16];
		memset(buf, '!', sizeof buf);
		cases_classes(&all, buf, row[i].room);
		assert_string_equal(buf, row[i].want);
		assert_int_equal(buf[row[i].room], '!');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_which_is_kept), cmocka_unit_test(test_short),
					   cmocka_unit_test(test_place)};
	return cmocka_run_group_tests_name("cases", tests, NULL, NULL);
}
