/* The stages from a PF to its VFs with queues, with a made-up kind of device: which functions of a kind are
 * called, in which order, and what is put back whichever call fails. What the stages do is written down as
 * words, in order. */
#include <stdio.h>
#include <string.h>
#include "apps/bringup/faults.h"
#include "apps/vf/batch.h"
#include "apps/vf/domain.h"
#include "apps/vf/numa.h"
#include "apps/vf/nvme.h"
#include "apps/vf/own_memory.h"
#include "apps/vf/qat.h"
#include "apps/vf/stages.h"
#include "pci/flr.h"
#include "tests/unit/support_stages.h"
#include "tests/unit/test.h"

#define VFS   3u /* of which there is memory here */
#define TOTAL 7u /* of the PF */

static struct pci_func pf_fn;
static struct block medium;
static struct block_store store;
static struct dma_buf pf_buf;
static char domains[VFS]; /* the address of one is a domain */
static char did[4096];
static unsigned live, made, connected; /* buffers, domains, functions that may do DMA */
static enum sl_err read_says, put_says, close_says, flr_says, disable_says;
static unsigned given; /* VFs that the PF gives, when it is asked for more; 0: as many as it is asked for */
static bool has_data, has_pf_memory;

static void act(const char *what)
{
	strncat(did, what, sizeof did - strlen(did) - 1);
	strncat(did, "; ", sizeof did - strlen(did) - 1);
}

static void act_on(const char *what, unsigned which)
{
	char words[64];
	snprintf(words, sizeof words, "%s %u", what, which);
	act(words);
}

static enum sl_err step(const char *what, unsigned which)
{
	act_on(what, which);
	return stages_call();
}

static void assert_did(const char *what)
{
	assert_string_equal(did, what);
	did[0] = 0;
}

/* ---- the kind ---- */

static enum sl_err pf_open(struct machine *m)
{
	act("PF opened");
	m->pf = &pf_fn;
	return stages_call();
}

static void pf_close(struct machine *m)
{
	act("PF closed");
	m->pf = NULL;
}

static enum sl_err firmware_start(struct machine *m)
{
	(void)m;
	act("firmware on");
	return SL_OK;
}

static void firmware_stop(struct machine *m)
{
	(void)m;
	act("firmware off");
}

static const struct dma_buf *pf_memory(const struct machine *m)
{
	(void)m;
	return has_pf_memory ? &pf_buf : NULL;
}

static void *state(unsigned place)
{
	return &domains[place];
}

static enum sl_err vf_open(struct machine *m, struct vf *vf)
{
	assert_ptr_equal(m, &mach);
	assert_ptr_equal(vf->own, &domains[vf->index]);
	assert_true(vf->attached && vf->pair == 1 && vf->queues.len == WINDOW_BUFFERS);
	assert_int_equal(vf->buffers.iova.v, WINDOW + WINDOW_BUFFERS);
	enum sl_err e = step("open", vf->index);
	vf_stores(vf, e ? NULL : &medium);
	vf->data = !e && has_data ? &store : NULL;
	return e;
}

static enum sl_err vf_close(struct machine *m, struct vf *vf)
{
	assert_ptr_equal(m, &mach);
	act_on("close", vf->index);
	vf_stores(vf, NULL);
	return vf->index == 0 ? close_says : SL_OK;
}

static enum sl_err pairs_open(struct machine *m, struct vf *vf)
{
	assert_int_equal(m->pairs, VFS);
	return step("pairs of", vf->index);
}

static const char *describe(const struct vf *vf, char *buf, size_t n)
{
	(void)vf;
	snprintf(buf, n, "a made-up one");
	return buf;
}

const struct vf_kind igb_kind = {.name = "network", .pf_open = pf_open, .pf_close = pf_close};
const struct vf_kind qat_kind = {.name = "other", .pf_open = pf_open, .pf_close = pf_close};
const struct vf_kind nvme_kind = {.name = "made-up",
				  .vfs_max = VFS,
				  .pf_open = pf_open,
				  .pf_close = pf_close,
				  .pf_memory = pf_memory,
				  .state = state,
				  .vf_open = vf_open,
				  .vf_close = vf_close,
				  .describe = describe};
static struct vf_kind kind; /* a copy that a test may change */

/* A kind with memory of its own. */
static struct dma_buf own_buf;
static enum sl_err own_says;

