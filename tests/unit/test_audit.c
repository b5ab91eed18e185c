/* What the audit makes of its findings: the verdict, the report, the page. Its rules are tested by files:
 * test_audit_cases. */
#include "tests/unit/test.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "apps/audit/json.h"
#include "apps/audit/print.h"
#include "apps/audit/report.h"
#include "iommu/dmar/lint.h"
#include "kernel/pmm.h"
#include "pci/acs.h"
#include "pci/groups.h"
#include "tests/unit/support.h"
#include "tests/unit/support_pci.h"

#define NVME 0x00101b36
#define NIC  0x10c98086
#define BASE 0xfed90000ull
#define CAP  0x00d2008c222f0606ull /* 4 levels, 48 bits, 2 MiB and 1 GiB, records at 220h */
#define ECAP 0x0000000000f00f5aull /* queue, interrupt remapping, EIM, pass-through */
#define TES  0x80000000u

static struct audit_in *in;
static uint8_t dmar[512];
static size_t dmar_len, unit_at;

/* ---- the table ---- */

static void put(size_t off, unsigned bytes, uint64_t v)
{
	for (unsigned i = 0; i < bytes; i++)
		dmar[off + i] = (uint8_t)(v >> 8 * i);
}

static void dmar_end(void)
{
	uint8_t sum = 0;
	put(4, 4, dmar_len);
	dmar[9] = 0;
	for (size_t i = 0; i < dmar_len; i++)
		sum = (uint8_t)(sum + dmar[i]);
	dmar[9] = (uint8_t)(0 - sum);
	in->table[0] = (struct audit_table){"DMAR", 0x7f000000, {dmar, dmar_len}};
	if (!in->tables)
		in->tables = 1;
}

static size_t dmar_add(unsigned type, unsigned len)
{
	size_t at = dmar_len;
	put(at, 2, type);
	put(at + 2, 2, len);
	dmar_len += len;
	return at;
}

static void dmar_unit(uint64_t base, bool all)
{
	unit_at = dmar_add(DMAR_DRHD, 16);
	dmar[unit_at + 4] = all;
	put(unit_at + 8, 8, base);
	dmar_end();
}

static void dmar_rmrr_for(uint64_t base, uint64_t limit, unsigned devfn)
{
	size_t at = dmar_add(DMAR_RMRR, 32);
	put(at + 8, 8, base);
	put(at + 16, 8, limit);
	dmar[at + 24] = DMAR_SCOPE_ENDPOINT;
	dmar[at + 25] = 8;
	dmar[at + 30] = (uint8_t)(devfn >> 3);
	dmar[at + 31] = devfn & 7;
	dmar_end();
}

static void flags(unsigned v)
{
	dmar[37] = (uint8_t)v;
	dmar_end();
}

/* ---- the machine ---- */

static struct cm_fn *port, *nvme, *nic;

static struct cm_fn *full_acs(struct cm_fn *f)
{
	cm_ecap(f, f->last_ecap ? 0x148 : 0x100, 0x0d);
	cm_put(f, f->last_ecap + 4, 2, 0x5f);
	f->mask[f->last_ecap + 6] = 0x5f;
	return f;
}

static const struct boot_region map[] = {
	{.base = 0, .pages = 0xa0, .type = MEM_FREE},
	{.base = 0x100000, .pages = 0x6ff00, .type = MEM_FREE},
	{.base = 0x7a000000, .pages = 0x20, .type = MEM_RESERVED},
};

static void master(unsigned rid, int entry, int left)
{
	in->fn[in->fns++] = (struct audit_master){{0, (uint16_t)rid}, (int8_t)entry, (int8_t)left, 0};
}

static void regs(enum audit_phase p, uint32_t gsts)
{
	in->unit[0].at[p] =
		(struct vtd_regs_seen){.read = true, .ver = 0x10, .cap = CAP, .ecap = ECAP, .gsts = gsts};
}

/* What stands behind the last of each list would be noticed if it were looked at. */
static void behind(void)
{
	static const uint8_t dsar[64] = "DSAR";
	in->table[in->tables] = (struct audit_table){"IVRS", 0x7fff0000, {dsar, sizeof dsar}};
	for (unsigned p = 0; p < AUDIT_PHASES; p++)
		in->unit[in->units].at[p] =
			(struct vtd_regs_seen){.read = true, .ver = 0x10, .fsts = 0xff, .frcds = 8};
	in->unit[in->units].base = 0xbad00000;
	in->fn[in->fns] = (struct audit_master){{0, 0x08}, 1, 1, 0};
	in->pf[in->pfs] = (struct audit_sriov){.pf = {0, 0x100}, .total = 9, .backed = 1};
	in->cases.tried[in->cases.n] =
		(struct proof_case){.who = "behind", .what = "behind", .outcome = CASE_SUCCEEDED};
}

static int setup(void **state)
{
	pci_setup(state);
	in = calloc(1, sizeof *in);
	snprintf(in->cpu, sizeof in->cpu, "Model");
	snprintf(in->vendor, sizeof in->vendor, "GenuineIntel");
	snprintf(in->firmware, sizeof in->firmware, "Maker \"1\"\\");
	in->apicids = 4;
	in->apicid_max = 3;
	in->apic = AUDIT_APIC_XAPIC;
	in->phys_bits = 48;
	in->secure_boot = SECURE_ON;
	in->mem = map;
	in->mems = ARRAY_LEN(map);
	in->pci = &pci;
	memset(dmar, 0, sizeof dmar);
	memcpy(dmar, "DMAR", 4);
	dmar[8] = 1;
	memcpy(dmar + 10, "MAKER BOARD   ", 14);
	dmar[36] = 47;
	dmar_len = 48;
	flags(DMAR_INTR_REMAP | DMAR_DMA_OPT_IN);
	dmar_unit(BASE, true);
	in->units = 1;
	in->unit[0].base = BASE;
	for (unsigned p = 0; p < AUDIT_PHASES; p++)
		regs((enum audit_phase)p, TES);
	port = full_acs(cm_bridge(&m, NULL, 0, 0, 0x08, 1, 1, 4));
	cm_window(port, 0xc1000000, 0xc10fffff);
	nvme = cm_add(&m, port, 0, 0, 0, NVME, 0x010802);
	cm_pcie(nvme, 0x40, 0);
	nic = cm_add(&m, NULL, 0, 0, 0x10, NIC, 0x020000);
	cm_pcie(nic, 0x40, 9);
	master(0x08, 1, 1);
	master(0x100, 1, 0);
	master(0x10, 0, 0);
	in->proof = AUDIT_PROOF_DONE;
	in->cases.tried[0] = (struct proof_case){.who = "PF",
						 .what = "unmapped page",
						 .write = true,
						 .recorded = 1,
						 .reason = 5,
						 .bdf = {0, 0x100},
						 .iova = 0x1000};
	in->cases.n = 1;
	behind();
	return 0;
}

