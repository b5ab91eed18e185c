/* Tables of scalable mode typed by hand from VT-d §9, one word each; every reserved bit and every reason. */
#include <string.h>
#include "iommu/vtd/reasons.h"
#include "iommu/vtd/walk_request.h"
#include "tests/unit/test.h"

/* Memory at 0x10000. A first stage has levels 5 to 1 at F(level), a second stage at S(level), whose pages map
 * guest addresses of 0x10000 and up to themselves. */
enum { ROOT, CONTEXT, DIRECTORY, TABLE, FIRST, SECOND = FIRST + 5, PAGES = SECOND + 5 };
static uint64_t mem[PAGES][512];
#define AT(page) (0x10000ull + (unsigned)(page)*0x1000ull)
#define F(level) mem[FIRST + (level)-1]
#define S(level) mem[SECOND + (level)-1]

static uint64_t unreadable; /* a page that cannot be read */

static bool read64(void *ctx, uint64_t phys, uint64_t *v)
{
	(void)ctx;
	if (phys < AT(0) || phys >= AT(PAGES) || (phys & ~0xfffull) == unreadable)
		return false;
	*v = mem[(phys - AT(0)) / 0x1000][phys % 0x1000 / 8];
	return true;
}

/* CAP: MGAW 57, SAGAW 3 to 5 levels, large pages, ND 16 bits, FS1GP, FS5LP. ECAP: all that the walker asks
 * for (DT 2, PT 6, SC 7, MTS 25, NEST 26, PRS 29, ERS 30, SRS 31, EAFS 34, PSS 20 bits, PASID 40, SMTS 43,
 * SSADS 45, SSTS 46, FSTS 47, SMPWCS 48, RPS 49, ADMS 52). */
#define CAP (6 | 0xeull << 8 | 56ull << 16 | 3ull << 34 | BIT(56) | BIT(60))
#define ECAP                                                                                                 \
	(BIT(2) | BIT(6) | BIT(7) | BIT(25) | BIT(26) | BIT(29) | BIT(30) | BIT(31) | BIT(34) |              \
	 19ull << 35 | BIT(40) | BIT(43) | BIT(45) | BIT(46) | BIT(47) | BIT(48) | BIT(49) | BIT(52))
static struct vtd_walk_unit unit;
static struct vtd_request request;
static struct vtd_walk_scalable w;

#define CTX     (&mem[CONTEXT][4 * 0x01])
#define ENTRY   (&mem[TABLE][8 * 5])
/* index 1 at level 4, 2 at 3, 3 at 2, 4 at 1, offset 0x567; PASID 0x45 is entry 5 of directory entry 1 */
#define ADDRESS ((1ull << 39) + (2ull << 30) + (3ull << 21) + (4ull << 12) + 0x567)
#define PASID   0x45
#define RID     0x85 /* directory entry 2 */
#define LEAF    0x7654321000ull

enum { NO_TABLE, ONLY_FIRST, ONLY_SECOND, NESTED, PASS };

/* The index of the address at each level. */
static const unsigned at[] = {0, 4, 3, 2, 1, 0};

static void build(unsigned type)
{
	memset(mem, 0, sizeof(mem));
	unreadable = 0;
	unit = (struct vtd_walk_unit){AT(ROOT) | 1 << 10, CAP, ECAP, 40};
	request = (struct vtd_request){
		.fn = {0, 0x3b01}, .iova = IOVA(ADDRESS), .has_pasid = true, .pasid = PASID};
	mem[ROOT][2 * 0x3b] = AT(CONTEXT) | 1;
	CTX[0] = AT(DIRECTORY) | 1 << 4 | 1 << 3 | 1 << 2 | 1;
	CTX[1] = RID;
	mem[DIRECTORY][1] = mem[DIRECTORY][2] = AT(TABLE) | 1;
	ENTRY[0] = type << 6 | 2 << 2 | 1;
	ENTRY[1] = 1 << 23 | 7;
	if (type == ONLY_FIRST || type == NESTED)
		ENTRY[2] = AT(FIRST + 3);
	if (type == ONLY_SECOND || type == NESTED)
		ENTRY[0] |= AT(SECOND + 3);
	for (unsigned level = 5; level; level--) {
		F(level)[at[level]] = (level > 1 ? AT(FIRST + level - 2) : LEAF) | 0x67;
		S(level)[at[level]] = (level > 1 ? AT(SECOND + level - 2) : LEAF) | 3;
		/* and guest addresses of 0x10000 on, where the first stage lies when it is nested */
		S(level)[0] = (level > 1 ? AT(SECOND + level - 2) : 0) | 3;
	}
	for (unsigned page = 0; page < PAGES; page++)
		S(1)[16 + page] = AT(page) | 3;
}

static struct vtd_walk_scalable *ask(void)
{
	struct vtd_walk_mem m = {NULL, read64};
	vtd_walk_request(&unit, &m, &request, &w);
	return &w;
}

static void expect(enum vtd_walk_at where, unsigned r, unsigned wr, const char *text)
{
	char buf[200];
	ask();
	vtd_walk_request_text(&w, buf, sizeof(buf));
	assert_string_equal(buf, text);
	assert_int_equal(w.at, where);
	assert_int_equal(w.reason_read, r);
	assert_int_equal(w.reason_write, wr);
	assert_int_equal(w.read, r == 0);
	assert_int_equal(w.write, wr == 0);
}

static void expect_both(enum vtd_walk_at where, unsigned reason)
{
	ask();
	assert_int_equal(w.reason_read, reason);
	assert_int_equal(w.reason_write, reason);
	assert_int_equal(w.at, where);
	assert_false(w.read || w.write);
}