static enum sl_err memory_get(struct machine *m, struct vf *vf)
{
	assert_ptr_equal(m, &mach);
	vf->queues.len = WINDOW_BUFFERS;
	vf->buffers.iova = IOVA(WINDOW + WINDOW_BUFFERS);
	return step("own", vf->index);
}

static enum sl_err memory_put(struct vf *vf)
{
	act_on("put own", vf->index);
	return own_says;
}

static unsigned memory(const struct vf *vf, struct table_range *out)
{
	(void)vf;
	out[0] = (struct table_range){&own_buf, DOMAIN_W};
	return 1;
}

/* ---- what the stages call ---- */

enum sl_err sriov_read(const struct pci *pci, const struct pci_func *pf, struct sriov *s)
{
	(void)pci;
	assert_ptr_equal(pf, &pf_fn);
	*s = (struct sriov){.total_vfs = TOTAL};
	return read_says;
}

enum sl_err sriov_enable(struct pci *pci, struct pci_func *pf, uint16_t n, struct sriov *s)
{
	(void)pci;
	assert_ptr_equal(pf, &pf_fn);
	enum sl_err e = step("enable", n);
	*s = (struct sriov){.total_vfs = TOTAL, .num_vfs = (uint16_t)(given ? given : n)};
	return e;
}

enum sl_err sriov_disable(struct pci *pci, struct pci_func *pf)
{
	(void)pci;
	assert_ptr_equal(pf, &pf_fn);
	act("disable");
	return disable_says;
}

struct pci_func *sriov_vf(const struct pci *pci, const struct pci_func *pf, uint16_t index)
{
	(void)pci;
	assert_ptr_equal(pf, &pf_fn);
	assert_true(index < VFS);
	return &vf_fn[index];
}

void numa_begin(const struct machine *m, bdf_t fn, unsigned vf)
{
	assert_int_equal(m->vf[vf].fn->bdf.rid, fn.rid);
}

void numa_end(void) {}

void numa_choose_cores(const struct machine *m, bdf_t fn)
{
	assert_int_equal(m->pf->bdf.rid, fn.rid);
}

void faults_watch(struct machine *m, bdf_t fn)
{
	assert_ptr_equal(m, &mach);
	act_on("watch", fn.rid - STAGES_FIRST);
}

enum sl_err make_domain(struct machine *m, const char *name, bdf_t fn, struct domain **dom)
{
	unsigned v = fn.rid - STAGES_FIRST;
	assert_ptr_equal(m, &mach);
	assert_string_equal(name, m->vf[v].name);
	*dom = NULL;
	enum sl_err e = step("domain", v);
	if (e)
		return e;
	made++;
	*dom = (struct domain *)&domains[v];
	return SL_OK;
}

void drop_domain(struct domain **dom)
{
	if (*dom) {
		act_on("drop", (unsigned)((char *)*dom - domains));
		made--;
	}
	*dom = NULL;
}

uint16_t domain_id(const struct domain *dom)
{
	return (uint16_t)((const char *)dom - domains + 1);
}

enum sl_err domains_check(struct machine *m)
{
	assert_ptr_equal(m, &mach);
	act("absent");
	return stages_call();
}

enum sl_err dma_get(struct domain *dom, iova_t iova, uint64_t len, unsigned perm, struct dma_buf *out)
{
	unsigned v = (unsigned)((char *)dom - domains);
	bool queues = iova.v == WINDOW + WINDOW_QUEUES;
	assert_true(queues || iova.v == WINDOW + WINDOW_READONLY);
	assert_int_equal(len, queues ? PAGE_2M : PAGE_SIZE);
	assert_int_equal(perm, queues ? DOMAIN_RW : DOMAIN_R);
	enum sl_err e = step(queues ? "block" : "readonly", v);
	if (e)
		return e;
	live++;
	*out = (struct dma_buf){queues ? block[v] : readonly[v], iova, PHYS(0x1000), len, dom};
	return SL_OK;
}

enum sl_err dma_put(struct dma_buf *buf)
{
	if (!buf->va)
		return SL_OK;
	act(buf->len == PAGE_2M ? "put block" : "put readonly");
	if (put_says && buf->len == PAGE_2M)
		return put_says;
	live--;
	*buf = (struct dma_buf){0};
	return SL_OK;
}