static int teardown(void **state)
{
	free(in);
	return pci_teardown(state);
}

/* ---- what is found ---- */

static struct finding found[320];
static unsigned n_found;

/* The sound machine's firmware leaves translation on, as it promised; that is told, and no flaw. */
static bool is_kept_promise(const struct finding *f)
{
	return strcmp(f->id, "STATE-LEFT-ON") == 0 && strstr(f->read, "GSTS=0x80000000 ");
}

static struct audit_result result;

/* Everything that a finding has to have; and judging writes nothing. */
static void run(void)
{
	if (!TAILQ_FIRST(&pci.funcs) && m.n)
		scan_all();
	acs_enable_all(&pci);
	unsigned writes = m.writes;
	n_found = 0;
	audit_run(in, &result);
	assert_int_equal(m.writes, writes);
	for (unsigned i = 0; i < result.findings; i++) {
		const struct finding *f = &result.finding[i];
		if (!f->id[0] || !f->who[0] || !f->read[0] || !f->means[0] || !f->os[0] || !f->remedy[0])
			fail_msg("%s (%s) does not say everything: read \"%s\"", f->id, f->who, f->read);
		if (is_kept_promise(f))
			continue;
		assert_true(n_found < ARRAY_LEN(found));
		found[n_found++] = *f;
	}
}

/* The verdict of another run. */
static struct audit_verdict judge(void)
{
	audit_run(in, &result);
	return result.verdict;
}

static const struct finding *find(const char *id)
{
	for (unsigned i = 0; i < n_found; i++)
		if (strcmp(found[i].id, id) == 0)
			return &found[i];
	return NULL;
}

static void dump(void)
{
	for (unsigned i = 0; i < n_found; i++)
		print_message("  %s %s %s: %s\n", audit_severity_name(found[i].severity), found[i].id,
			      found[i].who, found[i].read);
}

/* One of it, by that function or unit, whose reading has these words; and nothing that is not asked for. */
static void only(const char *id, const char *who, const char *words)
{
	run();
	const struct finding *f = find(id);
	if (!f || n_found != 1 || strcmp(f->who, who) != 0 || !strstr(f->read, words)) {
		dump();
		fail_msg("want %s of %s with \"%s\"", id, who, words);
	}
}

static void also(const char *id, const char *who, const char *words)
{
	for (unsigned i = 0; i < n_found; i++)
		if (strcmp(found[i].id, id) == 0 && strcmp(found[i].who, who) == 0 &&
		    strstr(found[i].read, words))
			return;
	dump();
	fail_msg("want %s of %s with \"%s\"", id, who, words);
}

static void test_sound(void **state)
{
	struct audit_verdict v;
	(void)state;
	run();
	if (n_found)
		dump();
	assert_int_equal(n_found, 0);
	v = judge();
	assert_true(v.ok && v.proved && !v.errors && !v.warnings && v.tried == 1 && v.refused == 1);
	assert_string_equal(v.text, "fit to assign devices to others; 1 refused");
	assert_string_equal(judge().proof, "pass");
}

/* 8 VFs of 16 KiB each behind the port, whose window is 1 MiB. */
static struct audit_sriov *pf(unsigned total, uint16_t offset, uint16_t stride)
{
	cm_bar(nvme, 0x10, 0x4000, 4, 0xc1000000);
	cm_ecap(nvme, 0x100, 0x0e);
	cm_sriov(&m, nvme, 0x120, total, offset, stride);
	cm_bar(nvme, 0x120 + 0x24, 0x4000, 4, 0xc1004000);
	struct audit_sriov *s = &in->pf[in->pfs++];
	*s = (struct audit_sriov){.pf = {0, 0x100},
				  .total = (uint16_t)total,
				  .initial = (uint16_t)total,
				  .page_sizes = 0x553,
				  .ari_forwards = true,
				  .backed = -1,
				  .routing = {{true, offset, stride}, {true, offset, stride}}};
	return s;
}

static void test_sriov_window(void **state)
{
	struct audit_room r;
	(void)state;
	pf(100, 1, 1);
	uint32_t was = cm_get(nvme, 0x144, 4);
	only("SRIOV-WINDOW", "0000:01:00.0",
	     "63 of 100 VFs (TotalVFs at 0x12e): VF BAR0 0x4000 at 0xc1004000 each; bridge 0000:00:01.0: 0x94000 bytes missing");
	audit_room(in, &in->pf[0], &r);
	assert_int_equal(r.vfs, 63);
	assert_int_equal(r.limit, AUDIT_LIMIT_WINDOW);
	assert_string_equal(audit_limit_name(r.limit), "BAR window");
	assert_int_equal(pci_find(&pci, (bdf_t){0, 0x100})->vf_bar[0].addr,
			 0xc1004000); /* in thought alone */
	assert_int_equal(cm_get(nvme, 0x144, 4), was);
}

/* An ATS capability at 100h; on: its Enable bit. */
static void ats(struct cm_fn *f, bool on)
{
	cm_ecap(f, 0x100, 0x0f);
	cm_put(f, 0x106, 2, on ? 0x8000 : 0);
	cm_ecap(f, 0x120, 0x13);
	cm_ecap(f, 0x140, 0x1b);
}

static char said[32768];

static void take_text(const char *text)
{
	assert_true(strlen(said) + strlen(text) < sizeof said);
	strcat(said, text);
}

static void test_proof(void **state)
{
	struct audit_verdict v;
	(void)state;
	in->cases.tried[in->cases.n++] =
		(struct proof_case){.who = "VF0", .what = "MSI", .write = true, .outcome = CASE_NOT_ENFORCED};
	only("PROOF-NOT-ENFORCED", "machine", "1 of 2: the first was VF0, write MSI: not enforced");
	assert_string_equal(judge().proof, "pass");
	v = judge();
	assert_string_equal(v.text, "usable, with warnings; 1 refused, 1 not enforced");
	in->cases.tried[1].outcome = CASE_NOT_TRIED;
	only("PROOF-NOT-TRIED", "machine", "1 of 2: the first was VF0, write MSI: not tried");
	v = judge();
	assert_true(v.ok && v.proved && v.tried == 1 && v.not_tried == 1);
	assert_string_equal(v.text, "usable, with warnings; 1 refused, 1 not tried");
	in->cases.tried[0].outcome = CASE_NOT_TRIED; /* and nothing else */
	v = judge();
	assert_true(!v.proved && v.tried == 0);
	in->cases.tried[0].outcome = CASE_REFUSED;
	for (unsigned o = CASE_SUCCEEDED; o <= CASE_NOT_PROVED; o += 2) {
		in->cases.tried[1].outcome = (uint8_t)o;
		only("PROOF-FAILED", "machine", o == CASE_SUCCEEDED ? "write MSI: SUCCEEDED" : "not proved");
		assert_string_equal(judge().proof, "fail");
		v = judge();
		assert_false(v.ok || v.proved);
		assert_string_equal(v.text, "not safe to assign devices to others; 1 of 2 NOT refused");
	}
	in->cases.n = 0;
	for (unsigned p = 0; p < AUDIT_PROOFS; p++) {
		in->proof = (uint8_t)p;
		if (p == AUDIT_PROOF_BROKEN)
			continue;
		only("PROOF-NOT-RUN", "machine", audit_proof_name(p));
		assert_string_equal(judge().proof, "not run");
		v = judge();
		assert_true(v.ok && !v.proved);
		assert_string_equal(v.text, "nothing in tables and registers against it; no DMA was tried");
	}
}