static void expect_each(unsigned r, unsigned wr)
{
	ask();
	assert_int_equal(w.reason_read, r);
	assert_int_equal(w.reason_write, wr);
}

#define OK "root ok, context ok, PASID 69 ok (domain 7, "

static void test_first(void **state)
{
	(void)state;
	build(ONLY_FIRST);
	expect(WALK_AT_PAGE, 0, 0,
	       OK
	       "first stage, 4-level), L4 ok, L3 ok, L2 ok, L1[4] page of 4 KiB at 0x7654321567, read and write");
	assert_int_equal(w.steps, 4);
	assert_int_equal(w.step[1].entry, AT(FIRST + 1) | 0x67);
	assert_int_equal(w.pasid, PASID);
	F(2)[3] = 0x7600000000 | 0x1087; /* bit 12 is a memory type */
	F(2)[3] |= 0x60;
	expect(WALK_AT_PAGE, 0, 0,
	       OK
	       "first stage, 4-level), L4 ok, L3 ok, L2[3] page of 2048 KiB at 0x7600004567, read and write");
	F(3)[2] = 0x7600000000 | 0x10e5;
	expect(WALK_AT_PAGE, 0, 0x85,
	       OK "first stage, 4-level), L4 ok, L3[2] page of 1048576 KiB at 0x7600604567, read only");
	build(ONLY_FIRST);
	ENTRY[2] = AT(FIRST + 4) | 1 << 2; /* FSPM: 5 levels */
	expect(WALK_AT_PAGE, 0, 0,
	       OK
	       "first stage, 5-level), L5 ok, L4 ok, L3 ok, L2 ok, L1[4] page of 4 KiB at 0x7654321567, read and write");
	ENTRY[0] &= ~(7ull << 2); /* AW is the second stage's */
	assert_int_equal(ask()->at, WALK_AT_PAGE);
}

static void test_second(void **state)
{
	(void)state;
	build(ONLY_SECOND);
	expect(WALK_AT_PAGE, 0, 0,
	       OK
	       "second stage, 4-level), L4 ok, L3 ok, L2 ok, L1[4] page of 4 KiB at 0x7654321567, read and write");
	assert_int_equal(w.seconds, 4);
	assert_int_equal(w.size, 0x1000);
	S(2)[3] = 0x7600000000 | 0x82;
	expect(WALK_AT_PAGE, 0x86, 0,
	       OK "second stage, 4-level), L4 ok, L3 ok, L2[3] page of 2048 KiB at 0x7600004567, write only");
	S(3)[2] = 0x7600000000 | 0x81;
	expect(WALK_AT_PAGE, 0, 0x85,
	       OK "second stage, 4-level), L4 ok, L3[2] page of 1048576 KiB at 0x7600604567, read only");
	unit.cap &= ~(3ull << 34); /* no large pages: bit 7 is reserved */
	expect_both(WALK_AT_SECOND, 0x7a);
	S(3)[2] = AT(SECOND + 1) | 3;
	expect_both(WALK_AT_SECOND, 0x7a);
	assert_int_equal(w.seconds, 3);
	build(ONLY_SECOND);
	ENTRY[0] = AT(SECOND + 4) | 3 << 2 | ONLY_SECOND << 6 | 1;
	assert_int_equal(ask()->seconds, 5);
	assert_int_equal(w.phys.v, LEAF | 0x567);
	ENTRY[0] = AT(SECOND + 2) | 1 << 2 | ONLY_SECOND << 6 | 1;
	request.iova = IOVA(ADDRESS & (BIT(39) - 1));
	assert_int_equal(ask()->levels, 3);
	assert_int_equal(w.phys.v, LEAF | 0x567);
	request.iova = IOVA(BIT(39));
	expect(WALK_AT_ADDRESS, 0x84, 0x84,
	       OK "second stage, 3-level), address is beyond the guest address width (scalable mode)");
	unit.cap = (CAP & ~(0x3full << 16)) | 31ull << 16; /* MGAW 32 */
	request.iova = IOVA(BIT(32));
	expect_both(WALK_AT_ADDRESS, 0x84);
	request.iova = IOVA(BIT(32) - 1);
	expect_both(WALK_AT_SECOND, 0x79);
}

static void test_nested(void **state)
{
	(void)state;
	build(NESTED);
	F(1)[4] = (ADDRESS & ~0xfffull) | 0x67; /* the first stage leads to the same guest address */
	expect(WALK_AT_PAGE, 0, 0,
	       OK "nested, 4-level), L4 ok, L3 ok, L2 ok, L1[4] ok, second stage: L4 ok, L3 ok, L2 ok, "
		  "L1[4] page of 4 KiB at 0x7654321567, read and write");
	assert_int_equal(w.steps, 4);
	assert_int_equal(w.seconds, 4);
	for (unsigned perm = 0; perm < 8; perm++) { /* both must allow */
		F(1)[4] = (ADDRESS & ~0xfffull) | 0x65 | (perm & 1 ? 2 : 0);
		S(1)[4] = LEAF | 1 | (perm & 2);
		if (perm & 4)
			S(1)[4] ^= 3;
		bool r = S(1)[4] & 1, wr = S(1)[4] & 2 && perm & 1;
		if (S(1)[4] & 3)
			expect_each(r ? 0 : 0x86, wr ? 0 : 0x85);
		else
			expect_each(0x79, 0x79);
	}
	S(1)[4] = LEAF | 3;
	F(1)[4] = (ADDRESS & ~0xfffull) | 0x63; /* US */
	expect_each(0x81, 0x81);
	/* the smaller page counts */
	F(2)[3] = (ADDRESS & ~0x1fffffull) | 0xe7;
	assert_int_equal(ask()->size, 0x1000);
	assert_int_equal(w.phys.v, LEAF | 0x567);
	build(NESTED);
	F(1)[4] = (ADDRESS & ~0xfffull) | 0x67;
	S(3)[2] = 0x83;
	assert_int_equal(ask()->size, 0x1000);
	assert_int_equal(w.phys.v, ADDRESS & 0x3fffffff);
	F(1)[4] = BIT(51) | 0x67; /* a guest address that the second stage cannot have */
	expect_both(WALK_AT_ADDRESS, 0x84);
}