enum sl_err function_connect(struct pci_func *fn, struct domain *dom, volatile void **regs)
{
	unsigned v = fn->bdf.rid - STAGES_FIRST;
	assert_ptr_equal(dom, &domains[v]);
	enum sl_err e = step("connect", v);
	*regs = readonly[v];
	connected += !e;
	return e;
}

void function_disconnect(struct pci_func *fn, struct domain *dom)
{
	assert_ptr_equal(dom, &domains[fn->bdf.rid - STAGES_FIRST]);
	act_on("disconnect", fn->bdf.rid - STAGES_FIRST);
	connected--;
}

enum sl_err tables_exact(struct iommu *mmu, bdf_t fn, const struct table_range *want, unsigned n)
{
	assert_ptr_equal(mmu, &mach.iommu);
	if (fn.rid == pf_fn.bdf.rid) {
		assert_true(n == 1 && want[0].buf == &pf_buf && want[0].perm == DOMAIN_RW);
		act("exact PF");
		return stages_call();
	}
	const struct vf *vf = &mach.vf[fn.rid - STAGES_FIRST];
	if (mach.kind->memory) {
		assert_true(n == 1 && want[0].buf == &own_buf && want[0].perm == DOMAIN_W);
		return step("exact", vf->index);
	}
	assert_true(n == 2 && want[0].buf == &vf->block && want[0].perm == DOMAIN_RW);
	assert_true(want[1].buf == &vf->readonly && want[1].perm == DOMAIN_R);
	return step("exact", vf->index);
}

enum sl_err batch_start(struct vf *vf)
{
	const struct block_req *r = &vf->batch.req[0];
	assert_true(vf->batch.n == 1 && r->op == BLOCK_READ && r->blocks == CHUNK / store.block);
	assert_true(r->data.v == vf->buffers.iova.v && r->lba == 0);
	return step("read", vf->index);
}

enum sl_err batch_finish(struct machine *m)
{
	assert_ptr_equal(m, &mach);
	return stages_call();
}

enum sl_err pci_flr(const struct pci *pci, struct pci_func *fn)
{
	assert_ptr_equal(pci, &mach.pci);
	act_on("reset", fn->bdf.rid - STAGES_FIRST);
	return flr_says;
}

void pci_bus_master(struct pci_func *fn, bool on)
{
	act_on(on ? "mastering" : "no mastering", fn->bdf.rid - STAGES_FIRST);
}

/* ---- the tests ---- */

static int set_up(void **s)
{
	(void)s;
	stages_start(0, NULL);
	for (unsigned v = 0; v < VFS; v++)
		vf_fn[v] = (struct pci_func){.bdf = {0, (uint16_t)(STAGES_FIRST + v)}, .pf = &pf_fn};
	pf_fn = (struct pci_func){.bdf = {0, STAGES_FIRST - 1}, .cap_sriov = 0x100};
	kind = nvme_kind;
	mach.kind = &kind;
	mach.pf = &pf_fn;
	boot.cfg.vfs = VFS;
	boot.cfg.device = DEVICE_NVME;
	boot.cfg.app = APP_DEMO;
	store = (struct block_store){.block = 512, .blocks = 1024};
	did[0] = 0;
	live = made = connected = given = 0;
	read_says = put_says = close_says = flr_says = disable_says = SL_OK;
	has_data = has_pf_memory = false;
	return 0;
}

/* Afterwards no function is in a domain or may do DMA. */
static void undo(void)
{
	undo_domains(&mach);
	assert_true(!made && !connected && !mach.pairs);
}

/* VFs that are on, before stage domains. */
static void vfs_on(void)
{
	assert_int_equal(stage_sriov(&mach), SL_OK);
	assert_did("enable 3; ");
	stages_calls = 0;
}

/* The option device= chooses the kind; app=accel is for VFs that compute. */
static void test_kind(void **s)
{
	(void)s;
	assert_int_equal(stage_pf(&mach), SL_OK);
	assert_ptr_equal(mach.kind, &nvme_kind);
	boot.cfg.device = DEVICE_QAT;
	assert_int_equal(stage_pf(&mach), SL_OK);
	assert_ptr_equal(mach.kind, &qat_kind);
	boot.cfg.device = DEVICE_IGB;
	assert_int_equal(stage_pf(&mach), SL_OK);
	assert_ptr_equal(mach.kind, &igb_kind);
	boot.cfg.device = DEVICE_NVME;
	boot.cfg.app = APP_ACCEL;
	assert_int_equal(stage_pf(&mach), SL_OK);
	assert_ptr_equal(mach.kind, &qat_kind);
}