/* Broken before the first case, and after one that was refused: never good. */
static void test_broken_proof(void **state)
{
	struct audit_verdict v;
	(void)state;
	in->proof = AUDIT_PROOF_BROKEN;
	for (in->cases.n = 0; in->cases.n < 2; in->cases.n++) {
		only("PROOF-BROKEN", "machine",
		     in->cases.n ? "broken, after 1 cases, of which 1 refused" : "broken, after 0 cases");
		assert_int_equal(find("PROOF-BROKEN")->severity, AUDIT_ERROR);
		assert_string_equal(judge().proof, "broken");
		v = judge();
		assert_true(!v.ok && !v.proved && v.errors == 1 && !v.against);
		assert_null(strstr(v.text, "no DMA was tried"));
		said[0] = 0;
		report_page(&result, 1, 2, take_text);
		assert_non_null(strstr(said, in->cases.n ? " proof      BROKEN: 1 of 1 refused; by PF\n"
							 : " proof      BROKEN: 0 of 0 refused\n"));
		assert_non_null(strstr(
			said,
			" NOT JUDGED not all of this machine could be judged; the proof broke off after"));
	}
	in->cases.tried[0].outcome = CASE_SUCCEEDED;
	in->cases.n = 1;
	v = judge();
	assert_string_equal(judge().proof, "fail");
}

static void add(unsigned n, enum case_outcome outcome)
{
	for (unsigned i = 0; i < n; i++) {
		struct proof_case c = {.who = "VF1", .write = true, .outcome = (uint8_t)outcome};
		snprintf(c.what, sizeof c.what, "%s %u", outcome == CASE_REFUSED ? "good" : "bad", i);
		cases_add(&in->cases, &c);
	}
}

/* More cases than the table has room for: all are counted, and those that failed are in it. */
static void test_many_cases(void **state)
{
	struct audit_verdict v;
	(void)state;
	in->cases.n = 0;
	add(CASES_MAX + 16, CASE_REFUSED);
	assert_int_equal(in->cases.n, CASES_MAX);
	run();
	v = judge();
	assert_true(v.proved && v.tried == CASES_MAX + 16 && v.refused == CASES_MAX + 16);
	add(3, CASE_NOT_ENFORCED);
	add(1, CASE_NOT_TRIED);
	add(231, CASE_SUCCEEDED);
	add(1, CASE_NOT_PROVED);
	add(5, CASE_REFUSED);
	assert_int_equal(in->cases.n, CASES_MAX);
	v = judge();
	assert_false(v.ok || v.proved);
	assert_int_equal(v.tried, CASES_MAX + 16 + 231 + 1 + 5);
	assert_int_equal(v.refused, CASES_MAX + 16 + 5);
	assert_int_equal(v.not_enforced, 3);
	assert_int_equal(v.not_tried, 1);
	run();
	also("PROOF-FAILED", "machine", "232 of 1281: the first was VF1, write bad 0: SUCCEEDED");
	also("PROOF-NOT-ENFORCED", "machine", "3 of 1281: the first was VF1, write bad 0: not enforced");
	assert_string_equal(in->cases.tried[0].what, "good 0");
	assert_string_equal(in->cases.tried[CASES_MAX - 1].what, "bad 0"); /* the one that is not proved */
	assert_string_equal(in->cases.tried[CASES_MAX - 2].what, "bad 230");
	/* A table full of failures keeps them, and what comes then is counted too. */
	add(CASES_MAX, CASE_SUCCEEDED);
	for (unsigned i = 0; i < CASES_MAX; i++)
		assert_int_equal(in->cases.tried[i].outcome, CASE_SUCCEEDED);
	assert_int_equal(cases_count(&in->cases, CASE_SUCCEEDED), CASES_MAX + 231);
	assert_int_equal(cases_count(&in->cases, CASE_NOT_PROVED), 1);
	assert_int_equal(cases_count(&in->cases, CASE_NOT_ENFORCED), 3);
	assert_int_equal(cases_count(&in->cases, CASE_REFUSED), CASES_MAX + 16 + 5);
}

/* More findings than a result has room for: all count, and the last one says how many there were. */
static void test_many_findings(void **state)
{
	(void)state;
	scan_all();
	regs(AUDIT_LEFT, 0);
	for (in->fns = 0; in->fns < AUDIT_FUNCS; in->fns++)
		in->fn[in->fns] = (struct audit_master){{0, 0x100}, 1, 1, 0};
	struct audit_verdict v = judge();
	const struct finding *last = &result.finding[AUDIT_FINDINGS - 1];
	assert_int_equal(result.findings, AUDIT_FINDINGS);
	assert_true(v.warnings > AUDIT_FUNCS);
	assert_int_equal(v.errors + v.warnings + v.infos, result.findings + result.lost);
	assert_string_equal(last->id, "LIMIT");
	assert_string_equal(last[-1].id, "STATE-BME");
	char read[80];
	snprintf(read, sizeof read, "%u findings; the first %u are in the report",
		 result.findings - 1 + result.lost, AUDIT_FINDINGS - 1);
	assert_string_equal(last->read, read);
}

/* ---- the report ---- */

static char lines[65536];
static size_t lines_len;

static void take_line(void *ctx, const char *line, size_t n)
{
	(void)ctx;
	assert_true(n <= JSONL_LINE && line[0] == '{' && line[n - 1] == '\n' && line[n - 2] == '}');
	for (size_t i = 0; i + 1 < n; i++)
		assert_true(line[i] >= ' ' && line[i] < 0x7f && line[i] != '\\');
	assert_true(lines_len + n < sizeof lines);
	memcpy(lines + lines_len, line, n);
	lines_len += n;
	lines[lines_len] = 0;
}