/* The first stage's tables are read through the second. */
static void test_nested_tables(void **state)
{
	(void)state;
	for (unsigned level = 4; level; level--) {
		uint64_t *s = &S(1)[16 + FIRST + level - 1];
		build(NESTED);
		*s &= ~1ull;
		expect_both(WALK_AT_FIRST, level == 4 ? 0x75 : 0x76);
		*s = 0;
		expect_both(WALK_AT_SECOND, 0x79);
		*s = AT(40) | 3;
		expect_both(WALK_AT_FIRST, level == 4 ? 0x73 : 0x70);
		*s = BIT(40) | 3;
		expect_both(WALK_AT_SECOND, 0x7a);
		*s = AT(FIRST + level - 1) | 1; /* read only: enough while A is set */
		assert_int_not_equal(ask()->at, WALK_AT_FIRST);
		F(level)[at[level]] &= ~0x20ull;
		expect_both(WALK_AT_FIRST, 0x77);
	}
	build(NESTED);
	F(1)[4] = (ADDRESS & ~0xfffull) | 0x27; /* D clear in a table that the second stage makes read only */
	S(1)[16 + FIRST] = AT(FIRST) | 1;
	expect_each(0, 0x77);
	build(NESTED);
	ENTRY[2] = BIT(48);
	expect_both(WALK_AT_FIRST, 0x74);
	ENTRY[2] = AT(FIRST + 3);
	F(4)[1] = BIT(49) | 0x67;
	expect_both(WALK_AT_FIRST, 0x74);
	unreadable = AT(SECOND + 3);
	expect_both(WALK_AT_SECOND, 0x7b);
	unreadable = AT(SECOND + 2);
	expect_both(WALK_AT_SECOND, 0x78);
	request.iova = IOVA(BIT(63));
	expect(WALK_AT_ADDRESS, 0x80, 0x80, OK "nested, 4-level), address is not canonical");
}

static void test_pass(void **state)
{
	(void)state;
	build(PASS);
	expect(WALK_AT_PASS, 0, 0, OK "pass-through), passes untranslated");
	request.iova = IOVA(BIT(39));
	assert_int_equal(ask()->phys.v, BIT(39));
	request.iova = IOVA(BIT(40));
	expect(WALK_AT_ADDRESS, 0x83, 0x83, OK "pass-through), address is beyond the host address width");
	request.iova = IOVA(0xfee01000);
	expect(WALK_AT_PASS, 0x87, 0x87,
	       OK "pass-through), the mapping leads into the interrupt range (scalable mode)");
	request.iova = IOVA(0xfef00000);
	expect_each(0, 0);
}

static void test_registers(void **state)
{
	(void)state;
	for (unsigned mode = 0; mode < 4; mode++)
		for (unsigned has = 0; has < 4; has++) {
			build(ONLY_FIRST);
			unit.rtaddr = AT(ROOT) | mode << 10;
			unit.ecap = ECAP & ~(has & 1 ? 0 : BIT(43)) & ~(has & 2 ? 0 : BIT(52));
			if (mode == 1 && has & 1)
				assert_int_equal(ask()->at, WALK_AT_PAGE);
			else if (mode == 3 && has & 2)
				expect_both(WALK_AT_REGISTER, 0x33);
			else
				expect_both(WALK_AT_REGISTER, mode ? 0x30 : 0x31);
		}
	build(ONLY_FIRST);
	request.execute = true;
	expect(WALK_AT_REGISTER, 0x34, 0x34, "request for execution");
}

/* Legacy tables: TT 0, 1 (device TLBs) and 2 (pass-through) against each kind of request. */
static void test_legacy(void **state)
{
	(void)state;
	static const uint8_t reason[3][4] = {{0, 0xd, 0xd, 0x32}, {0, 0, 0, 0x32}, {0, 0xd, 0xd, 0x32}};
	for (unsigned tt = 0; tt < 3; tt++)
		for (unsigned kind = 0; kind < 4; kind++) {
			build(ONLY_SECOND);
			unit.rtaddr = AT(ROOT);
			mem[CONTEXT][2 * 0x01] = AT(SECOND + 3) | tt << 2 | 1;
			mem[CONTEXT][2 * 0x01 + 1] = 3 << 8 | 2;
			request.has_pasid = false;
			request.kind = (enum vtd_request_kind)kind;
			expect_each(reason[tt][kind], reason[tt][kind]);
			if (tt == 1 && kind == REQUEST_TRANSLATED)
				assert_int_equal(w.phys.v, ADDRESS);
			if (tt == 0 && kind == REQUEST_UNTRANSLATED)
				expect(WALK_AT_LEGACY, 0, 0,
				       "root ok, context ok (domain 3, 4-level), L4 ok, L3 ok, L2 ok, L1[4] page of "
				       "4 KiB at 0x7654321567, read and write");
		}
	request.kind = REQUEST_TRANSLATION;
	for (unsigned i = 0; i < 7; i++) { /* nothing is found that could allow it */
		static const uint8_t found[] = {8, 1, 0xa, 9, 2, 0xb, 3};
		build(ONLY_SECOND);
		unit.rtaddr = AT(i == 0 ? PAGES : ROOT);
		request.has_pasid = false;
		request.kind = REQUEST_TRANSLATION;
		mem[ROOT][2 * 0x3b] = i == 1 ? 0 : i == 2 ? 3 : i == 3 ? AT(PAGES) | 1 : AT(CONTEXT) | 1;
		mem[CONTEXT][2] = i == 4 ? 0 : i == 5 ? 0x801 : 1;
		mem[CONTEXT][3] = 0;
		expect_both(WALK_AT_LEGACY, found[i]);
	}
}

