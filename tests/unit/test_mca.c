/* Machine checks: which of them a run survives, and their messages. The numbers are typed here a second time,
 * from the SDM, vol. 3 chapter 16. */
#include <string.h>
#include "kernel/mca.h"
#include "tests/unit/test.h"

#define VAL  (1ull << 63)
#define OVER (1ull << 62)
#define UC   (1ull << 61)
#define EN   (1ull << 60)
#define MISC (1ull << 59)
#define ADDR (1ull << 58)
#define PCC  (1ull << 57)
#define S    (1ull << 56)
#define AR   (1ull << 55)

static uint64_t msr[0x80], mcg_cap, mcg_status;
static struct mca_error seen[8];
static unsigned count;

/* Registers that do not say that they are there may raise #GP. */
static uint64_t rd(uint32_t n)
{
	if (n == 0x179)
		return mcg_cap;
	if (n == 0x17a)
		return mcg_status;
	assert_between(n, 0x400, 0x400 + 4 * (mcg_cap & 0xff) - 1);
	uint64_t status = msr[(n - 0x400) / 4 * 4 + 1];
	assert_true(n % 4 < 2 || status & (n % 4 == 2 ? ADDR : MISC));
	return msr[n - 0x400];
}

static void wr(uint32_t n, uint64_t v)
{
	assert_int_equal(v, 0); /* anything else raises #GP: §16.3.2.2 */
	if (n == 0x17a) {
		mcg_status = v;
		return;
	}
	assert_true(n % 4 == 1 && n >= 0x400 && n < 0x400 + 4 * (mcg_cap & 0xff));
	msr[n - 0x400] = v;
}

static const struct mca_io io = {rd, wr};

static void each(void *ctx, const struct mca_error *e)
{
	assert_ptr_equal(ctx, &count);
	seen[count++] = *e;
}

static void set_up(unsigned banks, bool recovery, uint64_t status)
{
	memset(msr, 0, sizeof msr);
	mcg_cap = banks | (recovery ? 1u << 24 : 0);
	mcg_status = 5;
	count = 0;
	msr[5] = status; /* bank 1 */
	msr[6] = 0x1234000;
	msr[7] = 0x8c;
}

static enum mca_kind exception(void)
{
	return mca_exception(&io, each, &count);
}

static void test_exception(void **state)
{
	static const struct {
		uint64_t status;
		bool recovery;
		enum mca_kind kind;
	} cases[] = {
		{0, true, MCA_NONE},
		{UC | PCC, true, MCA_NONE}, /* not valid */
		{VAL | EN | ADDR, true, MCA_CORRECTED},
		{VAL | OVER | EN, false, MCA_CORRECTED},
		{VAL | UC | EN | PCC, true, MCA_FATAL},
		{VAL | UC | EN | PCC | ADDR | MISC, false, MCA_FATAL},
		{VAL | UC | EN, true, MCA_UNCORRECTED},                   /* UCNA */
		{VAL | UC | EN | S | ADDR | MISC, true, MCA_UNCORRECTED}, /* SRAO */
		{VAL | UC | EN | S | AR | ADDR | MISC, true, MCA_FATAL},  /* SRAR */
		{VAL | UC | EN | S, false, MCA_FATAL},                    /* bits of the model's own */
	};
	(void)state;
	for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
		set_up(3, cases[i].recovery, cases[i].status);
		assert_int_equal(exception(), cases[i].kind);
		bool fatal = cases[i].kind == MCA_FATAL;
		assert_int_equal(mcg_status,
				 fatal ? 5 : 0); /* MCIP: the next one would shut the processor down */
		assert_int_equal(count, cases[i].kind != MCA_NONE);
		assert_int_equal(msr[5], fatal || !count ? cases[i].status : 0);
		if (!count)
			continue;
		assert_true(seen[0].bank == 1 && seen[0].kind == cases[i].kind &&
			    seen[0].status == cases[i].status);
		assert_int_equal(seen[0].addr, cases[i].status & ADDR ? 0x1234000 : 0);
		assert_int_equal(seen[0].misc, cases[i].status & MISC ? 0x8c : 0);
	}
}