static void flaw_all(void)
{
	pf(100, 1, 1);
	cm_bridge(&m, NULL, 0, 0, 0x20, 3, 3, 4);
	regs(AUDIT_ENTRY, 0);
	regs(AUDIT_LEFT, 0);
	in->unit[0].at[AUDIT_LEFT].frcds = 8;
	in->fn[1].left = 1;
	in->secure_boot = SECURE_OFF;
	in->mems = 3;
	dmar_rmrr_for(0x7a000000, 0x7a000ffe, 0x10);
}

/* Two domains: one of one run, and one whose runs take several lines. */
static const struct audit_live *two_domains(void)
{
	static struct audit_live live;
	live.attached = 1;
	live.attach[0].bdf = (bdf_t){0, 0x100};
	live.attach[0].domain = 3;
	live.domains = 2;
	live.domain[0].id = 3;
	live.domain[0].runs = 1;
	live.domain[1].id = 4;
	live.domain[1].first = 1;
	live.domain[1].runs = 100;
	live.runs = 101;
	for (unsigned i = 1; i < live.runs; i++) {
		live.run[i].iova = 0x4000000000 + i * 0x2000;
		live.run[i].len = 0x1000;
		live.run[i].read = true;
	}
	snprintf(live.domain[0].name, sizeof live.domain[0].name, "VF0");
	live.run[0].iova = 0x2000000000;
	live.run[0].len = 0x200000;
	live.run[0].read = live.run[0].write = true;
	return &live;
}

/* The lines of a machine with flaws, in lines[]; returns how many. */
static unsigned take_lines(const struct audit_live *live, uint32_t *crc)
{
	flaw_all();
	run();
	lines_len = 0;
	return report_json(&result, live, take_line, NULL, crc);
}

/* Whether lines go anywhere or not, their number and sum are the same. */
static void test_json_counts(void **state)
{
	uint32_t crc, again;
	unsigned n = take_lines(two_domains(), &crc), seen = 0;
	(void)state;
	for (const char *p = lines, *end; (end = strchr(p, '\n')); p = end + 1, seen++)
		assert_true(end - p < 1100);
	assert_int_equal(n, seen);
	assert_int_equal(report_json(&result, two_domains(), NULL, NULL, &again), n);
	assert_int_equal(crc, again);
}

static void test_json_runs(void **state)
{
	uint32_t crc;
	const struct audit_live *live = two_domains();
	(void)state;
	take_lines(live, &crc);
	for (unsigned i = 1; i < live->runs; i++) {
		char run[64];
		snprintf(run, sizeof run, "\"0x%llx:0x1000:r\"", (ull)live->run[i].iova);
		assert_non_null(strstr(lines, run));
	}
}

static void test_json_lines(void **state)
{
	uint32_t crc;
	(void)state;
	static const struct boot_nvme drives[] = {{.rid = 0x100, .serial = "S7", .model = "Drive"}};
	in->nvme = drives;
	in->nvmes = 1;
	static const char *const want[] = {
		"{\"t\":\"run\",\"v\":1,\"app\":\"audit\",\"cpu\":\"Model\",\"vendor\":\"GenuineIntel\",\"apicids\":4,",
		"\"secure_boot\":\"off\",\"firmware\":\"Maker '1'?\",",
		"{\"t\":\"table\",\"sig\":\"DMAR\",\"addr\":\"0x7f000000\",\"len\":96,\"off\":0,\"hex\":\"444d4152",
		"{\"t\":\"mem\",\"start\":\"0x7a000000\",\"pages\":32,\"type\":0,\"attr\":\"0x0\"}",
		"\"phase\":\"entry\",\"ver\":\"0x10\",\"cap\":\"0xd2008c222f0606\",\"ecap\":\"0xf00f5a\",\"gsts\":\"0x0\"",
		"{\"t\":\"fn\",\"bdf\":\"0000:01:00.0\",\"bme_entry\":1,\"bme_left\":1,\"serial\":\"S7\",\"model\":\"Drive\"}",
		"{\"t\":\"cfg\",\"bdf\":\"0000:01:00.0\",\"off\":0,\"hex\":\"361b1000",
		"{\"t\":\"bar\",\"bdf\":\"0000:01:00.0\",\"n\":0,\"vf\":1,\"base\":\"0xc1004000\",\"size\":\"0x4000\",\"io\":0,\"pref\":0,\"w64\":1}",
		"{\"t\":\"window\",\"bdf\":\"0000:00:01.0\",\"base\":\"0xc1000000\",\"limit\":\"0xc10fffff\",\"pref\":0}",
		"{\"t\":\"group\",\"id\":1,\"members\":[\"0000:00:01.0\"]}",
		"{\"t\":\"attach\",\"bdf\":\"0000:01:00.0\",\"unit\":0,\"domain\":3,\"mode\":\"domain\"}",
		"{\"t\":\"domain\",\"id\":3,\"name\":\"VF0\",\"iova\":[\"0x2000000000:0x200000:rw\"]}",
		"{\"t\":\"scalable\",\"i\":0,\"smts\":0,\"first\":0,\"second\":0,\"pasid_bits\":0,\"prs\":0,\"rps\":0,\"smpwcs\":0,\"c\":0,\"dt\":0}",
		"{\"t\":\"sva\",\"possible\":0,\"text\":\"on this machine: no, because iommu0 lacks SMTS (43), FSTS (47),",
		"{\"t\":\"sriov\",\"bdf\":\"0000:01:00.0\",\"total\":100,\"initial\":100,\"fit\":63,\"limit\":\"BAR window\",\"missing_bytes\":\"0x94000\",",
		"\"offset\":1,\"stride\":1,\"ari_offset\":1,\"ari_stride\":1}",
		"{\"t\":\"case\",\"who\":\"PF\",\"dir\":\"write\",\"what\":\"unmapped page\",\"verdict\":\"refused\",\"recorded\":1,\"bdf\":\"0000:01:00.0\",\"iova\":\"0x1000\",\"reason\":5}",
		"{\"t\":\"finding\",\"id\":\"SRIOV-WINDOW\",\"severity\":\"warning\",\"kind\":\"setup choice\",\"who\":\"0000:01:00.0\",",
		"{\"t\":\"verdict\",\"ok\":1,\"errors\":0,\"warnings\":",
	};
	take_lines(two_domains(), &crc);
	for (size_t i = 0; i < ARRAY_LEN(want); i++)
		if (!strstr(lines, want[i]))
			fail_msg("no %s", want[i]);
}

/* CRC-32 of IEEE 802.3, as zlib has it: bit by bit, high bits first over mirrored bytes. */
static void test_json_sum(void **state)
{
	uint32_t crc, c = UINT32_MAX, mirrored = 0;
	(void)state;
	take_lines(two_domains(), &crc);
	for (size_t i = 0; i < lines_len; i++)
		for (unsigned bit = 0; bit < 8; bit++) {
			unsigned in_bit = (unsigned)lines[i] >> bit & 1;
			c = (c << 1) ^ ((c >> 31 ^ in_bit) ? 0x04c11db7u : 0);
		}
	for (unsigned bit = 0; bit < 32; bit++)
		mirrored |= (~c >> bit & 1) << (31 - bit);
	assert_int_equal(crc, mirrored);
}