/* Both halves of the root entry. */
static void test_root(void **state)
{
	(void)state;
	build(ONLY_FIRST);
	mem[ROOT][2 * 0x3b + 1] = ~0ull; /* the other half does not matter */
	assert_int_equal(ask()->at, WALK_AT_PAGE);
	request.fn.rid = 0x3b81;
	expect_both(WALK_AT_ROOT, 0x3a);
	mem[ROOT][2 * 0x3b + 1] = mem[ROOT][2 * 0x3b];
	mem[ROOT][2 * 0x3b] = 0;
	assert_int_equal(ask()->at, WALK_AT_PAGE);
	request.fn.rid = 0x3b01;
	expect(WALK_AT_ROOT, 0x39, 0x39, "bus has no scalable-mode root entry");
	mem[ROOT][2 * 0x3b] = AT(PAGES) | 1;
	expect(WALK_AT_CONTEXT, 0x40, 0x40, "root ok, a scalable-mode context table could not be read");
	unit.rtaddr = AT(PAGES) | 1 << 10;
	expect_both(WALK_AT_ROOT, 0x38);
	build(ONLY_FIRST);
	request.fn.rid = 0x3b7f;
	expect_both(WALK_AT_CONTEXT, 0x41);
}

static void test_context(void **state)
{
	(void)state;
	build(ONLY_FIRST);
	CTX[0] = 0;
	expect(WALK_AT_CONTEXT, 0x41, 0x41, "root ok, function has no scalable-mode context entry");
	build(ONLY_FIRST);
	CTX[0] ^= 1 << 3;
	expect_both(WALK_AT_CONTEXT, 0x45);
	request.kind = REQUEST_TRANSLATED;
	expect_both(WALK_AT_CONTEXT, 0x49);
	request.has_pasid = false; /* it needs no PASIDE */
	assert_int_equal(ask()->at, WALK_AT_PASS);
	assert_int_equal(w.phys.v, ADDRESS);
	request.iova = IOVA(BIT(40));
	expect_both(WALK_AT_ADDRESS, 0x83);
	CTX[0] ^= 1 << 2;
	expect_both(WALK_AT_CONTEXT, 0x44);
	request.kind = REQUEST_TRANSLATION;
	expect_both(WALK_AT_CONTEXT, 0x44);
	build(ONLY_FIRST);
	request.kind = REQUEST_PAGE;
	assert_int_equal(ask()->at, WALK_AT_QUEUE);
	char text[80];
	vtd_walk_request_text(&w, text, sizeof text);
	assert_string_equal(text, "root ok, context ok, page request accepted");
	CTX[0] ^= 1 << 4;
	expect_both(WALK_AT_CONTEXT, 0x47);
	build(ONLY_FIRST);
	request.kind = REQUEST_TRANSLATION;
	assert_int_equal(ask()->at, WALK_AT_PAGE);
	request.kind = REQUEST_TRANSLATED;
	expect(WALK_AT_PASS, 0, 0, "root ok, context ok, passes untranslated");
}

/* Which PASID counts, and how large it may be. */
static void test_pasid(void **state)
{
	(void)state;
	for (unsigned pdts = 0; pdts < 8; pdts++) {
		build(ONLY_FIRST);
		CTX[0] |= pdts << 9;
		request.pasid = 1u << (pdts + 13);
		expect_both(WALK_AT_CONTEXT, pdts == 7 ? 0x89 : 0x46);
		request.pasid--;
		assert_int_equal(ask()->at, WALK_AT_DIRECTORY);
	}
	build(ONLY_FIRST);
	unit.ecap = (ECAP & ~(0x1full << 35)) | 5ull << 35; /* PSS: 6 bits */
	expect_both(WALK_AT_CONTEXT, 0x89);
	build(ONLY_FIRST);
	request.pasid = RID;
	expect_both(WALK_AT_CONTEXT, 0x48);
	request.has_pasid = false;
	expect(WALK_AT_PAGE, 0, 0,
	       "root ok, context ok, PASID 133 ok (domain 7, first stage, 4-level), L4 ok, L3 ok, L2 ok, L1[4] page of "
	       "4 KiB at 0x7654321567, read and write");
	CTX[1] = 0x2000; /* RID_PASID beyond a directory of 128 entries */
	expect_both(WALK_AT_CONTEXT, 0x43);
	unit.ecap &= ~BIT(49); /* no RID_PASID: 0 */
	expect_both(WALK_AT_DIRECTORY, 0x51);
	mem[DIRECTORY][0] = AT(TABLE) | 1;
	expect(WALK_AT_ENTRY, 0x59, 0x59, "root ok, context ok, PASID 0 PASID table entry is not present");
	request.has_pasid = true;
	request.pasid = 0;
	expect_both(WALK_AT_CONTEXT, 0x48);
}