/* A kind whose VFs have memory of their own in place of the block, each part with its permission. */
static void test_own_memory(void **s)
{
	(void)s;
	kind.memory_get = memory_get;
	kind.memory_put = memory_put;
	kind.memory = memory;
	kind.pf_memory = NULL; /* its PF does no DMA */
	vfs_on();
	did[0] = 0;
	assert_int_equal(stage_domains(&mach), SL_OK);
	assert_non_null(strstr(did, "own 0; connect 0; "));
	assert_non_null(strstr(did, "exact 2; "));
	assert_null(strstr(did, "block"));
	assert_null(strstr(did, "exact PF"));
	did[0] = 0;
	own_says = SL_DEVICE;
	undo();
	assert_non_null(strstr(did, "put own 0; "));
	assert_said("was not put back cleanly");
	own_says = SL_OK;
}

/* A PF that could not be opened is closed by its own kind. */
static void test_pf_open_fails(void **s)
{
	(void)s;
	stages_fail_at = 1;
	mach.kind = NULL;
	assert_int_equal(stage_pf(&mach), SL_DEVICE);
	undo_pf(&mach);
	assert_did("PF opened; PF closed; ");
	assert_null(mach.pf);
}

/* Firmware is loaded and stopped where a kind has any. */
static void test_firmware(void **s)
{
	(void)s;
	assert_int_equal(stage_firmware(&mach), SL_OK);
	undo_firmware(&mach);
	assert_did("");
	kind.firmware_start = firmware_start;
	kind.firmware_stop = firmware_stop;
	assert_int_equal(stage_firmware(&mach), SL_OK);
	undo_firmware(&mach);
	assert_did("firmware on; firmware off; ");
}

/* The least of vfs=, what the kind can use, the limit for this run, and what the PF gives; of a kind whose
 * VFs work only together, all are enabled. */
static void test_vfs_max(void **s)
{
	static const struct {
		unsigned vfs, max, most, given;
		bool all;
		const char *enabled;
		unsigned used;
	} row[] = {
		{3, VFS, 0, 0, false, "enable 3; ", 3},  {1, VFS, 0, 0, false, "enable 1; ", 1},
		{64, VFS, 0, 0, false, "enable 3; ", 3}, {64, 2, 0, 0, false, "enable 2; ", 2},
		{3, VFS, 1, 0, false, "enable 1; ", 1},  {1, VFS, 2, 0, false, "enable 1; ", 1},
		{3, VFS, 0, 2, false, "enable 3; ", 2},  {3, VFS, 0, 0, true, "enable 7; ", 3},
		{64, 2, 0, 0, true, "enable 7; ", 2},    {2, VFS, 1, 0, true, "enable 7; ", 1},
		{3, VFS, 0, 2, true, "enable 7; ", 2},
	};
	(void)s;
	for (unsigned i = 0; i < ARRAY_LEN(row); i++) {
		boot.cfg.vfs = (uint32_t)row[i].vfs;
		kind.vfs_max = row[i].max;
		kind.all_vfs = row[i].all;
		mach.vfs_most = row[i].most;
		given = row[i].given;
		assert_int_equal(stage_sriov(&mach), SL_OK);
		assert_did(row[i].enabled);
		assert_int_equal(mach.vfs, row[i].used);
		for (unsigned v = 0; v < mach.vfs; v++)
			assert_true(mach.vf[v].fn == &vf_fn[v] && mach.vf[v].own == &domains[v] &&
				    mach.vf[v].index == v);
		undo_sriov(&mach);
		assert_did("disable; ");
		assert_false(mach.sriov_on);
	}
}

/* More VFs on than are used: the line says so. */
static void test_vfs_said(void **s)
{
	(void)s;
	vfs_on();
	assert_said("has 3 of 7 VFs enabled: ");
	kind.all_vfs = true;
	assert_int_equal(stage_sriov(&mach), SL_OK);
	assert_said("has 7 of 7 VFs enabled, 3 in use: ");
}