/* The text's lines, and the longest of them. */
static unsigned count_lines(size_t *longest)
{
	unsigned n = 0;
	size_t at = 0;
	*longest = 0;
	for (const char *p = said; *p; p++) {
		at = *p == '\n' ? 0 : at + 1;
		n += *p == '\n';
		*longest = at > *longest ? at : *longest;
	}
	return n;
}

static void test_page(void **state)
{
	size_t longest;
	(void)state;
	flaw_all();
	run();
	said[0] = 0;
	report_page(&result, 163, 0x1234abcd, take_text);
	assert_between(count_lines(&longest), 14, REPORT_PAGE);
	assert_between(longest, 60, 79);
	static const char *const want[] = {
		" machine    Model; firmware Maker",
		"Secure Boot off\n",
		" iommu      1 of 1 units usable, 48-bit addresses; 1 can remap interrupts\n",
		" firmware   0 of 1 units protected memory while it ran, 0 of 1 when it ended\n",
		" dma        2 of 3 functions could do DMA while it ran, 2 of 3 when it ended\n",
		" sr-iov     0000:01:00.0 63 of 100 VFs\n",
		" proof      PASS: 1 of 1 refused; by PF\n",
		"  W STATE-BME                            0000:01:00.0\n",
		" PASS       usable, with warnings; 1 refused\n",
		" report     163 lines, crc32 1234abcd (json=1 prints them)\n"};
	for (size_t i = 0; i < ARRAY_LEN(want); i++)
		if (!strstr(said, want[i]))
			fail_msg("no \"%s\" in\n%s", want[i], said);
	in->cases.n = 0;
	in->proof = AUDIT_PROOF_NO_DEVICE;
	in->tables = 0; /* every row once more, with an error */
	said[0] = 0;
	run();
	report_page(&result, 1, 2, take_text);
	assert_between(count_lines(&longest), 14, REPORT_PAGE);
	assert_non_null(strstr(said, " proof      not run: no device here can be made to try it\n"));
	assert_non_null(strstr(said, "  E IOMMU-NONE "));
	assert_non_null(strstr(said, " FAIL       not safe to assign devices to others; no DMA was tried\n"));
}

/* Each number of the page is of what there is: no unit more, the last group too, kept RMRRs alone. */
static void test_summary(void **state)
{
	(void)state;
	nvme->data[0x0e] |= 0x80;
	cm_add(&m, port, 0, 0, 0x01, NIC, 0x020000); /* with it the last group */
	cm_add(&m, NULL, 0, 0, 0x28, NIC, 0x0c0330); /* USB: a driver takes it over */
	dmar_rmrr_for(0x7a000000, 0x7a000fff, 0x28);
	in->unit[in->units] = in->unit[0]; /* does not count */
	run();
	assert_int_equal(result.summary.units_usable, 1);
	assert_int_equal(result.summary.rmrrs_kept, 0);
	assert_true(result.summary.several >= 1);
	unsigned several = 0, last = result.summary.groups;
	assert_non_null(groups_next(&pci, last, groups_next(&pci, last, NULL)));
	for (unsigned id = 1; groups_next(&pci, id, NULL); id++)
		several += groups_next(&pci, id, groups_next(&pci, id, NULL)) != NULL;
	assert_int_equal(result.summary.several, several);
}

/* A finding of two functions is one line. */
static void test_page_counts(void **state)
{
	(void)state;
	ats(nvme, true);
	ats(nic, true);
	run();
	assert_true(n_found >= 2 && strcmp(found[0].id, "ATS-ON") == 0);
	said[0] = 0;
	report_page(&result, 1, 2, take_text);
	const char *at = strstr(said, "ATS-ON");
	assert_non_null(at);
	assert_null(strstr(at + 1, "ATS-ON"));
	assert_memory_equal(strchr(at, '\n') - 11, " and 1 more", 11);
}

static void expect_said(const char *words)
{
	if (!strstr(said, words))
		fail_msg("no \"%s\" in\n%s", words, said);
}

/* A finding of many functions: the first ones in full, the others by name, and one finding in the count. */
static void test_many_places(void **state)
{
	static char who[24][16];
	size_t longest;
	(void)state;
	run();
	memset(&result.finding, 0, sizeof result.finding);
	for (result.findings = 0; result.findings < 24; result.findings++) {
		struct finding *f = &result.finding[result.findings];
		bool other = result.findings == 10; /* of another severity, between them */
		snprintf(who[result.findings], sizeof who[0], "0000:00:%02x.0", result.findings);
		*f = (struct finding){.severity = other ? AUDIT_INFO : AUDIT_WARNING,
				      .id = other                   ? "OTHER"
					    : result.findings == 23 ? "LAST"
								    : "MANY",
				      .who = who[result.findings],
				      .read = "a register",
				      .means = "m",
				      .os = "o",
				      .remedy = "r"};
	}
	said[0] = 0;
	report_findings(&result, take_text);
	assert_between(count_lines(&longest), 10, 30);
	assert_between(longest, 60, 79);
	expect_said(" W MANY (firmware bug)\n   read    0000:00:00.0: a register\n");
	expect_said("   and     0000:00:02.0: a register\n"
		    "   and at  0000:00:03.0 0000:00:04.0 0000:00:05.0 0000:00:06.0 0000:00:07.0\n"
		    "           0000:00:08.0 0000:00:09.0 0000:00:0b.0 0000:00:0c.0 0000:00:0d.0\n");
	expect_said("           0000:00:13.0 0000:00:14.0 0000:00:15.0 0000:00:16.0\n\n W LAST (");
	expect_said(" - OTHER (firmware bug)\n");
	said[0] = 0;
	report_page(&result, 1, 2, take_text);
	expect_said(" findings   0 errors, 2 warnings (at 23 places), 1 note\n");
	assert_int_equal(report_count(&result, AUDIT_WARNING), 2);
	/* An id with two severities counts in each, as the page lists it. */
	result.finding[10].id = "MANY";
	assert_int_equal(report_count(&result, AUDIT_INFO), 1);
	assert_int_equal(report_count(&result, AUDIT_WARNING), 2);
	assert_int_equal(report_count(&result, AUDIT_ERROR), 0);
}

/* Of a text without a word there is no line, and of one letter there is one. */
static void test_wrapped(void **state)
{
	(void)state;
	said[0] = 0;
	print_wrapped(take_text, "label", "");
	assert_string_equal(said, "");
	print_wrapped(take_text, "label", "x");
	assert_non_null(strstr(said, "label"));
	assert_non_null(strstr(said, "x\n"));
}