static void test_unreadable(void **state)
{
	(void)state;
	static const struct {
		unsigned page, type;
		enum vtd_walk_at where;
		uint8_t reason;
	} cases[] = {
		{ROOT, ONLY_FIRST, WALK_AT_ROOT, 0x38},
		{CONTEXT, ONLY_FIRST, WALK_AT_CONTEXT, 0x40},
		{DIRECTORY, ONLY_FIRST, WALK_AT_DIRECTORY, 0x50},
		{TABLE, ONLY_FIRST, WALK_AT_ENTRY, 0x58},
		{FIRST + 3, ONLY_FIRST, WALK_AT_FIRST, 0x73},
		{FIRST + 2, ONLY_FIRST, WALK_AT_FIRST, 0x70},
		{FIRST + 0, ONLY_FIRST, WALK_AT_FIRST, 0x70},
		{SECOND + 3, ONLY_SECOND, WALK_AT_SECOND, 0x7b},
		{SECOND + 2, ONLY_SECOND, WALK_AT_SECOND, 0x78},
		{SECOND + 0, ONLY_SECOND, WALK_AT_SECOND, 0x78},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		build(cases[i].type);
		unreadable = AT(cases[i].page);
		expect_both(cases[i].where, cases[i].reason);
	}
}

/* An entry that can be read only in part is not used. */
static uint64_t last_readable;

static bool read_part(void *ctx, uint64_t phys, uint64_t *v)
{
	return (phys < last_readable || phys >= last_readable + 64) && read64(ctx, phys, v);
}

static void test_half_read(void **state)
{
	(void)state;
	struct vtd_walk_mem m = {NULL, read_part};
	build(ONLY_FIRST);
	last_readable = AT(TABLE) + 64 * 5 + 24;
	vtd_walk_request(&unit, &m, &request, &w);
	assert_int_equal(w.reason_read, 0x58);
	assert_int_equal(w.entry[0], 0);
	assert_int_equal(w.entry[2], 0);
	last_readable = AT(CONTEXT) + 32 + 8;
	vtd_walk_request(&unit, &m, &request, &w);
	assert_int_equal(w.reason_read, 0x40);
	assert_int_equal(w.context[0], 0);
}

#define HIGH        (~0ull << 40) /* beyond the host address width */
#define HIGH_PAGING (HIGH & ~0ull >> 12)

/* Each bit of each word that must be 0, one at a time. ecap: capabilities without which it is so. */
static const struct {
	unsigned type, page, index;
	uint64_t ecap, reserved;
	uint8_t reason;
} words[] = {
	{ONLY_FIRST, ROOT, 2 * 0x3b, 0, 0xffe | HIGH, 0x3a},
	{ONLY_FIRST, CONTEXT, 4, 0, 0x1e0 | HIGH, 0x42},
	{ONLY_FIRST, CONTEXT, 4, BIT(2), 1 << 2, 0x42},
	{ONLY_FIRST, CONTEXT, 4, BIT(29), 1 << 4, 0x42},
	{ONLY_FIRST, CONTEXT, 5, 0, ~0ull << 21, 0x42},
	{ONLY_FIRST, CONTEXT, 5, BIT(31), 1 << 20, 0x42},
	{ONLY_FIRST, CONTEXT, 6, 0, ~0ull, 0x42},
	{ONLY_FIRST, CONTEXT, 7, 0, ~0ull, 0x42},
	{ONLY_FIRST, DIRECTORY, 1, 0, 0xffc | HIGH, 0x52},
	{ONLY_FIRST, TABLE, 40, 0, 0xc00, 0x5a},
	{ONLY_FIRST, TABLE, 40, BIT(45), 1 << 9, 0x5a},
	{ONLY_FIRST, TABLE, 40, BIT(30), 1 << 5, 0x5a},
	{ONLY_SECOND, TABLE, 40, 0, 0xc00 | HIGH, 0x5a},
	{NESTED, TABLE, 40, 0, 0xc00 | HIGH, 0x5a},
	{PASS, TABLE, 40, 0, 0xc00, 0x5a},
	{ONLY_FIRST, TABLE, 41, 0, 0x7f0000, 0x5a},
	{ONLY_FIRST, TABLE, 41, BIT(25), ~0ull << 25, 0x5a},
	{ONLY_FIRST, TABLE, 41, BIT(7), 1 << 24, 0x5a},
	{ONLY_FIRST, TABLE, 42, 0, 0xf00 | HIGH, 0x5a},
	{ONLY_SECOND, TABLE, 42, 0, 0xf00, 0x5a},
	{NESTED, TABLE, 42, 0, 0xf00, 0x5a},
	{ONLY_FIRST, TABLE, 42, BIT(31), 1 << 0, 0x5a},
	{ONLY_FIRST, TABLE, 42, BIT(30), 1 << 1, 0x5a},
	{ONLY_FIRST, TABLE, 42, BIT(34), 1 << 7, 0x5a},
	{ONLY_FIRST, TABLE, 43, 0, ~0ull, 0x5a},
	{ONLY_FIRST, TABLE, 44, 0, ~0ull, 0x5a},
	{ONLY_FIRST, TABLE, 45, 0, ~0ull, 0x5a},
	{ONLY_FIRST, TABLE, 46, 0, ~0ull, 0x5a},
	{ONLY_FIRST, TABLE, 47, 0, ~0ull, 0x5a},
	{ONLY_FIRST, FIRST + 3, 1, 0, 1 << 7 | HIGH_PAGING, 0x72},
	{ONLY_FIRST, FIRST + 2, 2, 0, HIGH_PAGING, 0x72},
	{ONLY_FIRST, FIRST + 0, 4, 0, HIGH_PAGING, 0x72},
	{ONLY_SECOND, SECOND + 3, 1, 0, 1 << 7 | 1 << 11 | HIGH_PAGING, 0x7a},
	{ONLY_SECOND, SECOND + 2, 2, 0, 1 << 11 | HIGH_PAGING, 0x7a},
	{ONLY_SECOND, SECOND + 0, 4, 0, HIGH_PAGING, 0x7a},
	{ONLY_SECOND, SECOND + 0, 4, BIT(7), 1 << 11, 0x7a},
};