/* Where RIPV is clear nothing can go on, whatever the banks say; the worst bank counts, and each is told. */
static void test_worst(void **state)
{
	(void)state;
	set_up(4, true, VAL | EN);
	mcg_status = 4;
	assert_int_equal(exception(), MCA_FATAL);
	assert_int_equal(mcg_status, 4);
	set_up(4, true, 0);
	mcg_status = 6;
	assert_int_equal(exception(), MCA_FATAL);
	set_up(4, true, VAL | UC | PCC);
	msr[1] = VAL;
	msr[13] = VAL | UC | S;
	assert_int_equal(exception(), MCA_FATAL);
	assert_int_equal(count, 3);
	assert_true(msr[1] == 0 && msr[5] && msr[13] == 0);
}

/* Found without an exception: nothing is fatal any more, and all is cleared, so that the next one is seen. */
static void test_look(void **state)
{
	(void)state;
	set_up(3, false, VAL | UC | EN);
	mca_take(&io, each, &count);
	assert_int_equal(count, 1);
	assert_int_equal(seen[0].kind, MCA_UNCORRECTED);
	mca_take(&io, each, &count);
	assert_int_equal(count, 1);
	msr[5] = VAL | UC | PCC;
	mca_take(&io, each, &count);
	assert_int_equal(count, 2);
	assert_int_equal(msr[5], 0);
	assert_int_equal(mcg_status, 5);
}

/* The register after bank 31 is another's. */
static void test_banks(void **state)
{
	(void)state;
	set_up(0xff, true, 0);
	assert_int_equal(mca_banks(&io), 32);
	mcg_cap = 40;
	assert_int_equal(mca_silent_banks(&io), 32);
	mca_take(&io, each, &count);
	set_up(3, true, 0);
	msr[0] = ~0ull;
	msr[8] = 1;
	assert_int_equal(mca_silent_banks(&io), 1);
	set_up(0, true, 0);
	mca_take(&io, each, &count);
	assert_int_equal(count, 0);
}

static void text_of(uint64_t status, const char *want)
{
	struct mca_error e = {MCA_FATAL, 7, status, 0x1000, 0x8c};
	char text[240];
	mca_text(&e, text, sizeof text);
	assert_string_equal(text, want);
}

static void test_text(void **state)
{
	static const struct {
		unsigned code;
		const char *text;
	} codes[] = {{0, "no error"},
		     {1, "unclassified"},
		     {2, "microcode ROM parity error"},
		     {3, "external error"},
		     {4, "functional redundancy check error"},
		     {5, "internal parity error"},
		     {6, "SMM handler code access violation"},
		     {0xe, "generic cache hierarchy error"},
		     {0x100f, "generic cache hierarchy error"},
		     {0x15, "TLB error"},
		     {0x9f, "memory controller error"},
		     {0x135, "cache hierarchy error"},
		     {0x1135, "cache hierarchy error"},
		     {0x285, "extended memory error"},
		     {0x400, "internal timer error"},
		     {0x405, "internal unclassified"},
		     {0xe0b, "I/O error"},
		     {0xe0f, "bus or interconnect error"},
		     {0x805, "bus or interconnect error"},
		     {0x205, "of no kind that the manual names"}};
	(void)state;
	for (unsigned i = 0; i < sizeof codes / sizeof *codes; i++) {
		struct mca_error e = {.status = VAL | codes[i].code};
		char text[240], want[64] = "bank 0: ";
		mca_text(&e, text, sizeof text);
		strcat(want, codes[i].text);
		assert_memory_equal(text, want, strlen(want));
	}
	text_of(VAL | 0x00cd0005, "bank 7: internal parity error, STATUS 0x8000000000cd0005 (VAL, MCACOD "
				  "0x0005, MSCOD 0x00cd)");
	text_of(0xffull << 56 | AR | 0xc0, "bank 7: memory controller error, STATUS 0xff800000000000c0 (VAL "
					   "OVER UC EN MISCV ADDRV PCC S AR, MCACOD 0x00c0, "
					   "MSCOD 0x0000), ADDR 0x1000, MISC 0x8c");
	text_of(VAL | ADDR | MISC,
		"bank 7: no error, STATUS 0x8c00000000000000 (VAL MISCV ADDRV, MCACOD 0x0000, MSCOD 0x0000), "
		"ADDR 0x1000, MISC 0x8c");
	text_of(VAL | MISC, "bank 7: no error, STATUS 0x8800000000000000 (VAL MISCV, MCACOD 0x0000, MSCOD "
			    "0x0000), MISC 0x8c");
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_exception), cmocka_unit_test(test_worst),
					   cmocka_unit_test(test_look), cmocka_unit_test(test_banks),
					   cmocka_unit_test(test_text)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