static void test_text(void **state)
{
	size_t longest;
	(void)state;
	flaw_all();
	run();
	said[0] = 0;
	report_functions(&result, take_text);
	assert_non_null(strstr(said, "  iommu0   0000:01:00.0  1b36:0010 Non-Volatile memory controller\n"));
	assert_non_null(strstr(said, "     2  iommu0   0000:00:02.0"));
	assert_non_null(
		strstr(said, "   rmrr    RMRR 0 0x7a000000..0x7a000ffe (4 KiB, reserved) for 0000:00:02.0"));
	if (!strstr(said, "   sr-iov  0000:01:00.0: 63 of 100 VFs; by bus numbers without ARI 100"))
		fail_msg("no such line in\n%s", strstr(said, "   sr-iov"));
	report_findings(&result, take_text);
	count_lines(&longest);
	assert_between(longest, 60, 79);
	const char *warning = strstr(said, " W SRIOV-WINDOW (setup choice)\n"),
		   *info = strstr(said, " - ACS-NONE (");
	assert_true(warning && info && warning < info);
	assert_non_null(strstr(
		said, "   remedy  Switch SR-IOV support and Above 4G Decoding on in firmware setup and\n"
		      "           raise MMIO High Size;"));
}

/* DT, PRS, PASIDs of 20 bits, SMTS, FSTS, SMPWCS */
static const uint64_t all =
	ECAP | 1ull << 2 | 1ull << 29 | 19ull << 35 | 1ull << 40 | 1ull << 43 | 1ull << 47 | 1ull << 48;

static const char *sharing(uint64_t ecap)
{
	for (unsigned p = 0; p < AUDIT_PHASES; p++)
		in->unit[0].at[p].ecap = ecap;
	run();
	said[0] = 0;
	report_functions(&result, take_text);
	return said;
}

/* Scalable mode and SVA: what each unit and function has, and what is missing. */
static void test_sharing(void **state)
{
	(void)state;
	const char *text = sharing(ECAP);
	assert_non_null(strstr(text, "   iommu0  no scalable mode (ECAP.SMTS is 0, ECAP=0xf00f5a)\n"));
	assert_non_null(
		strstr(text, "   SVA     on this machine: no, because iommu0 lacks SMTS (43), FSTS (47),"));
	assert_null(strstr(text, "caches"));
	text = sharing(all);
	assert_non_null(
		strstr(text, "   iommu0  scalable mode: first stage yes (FSTS), second stage no (SSTS);"));
	assert_non_null(strstr(text, "PASIDs of 20 bits"));
	assert_non_null(strstr(text, "no, because no function below a unit that"));
}

static void test_sharing_able(void **state)
{
	(void)state;
	const char *text;
	ats(nvme, false);
	cm_put(nvme, 0x144, 2, 20 << 8);
	text = sharing(all & ~(1ull << 29));
	assert_non_null(strstr(text, ": ATS yes, PASID 20 bits, PRI yes\n"));
	assert_non_null(strstr(text, "no, because iommu0 lacks PRS (29)"));
	assert_non_null(strstr(sharing(all), "on this machine possible: iommu0 (ECAP="));
	uint32_t crc;
	lines_len = 0;
	(void)report_json(&result, NULL, take_line, NULL, &crc);
	assert_non_null(strstr(
		lines,
		"{\"t\":\"scalable\",\"i\":0,\"smts\":1,\"first\":1,\"second\":0,\"pasid_bits\":20,\"prs\":1,"));
	assert_non_null(strstr(
		lines,
		"{\"t\":\"caches\",\"bdf\":\"0000:01:00.0\",\"ats\":1,\"ats_on\":0,\"pasid_bits\":20,\"pasid_on\":0,\"pri\":1,"));
	assert_non_null(
		strstr(lines, "{\"t\":\"sva\",\"possible\":1,\"text\":\"on this machine possible: iommu0"));
}

/* ---- whole reports, against what was recorded ---- */

static char whole[262144];
static size_t whole_len;

static void whole_text(const char *text)
{
	size_t n = strlen(text);
	assert_true(whole_len + n < sizeof whole);
	memcpy(whole + whole_len, text, n + 1);
	whole_len += n;
}

static void whole_line(void *ctx, const char *line, size_t n)
{
	(void)ctx;
	(void)n;
	if (strncmp(line, "{\"t\":\"finding\"", 14) !=
	    0) /* whole_finding() has them, with less that is words */
		whole_text(line);
}

static void whole_finding(const struct finding *f)
{
	char line[400];
	snprintf(line, sizeof line, "%s, %s, %s, %s: %s\n", audit_severity_name(f->severity),
		 audit_kind_name(f->kind), f->id, f->who, f->read);
	whole_text(line);
}

/* tests/data/audit/NAME has what the report of this machine is: findings with their readings, lines of JSON,
 * list of functions, page. SLUICE_RECORD=1 writes it anew; its diff is then to be read as a change of what
 * people are told. */
static void assert_recorded(const char *name, const struct audit_live *live)
{
	static char want[sizeof whole];
	char path[80];
	uint32_t crc;
	whole_len = 0;
	run();
	for (unsigned i = 0; i < result.findings; i++)
		whole_finding(&result.finding[i]);
	unsigned n = report_json(&result, live, whole_line, NULL, &crc);
	report_functions(&result, whole_text);
	report_page(&result, n, 0, whole_text);
	snprintf(path, sizeof path, "tests/data/audit/%s.txt", name);
	FILE *f = fopen(path, getenv("SLUICE_RECORD") ? "w+" : "r");
	assert_non_null(f);
	if (getenv("SLUICE_RECORD"))
		fwrite(whole, 1, whole_len, f);
	rewind(f);
	want[fread(want, 1, sizeof want - 1, f)] = 0;
	fclose(f);
	const char *a = whole, *b = want;
	unsigned line = 1;
	for (; *a && *a == *b; a++, b++)
		line += *a == '\n';
	if (*a || *b)
		fail_msg("%s:%u differs (SLUICE_RECORD=1 build/host/test_audit writes it anew) at\n%.200s",
			 path, line, a);
}

static void unit(unsigned i, uint64_t base, uint64_t cap, uint64_t ecap, uint32_t entry, uint32_t left)
{
	in->unit[i] = (struct audit_unit){.base = base, .seg = 0};
	for (unsigned p = 0; p < AUDIT_PHASES; p++)
		in->unit[i].at[p] = (struct vtd_regs_seen){.read = true,
							   .ver = 0x10,
							   .cap = cap,
							   .ecap = ecap,
							   .gsts = p == AUDIT_ENTRY  ? entry
								   : p == AUDIT_LEFT ? left
										     : TES};
	in->units = i + 1;
}