static void test_reserved(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		for (unsigned b = 0; b < 64; b++) {
			if (!(words[i].reserved >> b & 1))
				continue;
			build(words[i].type);
			mem[words[i].page][words[i].index] |= 1ull << b;
			if (words[i].ecap) { /* allowed with the capability */
				ask();
				assert_int_not_equal(w.reason_read, words[i].reason);
			}
			unit.ecap &= ~words[i].ecap;
			ask();
			if (w.reason_write != words[i].reason || w.reason_read != words[i].reason)
				fail_msg("word %zu, bit %u: reasons 0x%x and 0x%x, not 0x%x", i, b,
					 w.reason_read, w.reason_write, words[i].reason);
		}
	for (size_t i = 0; i < ARRAY_LEN(words); i++) { /* without the capability only these bits matter */
		build(words[i].type);
		mem[words[i].page][words[i].index] &= ~(words[i].ecap ? words[i].reserved : 0);
		unit.ecap &= ~words[i].ecap;
		ask();
		assert_int_not_equal(w.reason_read, words[i].reason);
	}
	build(ONLY_FIRST); /* set by build(), so it is enough to lack them */
	unit.ecap &= ~BIT(40);
	expect_both(WALK_AT_CONTEXT, 0x42);
	build(ONLY_FIRST);
	unit.ecap &= ~BIT(48);
	expect_both(WALK_AT_ENTRY, 0x5a);
	for (unsigned nd = 0; nd < 6; nd++) { /* domain ids of 4 + 2 ND bits */
		build(ONLY_FIRST);
		unit.cap = (CAP & ~7ull) | nd;
		ENTRY[1] = 1 << 23 | 1u << (4 + 2 * nd);
		expect_both(WALK_AT_ENTRY, 0x5a);
		ENTRY[1] -= 1;
		assert_int_equal(ask()->at, WALK_AT_PAGE);
	}
}

/* Bits that a unit ignores change nothing. */
static void test_ignored(void **state)
{
	(void)state;
	static const struct {
		unsigned type, page, index;
		uint64_t ignored;
	} ignored[] = {
		{ONLY_FIRST, CONTEXT, 4, 0x2},
		{ONLY_FIRST, DIRECTORY, 1, 0x2},
		{ONLY_FIRST, TABLE, 40, 0x2 | 0x1c | ~0xfffull}, /* AW and the other stage's table */
		{ONLY_SECOND, TABLE, 42, ~0xfffull | 0xc | 0x70},
		{PASS, TABLE, 40, ~0xfffull},
		{PASS, TABLE, 42, ~0xfffull | 0xc},
		{ONLY_FIRST, TABLE, 42, 0x70}, /* WPE, NXE, SMEP */
		{ONLY_FIRST, FIRST + 3, 1, 0xf78 | ~0ull << 52},
		{ONLY_FIRST, FIRST + 0, 4, 0xfd8 | ~0ull << 52},
		{ONLY_SECOND, SECOND + 3, 1, 0x77c | ~0ull << 52},
		{ONLY_SECOND, SECOND + 0, 4, 0xffc | ~0ull << 52},
		{NESTED, FIRST + 3, 1, 0xf18 | ~0ull << 52},
	};
	for (size_t i = 0; i < ARRAY_LEN(ignored); i++)
		for (unsigned b = 0; b < 64; b++)
			if (ignored[i].ignored >> b & 1) {
				build(ignored[i].type);
				F(1)[4] = ignored[i].type == NESTED ? (ADDRESS & ~0xfffull) | 0x67 : F(1)[4];
				uint64_t *word = &mem[ignored[i].page][ignored[i].index];
				*word = ignored[i].page == TABLE && ignored[i].index == 40 && b >= 2 && b <= 4
						? *word & ~(1ull << b)
						: *word ^ 1ull << b;
				ask();
				if (!w.read || !w.write)
					fail_msg("word %zu, bit %u: reason 0x%x", i, b, w.reason_read);
			}
}

/* PGTT, AW and FSPM against what the unit has. */
static void test_types(void **state)
{
	(void)state;
	for (unsigned type = 0; type < 8; type++) {
		build(type);
		ask();
		assert_int_equal(w.at == WALK_AT_ENTRY, type == 0 || type > 4);
		if (type == 0 || type > 4)
			expect_both(WALK_AT_ENTRY, 0x5b);
	}
	static const struct {
		unsigned type, capability;
	} needs[] = {{ONLY_FIRST, 47}, {ONLY_SECOND, 46}, {NESTED, 47},
		     {NESTED, 46},     {NESTED, 26},      {PASS, 6}};
	for (size_t i = 0; i < ARRAY_LEN(needs); i++) {
		build(needs[i].type);
		unit.ecap &= ~BIT(needs[i].capability);
		expect_both(WALK_AT_ENTRY, 0x5b);
	}
	for (unsigned type = ONLY_FIRST; type <= PASS; type++)
		for (unsigned aw = 0; aw < 8; aw++) {
			build(type);
			unit.cap = (CAP & ~(0x1full << 8)) | 6ull << 8; /* SAGAW: 3 and 4 levels */
			ENTRY[0] = (ENTRY[0] & ~(7ull << 2)) | aw << 2;
			ask();
			assert_int_equal(w.reason_read == 0x5b, type != ONLY_FIRST && aw != 1 && aw != 2);
		}
	for (unsigned type = ONLY_FIRST; type <= NESTED; type += 2)
		for (unsigned fspm = 0; fspm < 4; fspm++) {
			build(type);
			ENTRY[2] |= fspm << 2;
			assert_int_equal(ask()->reason_read == 0x5b, fspm > 1);
			unit.cap &= ~BIT(60);
			assert_int_equal(ask()->reason_read == 0x5b, fspm > 0);
		}
}