/* VFs that could not be enabled, or counted, are not disabled. */
static void test_sriov_fails(void **s)
{
	(void)s;
	stages_fail_at = 1;
	assert_int_equal(stage_sriov(&mach), SL_DEVICE);
	undo_sriov(&mach);
	assert_did("enable 3; ");
	kind.all_vfs = true;
	read_says = SL_NOTFOUND;
	assert_int_equal(stage_sriov(&mach), SL_NOTFOUND);
	undo_sriov(&mach);
	assert_did("");
	assert_int_equal(mach.vfs, 0);
}

/* The message says whether the VFs went; they are not disabled a second time. */
static void test_sriov_undone(void **s)
{
	(void)s;
	for (unsigned i = 0; i < 2; i++) {
		disable_says = i ? SL_TIMEOUT : SL_OK;
		said_clear();
		vfs_on();
		undo_sriov(&mach);
		undo_sriov(&mach);
		assert_did("disable; ");
		assert_said(i ? "WARN sriov: 0000:01:00.0: the VFs could not be disabled"
			      : "sriov: 0000:01:00.0: VFs off, NumVFs and VF BARs put back");
	}
}

/* No PF, one without SR-IOV, or no room for VFs: the run goes on without VFs. */
static void test_no_vfs(void **s)
{
	(void)s;
	mach.no_vfs = true;
	assert_int_equal(stage_sriov(&mach), SL_OK);
	assert_said("no room for VFs");
	mach.no_vfs = false;
	pf_fn.cap_sriov = 0;
	assert_int_equal(stage_sriov(&mach), SL_OK);
	assert_said("no controller with SR-IOV");
	mach.pf = NULL;
	assert_int_equal(stage_sriov(&mach), SL_OK);
	assert_int_equal(stage_domains(&mach), SL_OK);
	undo();
	undo_sriov(&mach);
	assert_did("absent; ");
}

#define OPENED(v) "watch " v "; domain " v "; block " v "; readonly " v "; connect " v "; open " v "; "
#define CLOSED(v) "close " v "; disconnect " v "; put block; put readonly; drop " v "; "

/* Each VF gets a domain and memory before its function may do DMA, and its queue last; on the way back the
 * queue goes first, and memory only after the function is out of its domain. Every table is read. */
static void test_domains(void **s)
{
	(void)s;
	vfs_on();
	has_pf_memory = true;
	assert_int_equal(stage_domains(&mach), SL_OK);
	assert_did(OPENED("0") OPENED("1") OPENED("2") "exact 0; exact 1; exact 2; exact PF; absent; ");
	assert_said("domain 3, a made-up one; ");
	assert_said("3 VFs, each in a domain of its own");
	assert_int_equal(mach.pairs, 3);
	assert_int_equal(mach.tally.vfs, 3);
	undo();
	assert_did(CLOSED("0") CLOSED("1") CLOSED("2"));
	assert_int_equal(live, 0);
}

/* With iommu=pt a function reaches all memory, and with iommu=off there are no tables: none is read, and the
 * log claims nothing. */
static void test_untranslated(void **s)
{
	static const enum config_iommu modes[] = {CONFIG_IOMMU_PT, CONFIG_IOMMU_OFF};
	(void)s;
	vfs_on();
	for (unsigned i = 0; i < ARRAY_LEN(modes); i++) {
		boot.cfg.iommu = modes[i];
		has_pf_memory = true;
		said_clear();
		assert_int_equal(stage_domains(&mach), SL_OK);
		assert_did(OPENED("0") OPENED("1") OPENED("2"));
		assert_not_said("each in a domain of its own");
		assert_not_said("walked every table");
		undo();
		assert_did(CLOSED("0") CLOSED("1") CLOSED("2"));
	}
}

/* The second VF's queue does not open: the third is not tried, and the first two are put back. */
static void test_second_vf_fails(void **s)
{
	(void)s;
	vfs_on();
	stages_fail_at = 10; /* five calls for a VF */
	assert_int_equal(stage_domains(&mach), SL_DEVICE);
	assert_did(OPENED("0") OPENED("1"));
	assert_said("FAIL vf: VF 1 could not be brought up");
	assert_int_equal(mach.tally.vfs, 1); /* for RESULT: those that came up */
	assert_int_equal(mach.pairs, 0);
	undo();
	assert_did(CLOSED("0") CLOSED("1") "close 2; ");
	assert_int_equal(live, 0);
}