/* Scopes of the unit that was added last: bus 0, each a device and its kind. */
static void scopes(unsigned n, const uint8_t (*s)[2])
{
	for (unsigned i = 0; i < n; i++) {
		uint8_t *at = dmar + dmar_len;
		memset(at, 0, 8);
		at[0] = s[i][1];
		at[1] = 8;
		at[6] = s[i][0];
		dmar_len += 8;
	}
	put(unit_at + 2, 2, 16 + 8 * n);
	dmar_end();
}

/* Units of each kind, one in each state. */
static void crowd_units(void)
{
	static const uint8_t igd[][2] = {{0x02, 1}}, rest[][2] = {{0x01, 2}, {0x03, 2}},
			     far[][2] = {{0x14, 1}};
	dmar_len = 48;
	flags(DMAR_DMA_OPT_IN);
	dmar_unit(0xfed90000, false);
	scopes(1, igd);
	dmar_unit(0xfed91000, false);
	scopes(2, rest);
	dmar_unit(0xfed92000, false);
	scopes(1, far);
	dmar_unit(0xfed93000, true);
	unit(0, 0xfed90000, CAP, ECAP, TES, TES | 0x04000000);
	unit(1, 0xfed91000, (CAP & ~(0x3full << 16 | 0xfull << 34)) | 29ull << 16 | 0x80, ECAP & ~0x58ull, 0,
	     0x02000000);
	unit(2, 0xfed92000, CAP & ~0x1f00ull, ECAP, 0, 0);
	unit(3, 0xfed93000, CAP, ECAP, 0, 0);
	in->unit[3].at[AUDIT_NOW].ver = UINT32_MAX;
	in->unit[3].at[AUDIT_ENTRY].read = false;
	in->unit[1].at[AUDIT_NOW].gsts = TES | 0x02800000;
	in->unit[1].at[AUDIT_LEFT].pmen = 0x80000001;
	in->unit[1].at[AUDIT_LEFT].plmbase = 0x100000;
	in->unit[1].at[AUDIT_LEFT].plmlimit = 0x1fffff;
	in->unit[1].at[AUDIT_LEFT].phmbase = 0x100000000;
	in->unit[1].at[AUDIT_LEFT].phmlimit = 0x1001fffff;
	for (unsigned p = AUDIT_ENTRY; p <= AUDIT_LEFT; p++)
		for (unsigned k = 0; k < 3 + p; k++) {
			in->unit[1].at[p].frcds = k + 1;
			in->unit[1].at[p].fsts = 0x2 + p;
			in->unit[1].at[p].frcd[k] = (struct vtd_frcd){
				0x5000 * k, (k == 2 ? 0x80000000ull << 32 : 0xcull << 60) |
						    (5ull + (k == 1 && p)) << 32 | (0x100 + k)};
		}
	in->unit[1].at[AUDIT_LEFT].frcd[3] =
		(struct vtd_frcd){0x0004000000000000, BIT(63) | 0x25ull << 32 | 0x103};
	in->unit[1].at[AUDIT_LEFT].rtaddr = 0x12345000;
	in->unit[1].at[AUDIT_LEFT].irta = 0x2345000f;
}

static struct boot_region crowd_map[] = {
	{.base = 0, .pages = 0xa0, .type = MEM_FREE, .attr = 0xf},
	{.base = 0x100000000, .pages = 0x80000, .type = MEM_FREE, .attr = 0xf},
	{.base = 0x100000,
	 .pages = 0x100,
	 .type = MEM_FREE,
	 .attr = 0xf}, /* three that are one, in the report */
	{.base = 0x200000, .pages = 0x100, .type = MEM_FREE, .attr = 0xf},
	{.base = 0x300000, .pages = 0x100, .type = MEM_FREE, .attr = 0xf},
	{.base = 0x400000, .pages = 0x100, .type = MEM_FREE, .attr = 0x8f},
	{.base = 0x500000, .pages = 0x100, .type = MEM_BOOT_DATA, .attr = 0x8f},
	{.base = 0x601000, .pages = 0xff, .type = MEM_BOOT_DATA, .attr = 0x8f},
	{.base = 0x7a000000, .pages = 0x20, .type = MEM_RESERVED},
};

static void crowd_tables(void)
{
	static uint8_t srat[48 + 2 * 16 + 24] = "SRAT", hpet[53] = "HPET", mcfg[1000] = "MCFG";
	srat[48 + 1] = srat[64 + 1] = 16;
	srat[48 + 4] = srat[64 + 4] = 1;
	srat[64 + 2] = 3;
	srat[80] = 2;
	srat[81] = 24;
	hpet[52] = 7;
	for (unsigned i = 44; i < sizeof mcfg; i++)
		mcfg[i] = (uint8_t)(i * 7);
	in->table[in->tables++] = (struct audit_table){"SRAT", 0x7f001000, {srat, sizeof srat}};
	in->table[in->tables++] = (struct audit_table){"HPET", 0x7f002000, {hpet, sizeof hpet}};
	in->table[in->tables++] = (struct audit_table){"MCFG", 0x7f003000, {mcfg, sizeof mcfg}};
}

/* A second PF behind the other port: other limits, and routing of which little is known. */
static void crowd_pfs(struct cm_fn *two)
{
	for (unsigned i = 0; i < 3; i++) {
		struct cm_fn *f = cm_add(&m, two, 0, 0, i, NVME, 0x010802);
		cm_pcie(f, 0x40, 0);
		f->data[0x0e] |= 0x80;
		cm_bar(f, 0x10, 0x1000, 0, 0xc2000000 + 0x10000 * i);
		cm_bar(f, 0x14, 0x40, 1, 0x6000 + 0x40 * i);
		cm_bar(f, 0x18, 0x2000, 0xc, 0x8000000000 + 0x10000 * i);
		cm_ecap(f, 0x100, 0x0e);
		cm_sriov(&m, f, 0x120, 64, (uint16_t)(0x80 + i), 0x20);
		cm_bar(f, 0x120 + 0x24, 0x1000, 4, 0xc2040000 + 0x40000 * i);
		cm_bar(f, 0x120 + 0x2c, 0x1000, 4, 0);
		struct audit_sriov *s = &in->pf[in->pfs++];
		*s = (struct audit_sriov){.pf = {0, (uint16_t)(0x300 + i)},
					  .total = 64,
					  .initial = (uint16_t)(60 + i),
					  .num = (uint16_t)(i * 2),
					  .enabled = i == 2,
					  .ari = i == 1,
					  .ari_forwards = i != 1,
					  .page_sizes = i ? 0x553 : 0x552,
					  .backed = i == 2   ? 0
						    : i == 1 ? 20
							     : -1};
		if (i != 2)
			s->routing[0] = (struct audit_routing){true, 0x80, 0x20};
		if (i)
			s->routing[1] = (struct audit_routing){true, 1, 1};
	}
}