/* A present bit of each entry, alone. */
static void test_absent(void **state)
{
	(void)state;
	build(ONLY_FIRST);
	mem[DIRECTORY][1] ^= 1;
	expect(WALK_AT_DIRECTORY, 0x51, 0x51,
	       "root ok, context ok, PASID 69 PASID directory entry is not present");
	build(ONLY_FIRST);
	ENTRY[0] ^= 1;
	expect_both(WALK_AT_ENTRY, 0x59);
	for (unsigned level = 4; level; level--) {
		build(ONLY_FIRST);
		F(level)[at[level]] = ~1ull; /* the rest does not matter */
		expect_both(WALK_AT_FIRST, 0x71);
		assert_int_equal(w.step[w.steps - 1].level, level);
		build(ONLY_SECOND);
		S(level)[at[level]] = ~3ull;
		expect_both(WALK_AT_SECOND, 0x79);
		assert_int_equal(w.second[w.seconds - 1].level, level);
	}
	build(ONLY_FIRST);
	F(3)[2] = 0;
	expect(WALK_AT_FIRST, 0x71, 0x71,
	       OK "first stage, 4-level), L4 ok, L3[2] first-stage entry is not present");
}

static void test_permissions(void **state)
{
	(void)state;
	for (unsigned level = 4; level; level--) {
		build(ONLY_FIRST);
		F(level)[at[level]] &= ~2ull;
		expect_each(0, 0x85);
		F(level)[at[level]] &= ~4ull;
		expect_each(0x81, 0x81);
		build(ONLY_SECOND);
		S(level)[at[level]] &= ~1ull;
		expect_each(0x86, 0);
		S(level)[at[level]] ^= 3;
		expect_each(0, 0x85);
	}
	build(ONLY_SECOND);
	S(4)[1] ^= 1; /* write only above, */
	S(3)[2] ^= 2; /* read only below */
	expect(WALK_AT_PAGE, 0x86, 0x85,
	       OK
	       "second stage, 4-level), L4 ok, L3 ok, L2 ok, L1[4] page of 4 KiB at 0x7654321567, no access");
}

/* A request with privilege needs SRE; it reaches supervisor pages, and read-only ones unless WPE is set. */
static void test_privilege(void **state)
{
	(void)state;
	build(ONLY_FIRST);
	request.privileged = true;
	expect_both(WALK_AT_ENTRY, 0x5d);
	ENTRY[2] |= 1;
	F(1)[4] &= ~4ull;
	expect_each(0, 0);
	F(2)[3] &= ~2ull;
	expect_each(0, 0);
	ENTRY[2] |= 1 << 4;
	expect_each(0, 0x85);
	request.privileged = false;
	expect_each(0x81, 0x81);
	request.has_pasid = false; /* RID_PRIV decides */
	expect_each(0x81, 0x81);
	CTX[1] |= 1 << 20;
	expect_each(0, 0x85);
	ENTRY[2] &= ~1ull;
	expect_both(WALK_AT_ENTRY, 0x5d);
}

/* A and D that are clear have to be set by an access that a unit without coherent walks cannot make. */
static void test_accessed(void **state)
{
	(void)state;
	for (unsigned level = 4; level; level--) {
		build(ONLY_FIRST);
		F(level)[at[level]] &= ~0x20ull;
		expect_each(0, 0);
		ENTRY[1] &= ~(1ull << 23); /* PWSNP */
		expect_both(WALK_AT_FIRST, 0x90);
		build(ONLY_SECOND);
		ENTRY[1] &= ~(1ull << 23);
		expect_each(0, 0);
		ENTRY[0] |= 1 << 9; /* SSADE */
		S(level)[at[level]] |= 0x200;
		for (unsigned l = 4; l > level; l--)
			S(l)[at[l]] |= 0x100;
		expect_both(WALK_AT_SECOND, 0x7c);
		assert_int_equal(w.seconds, 5 - level);
		ENTRY[1] |= 1 << 23;
		expect_each(0, 0);
	}
	build(ONLY_FIRST);
	ENTRY[1] &= ~(1ull << 23);
	F(1)[4] &= ~0x40ull;
	expect_each(0, 0x90);
	F(1)[4] &= ~2ull;
	expect_each(0, 0x85);
	build(ONLY_SECOND);
	ENTRY[1] &= ~(1ull << 23);
	ENTRY[0] |= 1 << 9;
	for (unsigned l = 4; l; l--)
		S(l)[at[l]] |= 0x100;
	expect_each(0, 0x7c);
	S(1)[4] |= 0x200;
	expect_each(0, 0);
}