/* Whichever call fails, what was made is put back. */
static void test_any_call_fails(void **s)
{
	(void)s;
	vfs_on();
	has_data = has_pf_memory = true;
	kind.pairs_open = pairs_open;
	assert_int_equal(stage_domains(&mach), SL_OK);
	unsigned calls = stages_calls;
	assert_int_equal(calls, 3 * 5 + 2 + 3 + 3 + 1 + 1); /* a read, pairs, exact, of the PF, absent */
	undo();
	for (unsigned at = 1; at <= calls; at++) {
		stages_calls = 0;
		stages_fail_at = at;
		mach.first_done = false;
		assert_int_equal(stage_domains(&mach), SL_DEVICE);
		assert_int_equal(stages_calls, at); /* nothing more is tried */
		undo();
		assert_int_equal(live, 0);
		for (unsigned v = 0; v < VFS; v++)
			assert_true(!mach.vf[v].attached && !mach.vf[v].queue);
	}
}

/* A VF whose queue does not close is taken out of its domain all the same, and the others are put back. */
static void test_vf_close_fails(void **s)
{
	(void)s;
	vfs_on();
	assert_int_equal(stage_domains(&mach), SL_OK);
	did[0] = 0;
	close_says = SL_TIMEOUT;
	undo();
	assert_did(CLOSED("0") CLOSED("1") CLOSED("2"));
	assert_said("0000:01:00.1 was not put back cleanly");
	assert_not_said("0000:01:00.2 was not put back cleanly");
	assert_int_equal(live, 0);
}

/* A block that a unit may still translate to is not freed; that is reported, and the page beside it is freed.
 */
static void test_block_lost(void **s)
{
	(void)s;
	vfs_on();
	assert_int_equal(stage_domains(&mach), SL_OK);
	did[0] = 0;
	put_says = SL_TIMEOUT;
	undo();
	assert_did(CLOSED("0") CLOSED("1") CLOSED("2"));
	assert_said("0000:01:00.3 was not put back cleanly");
	assert_int_equal(live, VFS);
}

/* One read, on the first VF with a store, and in a run once. */
static void test_first_read(void **s)
{
	(void)s;
	vfs_on();
	has_data = true;
	stages_fail_at = 7; /* five calls for the VF, the read, its answer */
	assert_int_equal(stage_domains(&mach), SL_DEVICE);
	assert_not_said("the first completion");
	undo();
	mach.first_done = false;
	for (unsigned i = 0; i < 2; i++) {
		did[0] = 0;
		assert_int_equal(stage_domains(&mach), SL_OK);
		assert_int_equal(strstr(did, "open 0; read 0; watch 1; ") != NULL, i == 0);
		assert_null(strstr(did, "read 1; "));
		assert_true(mach.first_done);
		if (i == 0)
			assert_said("0000:01:00.1: the first completion, ");
		said_clear();
		undo();
		did[0] = 0;
	}
}

/* A VF's queue is closed before its reset, and opened only after one that succeeded. */
static void test_reset(void **s)
{
	(void)s;
	vfs_on();
	assert_int_equal(stage_domains(&mach), SL_OK);
	did[0] = 0;
	assert_int_equal(vf_reset(&mach, &mach.vf[0]), SL_OK);
	assert_did("close 0; reset 0; mastering 0; open 0; ");
	flr_says = SL_TIMEOUT;
	assert_int_equal(vf_reset(&mach, &mach.vf[0]), SL_TIMEOUT);
	assert_did("close 0; reset 0; ");
	assert_said("FAIL made-up: 0000:01:00.1 does not come back from its reset");
	close_says = SL_DEVICE;
	assert_int_equal(vf_reset(&mach, &mach.vf[0]), SL_DEVICE);
	assert_did("close 0; ");
	undo();
}

#define TEST(f) cmocka_unit_test_setup(f, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_kind),           TEST(test_own_memory),     TEST(test_pf_open_fails),
		TEST(test_firmware),       TEST(test_vfs_max),        TEST(test_vfs_said),
		TEST(test_sriov_fails),    TEST(test_sriov_undone),   TEST(test_no_vfs),
		TEST(test_domains),        TEST(test_untranslated),   TEST(test_second_vf_fails),
		TEST(test_any_call_fails), TEST(test_vf_close_fails), TEST(test_block_lost),
		TEST(test_first_read),     TEST(test_reset),
	};
	return cmocka_run_group_tests_name("vf_stages", tests, NULL, NULL);
}