static void crowd_functions(void)
{
	struct cm_fn *two = full_acs(cm_bridge(&m, NULL, 0, 0, 0x18, 3, 4, 4));
	cm_window(two, 0xc2000000, 0xc20fffff);
	cm_window_pref(two, 0x8000000000, 0x80000fffff);
	crowd_pfs(two);
	struct cm_fn *up =
		cm_bridge(&m, full_acs(cm_bridge(&m, NULL, 0, 0, 0x20, 5, 9, 4)), 0, 0, 0, 6, 9, 5);
	for (unsigned i = 0; i < 2; i++)
		for (unsigned k = 0; k < 7; k++)
			cm_pcie(cm_add(&m, cm_bridge(&m, up, 0, 0, i * 8 + 0x40 * k, 7 + i, 7 + i, 6), 0, 0,
				       0, NVME, 0x010802),
				0x40, 0);
	for (unsigned fn = 0; fn < 2; fn++)
		cm_add(&m, NULL, 0, 0, 0xf8 + fn, 0x29188086, fn ? 0xff0000 : 0x010601)->data[0x0e] |= 0x80;
	cm_add(&m, NULL, 0, 0, 0xa0, 0x12348086, 0x0c0330);
	cm_add(&m, NULL, 0, 0, 0xb8, 0x12358086, 0x010400);
	cm_add(&m, NULL, 0, 0, 0x70, 0x201d8086, 0x010400);
	struct cm_fn *errata = cm_add(&m, NULL, 0, 0, 0, 0x34068086, 0x060000);
	errata->data[8] = 0x13;
	cm_bridge(&m, NULL, 0, 0, 0x28, 10, 10, 4); /* nothing below, nothing that isolates */
	cm_put(port, 0x42, 2, 0x142);
	cm_put(port, 0x54, 4, 0x60);
	ats(nic, true);
	cm_add(&m, NULL, 0, 0x20, 0x08, NIC, 0x020000);
	for (unsigned i = 0; i < 9; i++)
		cm_add(&m, NULL, 0, 0x30, 8 * i, NIC, 0x020000);
}

static void crowd_live(struct audit_live *live)
{
	static const bdf_t at[] = {{0, 0x100}, {0, 0x10}, {0, 0x08}, {1, 0x2001}};
	memset(live, 0, sizeof *live);
	for (unsigned i = 0; i < 4; i++) {
		live->attach[i].bdf = at[i];
		live->attach[i].mode = (uint8_t)i;
		live->attach[i].domain = (uint16_t)(i == 0 ? 3 : i == 1 ? 4 : 0);
		live->attach[i].unit = i == 3 ? LIVE_NONE : (uint16_t)i;
	}
	live->attached = 4;
	live->attach[4].bdf = (bdf_t){0, 0xbad};
	for (unsigned i = 0; i < 3; i++)
		snprintf(live->domain[i].name, sizeof live->domain[0].name, "domain %c", 'a' + i);
	live->domain[0].id = 3;
	live->domain[0].runs = 1;
	live->domain[1].id = 4; /* it lets everything pass: no runs */
	live->domain[1].first = 1;
	live->domain[2].id = 5;
	live->domain[2].first = 1;
	live->domain[2].runs = 60;
	live->domains = 3;
	for (unsigned i = 0; i < 61; i++) {
		live->run[i].iova = 0x2000000000 + 0x10000 * i;
		live->run[i].len = 0x1000 * (i + 1);
		live->run[i].read = i % 3 != 1;
		live->run[i].write = i % 3 != 0;
	}
	live->runs = 61;
}

static void crowd(struct audit_live *live)
{
	in->tables = in->units = in->fns = in->cases.n = 0;
	crowd_units();
	crowd_functions();
	crowd_tables();
	dmar_rmrr_for(0x7a000000, 0x7a000fff, 0xa0);
	dmar_rmrr_for(0x7a001000, 0x7a001fff, 0xb8);
	dmar_rmrr_for(0x200000, 0x200fff, 0x10);
	size_t rhsa = dmar_add(DMAR_RHSA, 20);
	put(rhsa + 8, 8, 0xfed91000);
	dmar_end();
	in->mem = crowd_map;
	in->mems = ARRAY_LEN(crowd_map);
	in->apic = AUDIT_APIC_X2APIC;
	in->apicid_max = 300;
	in->secure_boot = SECURE_SETUP;
	in->tsc_hz = 2500000000;
	static const uint16_t masters[] = {0x08, 0x100, 0x10, 0xa0, 0xb8, 0xbad};
	for (unsigned i = 0; i < ARRAY_LEN(masters); i++)
		master(masters[i], (int)(i % 3) - 1, i == 2 ? -1 : (int)(i != 3));
	static const char *const who[] = {"PF", "VF0", "VF1", "edu"};
	for (unsigned i = 0; i < 4; i++) {
		struct proof_case *c = &in->cases.tried[in->cases.n++];
		*c = (struct proof_case){
			.write = i & 1, .outcome = (uint8_t)i, .recorded = i < 2, .reason = 5};
		c->bdf = (bdf_t){0, 0x101};
		c->iova = 0x2000 * i;
		snprintf(c->who, sizeof c->who, "%s", who[i]);
		snprintf(c->what, sizeof c->what, "target %u", i);
	}
	crowd_live(live);
	behind();
}

static void test_whole_crowd(void **state)
{
	static struct audit_live live;
	(void)state;
	crowd(&live);
	assert_recorded("crowd", &live);
}

/* Nothing wrong, and nothing beside it. */
static void test_whole_sound(void **state)
{
	(void)state;
	assert_recorded("sound", NULL);
}

/* A table that is damaged, so its units count for nothing; the processor has no name. */
static void test_whole_damaged(void **state)
{
	(void)state;
	put(4, 4, 47);
	in->cpu[0] = 0;
	in->mems = 0;
	in->pfs = in->cases.n = 0;
	in->proof = AUDIT_PROOF_BROKEN;
	in->apicids = 0;
	behind();
	assert_recorded("damaged", NULL);
}

int main(void)
{
	if (pmm_add(support_ram(8 << 20, 0x40000000), (8 << 20) / PAGE_SIZE))
		return 1;
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(test_sound),        T(test_sriov_window),  T(test_proof),       T(test_broken_proof),
		T(test_many_cases),   T(test_json_counts),   T(test_json_runs),   T(test_json_lines),
		T(test_json_sum),     T(test_many_findings), T(test_page),        T(test_text),
		T(test_sharing),      T(test_sharing_able),  T(test_summary),     T(test_wrapped),
		T(test_page_counts),  T(test_many_places),   T(test_whole_crowd), T(test_whole_sound),
		T(test_whole_damaged)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