static void test_canonical(void **state)
{
	(void)state;
	static const struct {
		uint64_t iova;
		bool four, five;
	} cases[] = {
		{BIT(47) - 1, true, true},  {BIT(47), false, true},      {~0ull << 47, true, true},
		{~0ull << 48, false, true}, {BIT(56) - 1, false, true},  {BIT(56), false, false},
		{~0ull << 56, false, true}, {~0ull << 57, false, false}, {BIT(63), false, false},
		{~0ull >> 1, false, false},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		for (unsigned fspm = 0; fspm < 2; fspm++) {
			build(ONLY_FIRST);
			ENTRY[2] = AT(FIRST + 3 + fspm) | fspm << 2;
			request.iova = IOVA(cases[i].iova);
			ask();
			assert_int_equal(w.reason_read == 0x80, !(fspm ? cases[i].five : cases[i].four));
			if (w.reason_read == 0x80)
				assert_int_equal(w.at, WALK_AT_ADDRESS);
		}
}

static void test_large(void **state)
{
	(void)state;
	for (unsigned bit = 13; bit < 21; bit++) {
		build(ONLY_FIRST);
		F(2)[3] = 0x7600000000 | 1ull << bit | 0xe7;
		expect_both(WALK_AT_FIRST, 0x72);
		build(ONLY_SECOND);
		S(2)[3] = 0x7600000000 | 1ull << bit | 0x83;
		expect_both(WALK_AT_SECOND, 0x7a);
	}
	for (unsigned bit = 13; bit < 30; bit++) {
		build(ONLY_FIRST);
		F(3)[2] = 0x7600000000 | 1ull << bit | 0xe7;
		F(3)[2] = (F(3)[2] & ~0x3fffffffull) | 1ull << bit | 0xe7;
		expect_both(WALK_AT_FIRST, 0x72);
		build(ONLY_SECOND);
		S(3)[2] = 1ull << bit | 0x83;
		expect_both(WALK_AT_SECOND, 0x7a);
	}
	build(ONLY_SECOND);
	S(2)[3] = 0x7600001083;
	expect_both(WALK_AT_SECOND, 0x7a);
	build(ONLY_FIRST);
	F(3)[2] = 0x40000000 | 0xe7;
	assert_int_equal(ask()->size, PAGE_1G);
	unit.cap &= ~BIT(56);
	expect_both(WALK_AT_FIRST, 0x72);
	build(ONLY_FIRST);
	ENTRY[2] = AT(FIRST + 4) | 1 << 2;
	F(5)[0] |= 0x80;
	expect_both(WALK_AT_FIRST, 0x72);
}

static void test_interrupts(void **state)
{
	(void)state;
	for (unsigned type = ONLY_FIRST; type <= NESTED; type++) {
		build(type);
		F(1)[4] = 0xfee01000 | 0x67;
		S(1)[4] = 0xfee01000 | 3;
		if (type == NESTED)
			F(1)[4] = (ADDRESS & ~0xfffull) | 0x67;
		expect_both(WALK_AT_PAGE, 0x87);
		F(2)[3] = 0xfee00000 | 0xe7; /* a large page that only overlaps it */
		S(2)[3] = 0xfee00000 | 0x83;
		if (type != NESTED)
			expect_both(WALK_AT_PAGE, 0x87);
		F(2)[3] = 0xfec00000 | 0xe7;
		S(2)[3] = 0xff000000 | 0x83;
		if (type != NESTED)
			expect_each(0, 0);
	}
	build(ONLY_FIRST);
	F(2)[3] = 0xfee00000 | 0xe7;
	char text[200];
	ask();
	vtd_walk_request_text(&w, text, sizeof text);
	assert_string_equal(text, OK
			    "first stage, 4-level), L4 ok, L3 ok, L2[3] the mapping leads into the interrupt "
			    "range (scalable mode)");
	/* Without a PASID it is an interrupt, with one it is memory. */
	request.iova = IOVA(0xfee00000);
	expect_both(WALK_AT_FIRST, 0x71);
	request.has_pasid = false;
	assert_int_equal(ask()->at, WALK_AT_INTERRUPT);
	vtd_walk_request_text(&w, text, sizeof text);
	assert_string_equal(text, "an interrupt's address");
	assert_false(w.read || w.write);
	request.kind = REQUEST_TRANSLATION;
	expect_both(WALK_AT_FIRST, 0x71);
	request = (struct vtd_request){.fn = request.fn, .iova = IOVA(0xfeefffff)};
	assert_int_equal(ask()->at, WALK_AT_INTERRUPT);
	request.iova = IOVA(0xfef00000);
	assert_int_equal(ask()->at, WALK_AT_FIRST);
}

/* FPD of the context entry, of the directory and of the table: refusals are not recorded. */
static void test_quiet(void **state)
{
	(void)state;
	build(ONLY_FIRST);
	F(1)[4] = 0;
	assert_false(ask()->quiet);
	uint64_t *word[] = {CTX, &mem[DIRECTORY][1], ENTRY};
	for (unsigned i = 0; i < 3; i++) {
		*word[i] |= 2;
		assert_true(ask()->quiet);
		*word[i] = 2; /* it counts in an entry that is not present, too */
		assert_true(ask()->quiet);
		build(ONLY_FIRST);
	}
}

static void test_text_is_cut(void **state)
{
	(void)state;
	build(ONLY_FIRST);
	ask();
	char buf[64];
	vtd_walk_request_text(&w, buf, 0);
	for (size_t n = 1; n < sizeof(buf); n++) {
		memset(buf, 'x', sizeof(buf));
		vtd_walk_request_text(&w, buf, n);
		assert_int_equal(strlen(buf), n - 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first),       cmocka_unit_test(test_second),
		cmocka_unit_test(test_nested),      cmocka_unit_test(test_nested_tables),
		cmocka_unit_test(test_pass),        cmocka_unit_test(test_registers),
		cmocka_unit_test(test_legacy),      cmocka_unit_test(test_root),
		cmocka_unit_test(test_context),     cmocka_unit_test(test_pasid),
		cmocka_unit_test(test_unreadable),  cmocka_unit_test(test_half_read),
		cmocka_unit_test(test_reserved),    cmocka_unit_test(test_ignored),
		cmocka_unit_test(test_types),       cmocka_unit_test(test_absent),
		cmocka_unit_test(test_permissions), cmocka_unit_test(test_privilege),
		cmocka_unit_test(test_accessed),    cmocka_unit_test(test_canonical),
		cmocka_unit_test(test_large),       cmocka_unit_test(test_interrupts),
		cmocka_unit_test(test_quiet),       cmocka_unit_test(test_text_is_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
