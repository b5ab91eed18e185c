/* Controller, PF and VF against the model, in memory that each reaches through a domain of its own. */
#include <stdlib.h>
#include <string.h>
#include "apps/machine.h"
#include "apps/proof/attackers.h"
#include "apps/vf/batch.h"
#include "apps/vf/msix.h"
#include "apps/vf/nvme.h"
#include "apps/vf/wait.h"
#include "apps/work/timed.h"
#include "drivers/crc16.h"
#include "drivers/nvme/pf.h"
#include "drivers/nvme/reset.h"
#include "drivers/nvme/status.h"
#include "drivers/nvme/vf.h"
#include "kernel/log.h"
#include "kernel/pmm.h"
#include "kernel/time.h"
#include "pci/flr.h"
#include "tests/model/nvme_model.h"
#include "tests/unit/never.h"
#include "tests/unit/support.h"
#include "tests/unit/test.h"

#define WINDOW    0x100000000ull
#define BUFFERS   (WINDOW + PAGE_2M)
#define SLOT      (2 * PAGE_SIZE)
#define META      (BUFFERS + 200 * SLOT)
#define NS_BLOCKS 256u

/* A domain is the list of its mappings. Defined here, so that iommu/domain.c is not linked. */
struct domain {
	struct {
		uint64_t iova, phys, len;
		unsigned perm;
	} map[4];
	unsigned n;
	enum sl_err stuck; /* what unmap says */
};

enum sl_err domain_map(struct domain *d, iova_t iova, phys_t phys, uint64_t len, unsigned perm)
{
	for (unsigned i = 0; i < d->n; i++)
		if (d->map[i].iova == iova.v)
			return SL_EXISTS;
	d->map[d->n].iova = iova.v;
	d->map[d->n].phys = phys.v;
	d->map[d->n].len = len;
	d->map[d->n++].perm = perm;
	return SL_OK;
}

bool domain_passes(const struct domain *dom)
{
	(void)dom;
	return false;
}

enum sl_err domain_unmap(struct domain *d, iova_t iova, uint64_t len)
{
	for (unsigned i = 0; i < d->n && !d->stuck; i++)
		if (d->map[i].iova == iova.v && d->map[i].len == len) {
			d->map[i] = d->map[--d->n];
			return SL_OK;
		}
	return d->stuck ? d->stuck : SL_RANGE;
}

static struct pci_func fn;
static unsigned flrs;
static bool mastering;
static enum sl_err flr_says;

/* A function level reset ends every fatal status. */
enum sl_err pci_flr(const struct pci *pci, struct pci_func *f)
{
	(void)pci;
	assert_ptr_equal(f, &fn);
	flrs++;
	mastering = false;
	return flr_says;
}

void pci_bus_master(struct pci_func *f, bool on)
{
	assert_ptr_equal(f, &fn);
	mastering = on;
}

static void *reach(void *ctx, uint64_t iova, uint64_t len, bool write)
{
	const struct domain *d = ctx;
	for (unsigned i = 0; i < d->n; i++)
		if (iova - d->map[i].iova < d->map[i].len && len <= d->map[i].len - (iova - d->map[i].iova) &&
		    d->map[i].perm & (write ? DOMAIN_W : DOMAIN_R))
			return phys_va(PHYS(d->map[i].phys + iova - d->map[i].iova));
	return NULL;
}

static struct nvme_model pf_model, vf_model[2];
static struct domain pf_dom, vf_dom[2];
static struct nvme_model_ns
	ns[5]; /* shared without metadata, private with protection information, private plain */
static struct nvme_pf pf;
static struct nvme_vf vf;
static struct dma_buf buffers;
static uint64_t pages_before;
static const bdf_t pf_fn = {0, 0x100}, vf_fn = {0, 0x101};

static void make_ns(struct nvme_model_ns *n, uint32_t nsid, unsigned shift, uint16_t ms, bool shared)
{
	free(n->data);
	free(n->meta);
	*n = (struct nvme_model_ns){
		.nsid = nsid, .blocks = NS_BLOCKS, .shift = shift, .ms = ms, .nmic = shared};
	n->data = calloc(NS_BLOCKS, 1u << shift);
	n->meta = calloc(NS_BLOCKS, ms ? ms : 1);
}

/* What the log said since the last assert_said(). */
static char said[65536];
static size_t said_len;

static void sink(const char *text, size_t len)
{
	if (len >= sizeof said - said_len)
		said_len = 0;
	memcpy(said + said_len, text, len);
	said_len += len;
	said[said_len] = 0;
}

static void assert_said(const char *words)
{
	if (!strstr(said, words))
		fail_msg("expected \"%s\" in: %s", words, said);
	said_len = 0;
	said[0] = 0;
}

static int set_up(void **state)
{
	(void)state;
	static bool once;
	if (!once) {
		phys_t ram = support_ram(16 * PAGE_2M, 0x40000000);
		assert_int_equal(pmm_add(ram, 16 * PAGE_2M / PAGE_SIZE), SL_OK);
		log_sink_add(sink);
		support_clock_step = 20; /* a wait of a second ends after 50,000 looks at the clock */
		once = true;
	}
	pages_before = pmm_used_pages();
	memset(&pf_dom, 0, sizeof pf_dom);
	memset(vf_dom, 0, sizeof vf_dom);
	make_ns(&ns[0], 1, 9, 0, true);
	make_ns(&ns[1], 5, 9, 8, false);
	make_ns(&ns[2], 9, 12, 0, false);
	ns[1].dps = 1;
	ns[0].attached = 7;
	nvme_model_init(&pf_model, 0, reach, &pf_dom);
	pf_model.has_virt = true;
	pf_model.pool_vq = 6;
	pf_model.pool_vi = 4;
	pf_model.vf_max_vq = 4;
	for (unsigned i = 0; i < 2; i++) {
		nvme_model_init(&vf_model[i], (uint16_t)(i + 1), reach, &vf_dom[i]);
		pf_model.vf[i] = &vf_model[i];
	}
	for (unsigned i = 0; i < 3; i++)
		pf_model.ns[i] = vf_model[0].ns[i] = vf_model[1].ns[i] = &ns[i];
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	assert_int_equal(dma_put(&buffers), SL_OK);
	assert_int_equal(pmm_used_pages(), pages_before);
	assert_int_equal(pf_model.errors + vf_model[0].errors + vf_model[1].errors, 0);
	return 0;
}

/* ---- controller ---- */

static enum sl_err ctrl_init(struct nvme_ctrl *c, unsigned io_queues)
{
	return nvme_ctrl_init(c, &pf_model.io, pf_fn, &pf_dom, IOVA(WINDOW), io_queues);
}

static void test_ctrl(void **state)
{
	struct nvme_ctrl c;
	uint32_t nsid;
	(void)state;
	/* Firmware left it running with queues that are not reachable any more. */
	pf_model.asq = 0x7000;
	pf_model.cc = 0x460001;
	pf_model.csts = 1;
	assert_int_equal(ctrl_init(&c, 1), SL_OK);
	assert_int_equal(pf_model.enables, 1);
	assert_int_equal(pf_model.asq, WINDOW);
	assert_string_equal(c.id.serial, "SN 42");
	assert_string_equal(c.id.model, "Model of a controller");
	assert_int_equal(c.id.max_transfer, 512 * 1024);
	assert_int_equal(nvme_ctrl_depth(&c), NVME_DEPTH_MAX);
	assert_int_equal(nvme_ctrl_health(&c), SL_OK);
	assert_int_equal(nvme_ns_next(&c, NVME_NS_ACTIVE, 0, &nsid), SL_OK);
	assert_int_equal(nsid, 1);
	assert_int_equal(nvme_ns_next(&c, NVME_NS_ACTIVE, 1, &nsid), SL_END);
	assert_int_equal(nvme_ns_next(&c, NVME_NS_ALLOCATED, 1, &nsid), SL_OK);
	assert_int_equal(nsid, 5);
	static struct nvme_queue q;
	assert_int_equal(nvme_ctrl_queue(&c, 0, 8, &q), SL_RANGE);
	assert_int_equal(nvme_ctrl_queue(&c, 2, 8, &q), SL_RANGE);
	assert_int_equal(nvme_ctrl_queue(&c, 1, NVME_DEPTH_MAX + 1, &q), SL_RANGE);
	assert_int_equal(nvme_ctrl_queue(&c, 1, 1u << 31, &q),
			 SL_RANGE); /* no power of two of 32 bits is above */
	assert_int_equal(nvme_ctrl_queue(&c, 1, 8, &q), SL_OK);
	assert_int_equal(nvme_ctrl_queue(&c, 1, 8, &q), SL_EXISTS);
	assert_int_equal(nvme_ctrl_csts(&c.io), 1);
	assert_int_equal(nvme_ctrl_fini(&c), SL_OK);
	assert_int_equal(pf_model.shutdowns, 1);
	assert_int_equal(pf_model.admin_commands[0x00], 1);
	assert_int_equal(pf_model.admin_commands[0x04], 1);
	assert_int_equal(pf_model.cc & 1, 0);
	assert_int_equal(nvme_ctrl_fini(&c), SL_OK);
}

static void test_small_queues(void **state)
{
	(void)state;
	struct nvme_ctrl c;
	static struct nvme_queue q;
	pf_model.cap = (pf_model.cap & ~0xffffull) | 99; /* 100 entries: rings of 64 */
	assert_int_equal(ctrl_init(&c, 1), SL_OK);
	assert_int_equal(nvme_ctrl_depth(&c), 63);
	assert_int_equal(nvme_ctrl_queue(&c, 1, 64, &q), SL_RANGE);
	assert_int_equal(nvme_ctrl_queue(&c, 1, 63, &q), SL_OK);
	assert_int_equal(nvme_ctrl_fini(&c), SL_OK);
	pf_model.cap |= 3ull << 32; /* doorbells 32 bytes apart: still inside */
	assert_int_equal(ctrl_init(&c, 3), SL_OK);
	assert_int_equal(nvme_ctrl_queue(&c, 3, 1, &q), SL_OK);
	assert_ptr_equal(q.sq_bell.reg, pf_model.bar + 0x1000 + 6 * 32);
	assert_ptr_equal(q.cq_bell.reg, pf_model.bar + 0x1000 + 7 * 32);
	assert_int_equal(nvme_ctrl_fini(&c), SL_OK);
	assert_int_equal(ctrl_init(&c, 4), SL_NOSPACE); /* Number of Queues grants 3 */
	assert_int_equal(ctrl_init(&c, NVME_IO_QUEUES + 1), SL_RANGE);
	pf_model.cap |= 15ull << 32; /* outside of the BAR */
	assert_int_equal(ctrl_init(&c, 1), SL_UNSUPPORTED);
}

static void test_dead_controllers(void **state)
{
	struct nvme_ctrl c;
	uint64_t cap = pf_model.cap;
	(void)state;
	pf_model.gone = true;
	assert_int_equal(ctrl_init(&c, 1), SL_NOTFOUND);
	assert_said("0000:01:00.0: no controller answers (VS 0xffffffff, CAP 0xffffffffffffffff)");
	pf_model.gone = false;
	pf_model.online = false;
	assert_int_equal(ctrl_init(&c, 1), SL_NOTFOUND);
	pf_model.online = true;
	pf_model.cap = cap & ~(1ull << 37);
	assert_int_equal(ctrl_init(&c, 1), SL_UNSUPPORTED);
	pf_model.cap = cap | 1ull << 48;
	assert_int_equal(ctrl_init(&c, 1), SL_UNSUPPORTED);
	pf_model.cap = cap & ~0xffffull;
	assert_int_equal(ctrl_init(&c, 1), SL_UNSUPPORTED);
	pf_model.cap = cap;
	assert_int_equal(pf_model.enables, 0);
	pf_model.never_ready = true;
	assert_int_equal(ctrl_init(&c, 1), SL_TIMEOUT);
	assert_said("does not get ready (CSTS 0x0)");
	pf_model.never_ready = false;
	assert_int_equal(pf_dom.n, 0);
	pf_model.fatal_at_enable = true;
	assert_int_equal(ctrl_init(&c, 1), SL_DEVICE);
	assert_said("controller fatal status (CSTS 0x3)");
	pf_model.fatal_at_enable = false;
	pf_model.never_stops = true;
	pf_model.csts = pf_model.cc = 1;
	assert_int_equal(ctrl_init(&c, 1), SL_TIMEOUT);
	pf_model.never_stops = false;
	pf_model.cc = 1; /* it is still on */
	assert_int_equal(pf_model.enables, 2);
	pf_model.deaf = true;
	assert_int_equal(ctrl_init(&c, 1), SL_TIMEOUT);
	assert_int_equal(pf_model.enables, 3);
	assert_said("admin command does not complete");
	pf_model.deaf = false;
	pf_model.fatal_at_admin = true;
	assert_int_equal(ctrl_init(&c, 1), SL_DEVICE);
	assert_said("stopped during an admin command (CSTS 0x3)");
	pf_model.fatal_at_admin = false;
	assert_int_equal(ctrl_init(&c, 1), SL_OK); /* nothing of that lasts */
	pf_model.fatal = true;
	assert_int_equal(nvme_ctrl_health(&c), SL_DEVICE);
	pf_model.fatal = false;
	pf_model.gone = true;
	assert_int_equal(nvme_ctrl_health(&c), SL_DEVICE);
	assert_int_equal(nvme_ctrl_fini(&c), SL_OK); /* memory comes back even so */
	pf_model.gone = false;
}

static uint64_t since(uint64_t *start)
{
	uint64_t now = now_us(), us = now - *start;
	*start = now;
	return us;
}

/* CAP.TO plus one, in units of 500 ms, or CRTO where that is longer: NVMe §3.1.3.1, §3.1.3.27. RDY may come
 * at the last moment, and is not waited for any longer. */
static void test_ready_time(void **state)
{
	static const struct {
		uint64_t to;
		bool crms;
		uint32_t crto;
		uint64_t us;
	} row[] = {{0, false, 0, 500000}, {1, false, 9, 1000000}, {3, true, 0, 2000000},
		   {1, true, 2, 1500000}, {2, true, 2, 1500000},  {0, true, 0x10000, 500000}};
	struct nvme_ctrl c;
	uint64_t cap = pf_model.cap & ~(0xffull << 24), start = 0;
	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(row); i++) {
		pf_model.cap = cap | row[i].to << 24 | (row[i].crms ? 1ull << 59 : 0);
		pf_model.crto = row[i].crto;
		pf_model.slow_us = row[i].us - 1000;
		assert_int_equal(ctrl_init(&c, 0), SL_OK);
		assert_int_equal(nvme_ctrl_fini(&c), SL_OK);
		pf_model.slow_us = row[i].us + 1000;
		(void)since(&start);
		assert_int_equal(ctrl_init(&c, 0), SL_TIMEOUT);
		assert_true(since(&start) >= row[i].us);
		pf_model.slow_us = 0; /* it comes after all */
		delay_us(10000000);
		pf_model.never_ready = true; /* what was given up may be stopped before it was ready */
		pf_model.cc = pf_model.csts = 0;
		pf_model.ready_at = 0;
		pf_model.never_ready = false;
		pf_model.errors = 0;
	}
}

/* As firmware may leave it: still starting, and then EN must not be cleared before RDY; or dead, and then
 * there is nothing to wait for. NVMe §3.1.3.5 */
static void test_left_starting(void **state)
{
	struct nvme_ctrl c;
	uint64_t start = 0;
	(void)state;
	pf_model.cc = 0x460001;
	pf_model.ready_at = now_us() + 300000;
	assert_int_equal(ctrl_init(&c, 0), SL_OK);
	assert_int_equal(pf_model.errors, 0);
	assert_int_equal(nvme_ctrl_fini(&c), SL_OK);
	pf_model.cc = 0x460001;
	pf_model.csts = 0;
	pf_model.fatal = true;
	(void)since(&start);
	assert_int_equal(ctrl_init(&c, 0), SL_OK);
	assert_true(since(&start) < 100000);
	assert_int_equal(nvme_ctrl_fini(&c), SL_OK);
	/* Still starting when it dies: that ends the wait, and it is stopped all the same. */
	pf_model.never_ready = true;
	pf_model.cc = 0x460001;
	(void)since(&start);
	assert_int_equal(ctrl_init(&c, 0), SL_TIMEOUT);
	assert_said("stopped although it was still starting");
	pf_model.never_ready = false;
	/* Stopping takes its time too. */
	assert_int_equal(ctrl_init(&c, 0), SL_OK);
	pf_model.slow_us = 1400000;
	assert_int_equal(nvme_ctrl_fini(&c), SL_OK);
	assert_int_equal(pf_model.csts, 0);
	pf_model.slow_us = 0;
}

/* Success without data: an answer from before must not pass for this one. */
static void test_idle_pages(void **state)
{
	struct nvme_ctrl c;
	uint32_t nsid = 99;
	struct nvme_ns got;
	const volatile void *page;
	(void)state;
	assert_int_equal(ctrl_init(&c, 0), SL_OK);
	assert_int_equal(nvme_ns_next(&c, NVME_NS_ALLOCATED, 1, &nsid), SL_OK);
	pf_model.idle_pages = true;
	assert_int_equal(nvme_ns_next(&c, NVME_NS_ALLOCATED, 1, &nsid), SL_END);
	pf_model.idle_pages = false;
	assert_int_equal(nvme_ns_get(&c, NVME_NS_ACTIVE, 1, &got), SL_OK);
	pf_model.idle_pages = true;
	assert_int_equal(nvme_ns_get(&c, NVME_NS_ACTIVE, 1, &got), SL_OK);
	assert_int_equal(got.blocks, 0);
	pf_model.idle_pages = false;
	assert_int_equal(nvme_identify(&c, NVME_CNS_CTRL, 0, 0, &page), SL_OK);
	pf_model.idle_pages = true;
	assert_int_equal(nvme_identify(&c, NVME_CNS_CTRL, 0, 0, &page), SL_OK);
	for (unsigned i = 0; i < PAGE_SIZE; i++)
		assert_int_equal(((const volatile uint8_t *)page)[i], 0);
	assert_int_equal(nvme_ctrl_fini(&c), SL_OK);
	assert_int_equal(ctrl_init(&c, 0), SL_BADVAL); /* nothing that says entries of 64 and 16 bytes */
	assert_int_equal(pf_dom.n, 0);
	pf_model.idle_pages = false;
}

/* Whichever command of the start fails: what was made is taken back, and the reason is given on. */
static void test_failed_commands(void **state)
{
	struct nvme_ctrl c;
	static const uint16_t opcs[] = {0x06, 0x02, 0x09};
	static struct nvme_queue q;
	unsigned good = 0;
	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(opcs); i++)
		for (unsigned after = 0; after < 4; after++) {
			pf_model.fail_opc = opcs[i];
			pf_model.fail_after = after;
			pf_model.fail_status = 0x006;
			enum sl_err e = ctrl_init(&c, 1);
			bool needed = (opcs[i] == 0x06 && after == 0) || (opcs[i] == 0x09 && after == 0);
			assert_int_equal(e, needed ? SL_DEVICE : SL_OK);
			good += !e;
			if (!e)
				assert_int_equal(nvme_ctrl_fini(&c), SL_OK);
			assert_int_equal(pf_dom.n, 0);
			assert_int_equal(pf_model.cc & 1, 0);
		}
	assert_true(good > 6);
	/* A queue of which one half was made is none, and can be made later. */
	pf_model.fail_status = 0;
	assert_int_equal(ctrl_init(&c, 1), SL_OK);
	for (unsigned half = 0; half < 2; half++) {
		pf_model.fail_opc = half ? 0x01 : 0x05;
		pf_model.fail_after = 0;
		pf_model.fail_status = 0x006;
		assert_int_equal(nvme_ctrl_queue(&c, 1, 8, &q), SL_DEVICE);
		assert_false(pf_model.q[1].cq_on || pf_model.q[1].sq_on);
	}
	pf_model.fail_status = 0;
	assert_int_equal(nvme_ctrl_queue(&c, 1, 0, &q), SL_RANGE);
	assert_int_equal(nvme_ctrl_queue(&c, 1, 8, &q), SL_OK);
	assert_int_equal(pf_model.q[1].sq_entries, 16);
	assert_int_equal(pf_model.q[1].cq_entries, 512);
	assert_int_equal(nvme_ctrl_fini(&c), SL_OK);
}

/* Rings are as long as the depth wants them: completions twice that, no shorter than 512, no longer than
 * CAP.MQES. */
static void test_ring_sizes(void **state)
{
	static const struct {
		unsigned mqes, depth, sq, cq, most;
	} row[] = {{0x7ff, 255, 256, 512, 1023},
		   {0x7ff, 256, 512, 512, 1023},
		   {0x7ff, 257, 512, 1024, 1023},
		   {0x7ff, 600, 1024, 2048, 1023},
		   {0x7ff, 1, 2, 512, 1023},
		   {1022, 100, 128, 512, 511},
		   {1023, 300, 512, 1024, 1023},
		   {0xffff, 1023, 1024, 2048, 1023},
		   {510, 255, 256, 256, 255},
		   {3, 3, 4, 4, 3},
		   {1, 1, 2, 2, 1}};
	struct nvme_ctrl c;
	static struct nvme_queue q;
	uint64_t cap = pf_model.cap & ~0xffffull;
	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(row); i++) {
		pf_model.cap = cap | row[i].mqes;
		assert_int_equal(ctrl_init(&c, 1), SL_OK);
		assert_int_equal(nvme_ctrl_depth(&c), row[i].most);
		assert_int_equal(nvme_ctrl_queue(&c, 1, row[i].most + 1, &q), SL_RANGE);
		assert_int_equal(nvme_ctrl_queue(&c, 1, row[i].depth, &q), SL_OK);
		assert_int_equal(pf_model.q[1].sq_entries, row[i].sq);
		assert_int_equal(pf_model.q[1].cq_entries, row[i].cq);
		assert_int_equal(nvme_ctrl_fini(&c), SL_OK);
	}
}

/* ---- attacks by a controller: apps/proof/strike_nvme.c ---- */

NEVER(attackers_add(struct machine *m, struct attackers *all, const struct attacker *who))
NEVER(batch_start(struct vf *v))
NEVER(batch_finish_some(struct machine *m, unsigned first, unsigned n))
NEVER(wait_check(const struct machine *m, bool *irqs))
NEVER(vf_msix_open(struct vf *v))
NEVER_VOID(vf_msix_close(struct vf *v))

uint64_t timed_seed(const struct vf *v, uint64_t chunk)
{
	fail();
	return 0;
}

static uint64_t (*guarded_sum)(const void *of);
static const void *guarded;

void guard_regs(uint64_t (*sum)(const void *of), const void *of)
{
	guarded_sum = sum;
	guarded = of;
}

static enum sl_err strikes(struct nvme_ctrl *c, uint64_t to, uint32_t len)
{
	char words[48];
	struct attacker by = {.ops = &strike_nvme_pf, .dev = c};
	struct attack a = {.write = true, .to = to, .len = len};
	return by.ops->strike(NULL, &by, &a, words, sizeof words);
}

/* To no memory, over the end of a page, and 4 bytes alone. */
static void test_strikes(void **state)
{
	static struct machine m;
	static struct nvme_pf of_m;
	struct nvme_ctrl *c = &of_m.ctrl;
	(void)state;
	m.pf_own = &of_m;
	assert_int_equal(ctrl_init(c, 1), SL_OK);
	assert_int_equal(strikes(c, 0xdead000, CHUNK), SL_OK); /* carried out, with an error status */
	assert_int_equal(c->status, 0x004);
	uint8_t *slot = (uint8_t *)c->mem.va + NVME_SLOT;
	assert_int_equal(strikes(c, c->mem.iova.v + NVME_SLOT + PAGE_SIZE - 32, CHUNK), SL_OK);
	assert_int_equal(c->status, 0);
	assert_memory_equal(slot + PAGE_SIZE - 32 + 4, "SN 42 ", 6);
	assert_memory_equal(slot + PAGE_SIZE - 32 + 24, "Model of a controller", 21);
	memset(slot, 0xa5, 2 * PAGE_SIZE);
	assert_int_equal(strikes(c, c->mem.iova.v + NVME_SLOT + PAGE_SIZE - 4, 4), SL_OK);
	assert_int_equal(c->status, 0);
	assert_memory_equal(slot + PAGE_SIZE - 5, "\xa5\x01\0\0\0\xa5", 6);
	/* Of an open controller its registers are guarded. */
	strike_nvme_pf.guard(&m);
	assert_null(guarded_sum);
	m.pf_open = true;
	strike_nvme_pf.guard(&m);
	assert_ptr_equal(guarded, &c->io);
	uint64_t sum = guarded_sum(guarded);
	assert_true(guarded_sum(guarded) == sum);
	pf_model.asq += PAGE_SIZE;
	assert_true(guarded_sum(guarded) != sum);
	pf_model.asq -= PAGE_SIZE;
	assert_int_equal(nvme_ctrl_fini(c), SL_OK);
}

static enum sl_err fetch(struct nvme_io *io, uint64_t at)
{
	static struct pci_func f;
	char words[48];
	f.bdf = pf_fn;
	struct attacker by = {.fn = &f, .ops = &strike_nvme_fetch, .dev = io};
	struct attack a = {.to = at, .len = CHUNK};
	assert_true(by.ops->can(&by, &a));
	return by.ops->strike(NULL, &by, &a, words, sizeof words);
}

/* A queue where nothing is mapped, for a refusal: the controller is made to fetch, and stops. */
static void test_fetch(void **state)
{
	(void)state;
	struct nvme_io io = pf_model.io;
	assert_int_equal(fetch(&io, 0x7000), SL_OK);
	assert_true(pf_model.asq == 0x7000 && pf_model.acq == 0x8000 && pf_model.aqa == 0x10001);
	assert_int_equal(nvme_ctrl_csts(&io), 3);
	assert_int_equal(pf_model.enables, 1);
	assert_int_equal(fetch(&io, 0x9000), SL_OK); /* again, from that state */
	assert_int_equal(pf_model.asq, 0x9000);
	assert_int_equal(pf_model.enables, 2);
	pf_model.never_stops = true;
	assert_int_equal(fetch(&io, 0xb000), SL_TIMEOUT);
	assert_int_equal(pf_model.asq, 0x9000); /* not touched while it may run */
	pf_model.never_stops = false;
	pf_model.never_ready = true;
	pf_model.cc = 0;
	pf_model.csts = 0;
	pf_model.fatal = false;
	uint32_t bell;
	memset(pf_model.bar + 0x1000, 0, 4);
	assert_int_equal(fetch(&io, 0xb000), SL_TIMEOUT);
	memcpy(&bell, pf_model.bar + 0x1000, 4);
	assert_int_equal(bell, 0); /* no doorbell for who is not ready */
	pf_model.never_ready = false;
	pf_model.gone = true;
	assert_int_equal(fetch(&io, 0xb000), SL_DEVICE);
	pf_model.gone = false;
}

/* What firmware or an attack left: CC.EN ends most fatal statuses, a function level reset the rest. */
static void test_fatal_status(void **state)
{
	struct nvme_io io = pf_model.io;
	bool done;
	(void)state;
	flrs = 0;
	flr_says = SL_OK;
	fn.bdf = pf_fn;
	pf_model.cc = pf_model.csts = 1;
	assert_int_equal(nvme_fatal_reset(NULL, &fn, &io, &done), SL_OK); /* it works: nothing is written */
	assert_true(!done && !flrs && pf_model.cc == 1);
	pf_model.fatal = true;
	assert_int_equal(nvme_fatal_reset(NULL, &fn, &io, &done), SL_OK);
	assert_true(!done && !flrs && !pf_model.cc && !pf_model.fatal);
	pf_model.fatal = pf_model.fatal_stays = true;
	assert_int_equal(nvme_fatal_reset(NULL, &fn, &io, &done), SL_OK);
	assert_true(done && flrs == 1 && mastering);
	assert_said("0000:01:00.0: fatal status stayed through a controller reset (CSTS 0x2): function level "
		    "reset made");
	pf_model.never_stops = true; /* nor does it stop */
	pf_model.cc = pf_model.csts = 1;
	assert_int_equal(nvme_fatal_reset(NULL, &fn, &io, &done), SL_OK);
	assert_true(done && flrs == 2);
	flr_says = SL_UNSUPPORTED;
	assert_int_equal(nvme_fatal_reset(NULL, &fn, &io, &done), SL_DEVICE);
	assert_true(!done && !mastering);
	assert_said("function level reset: ");
	pf_model.gone = true;
	assert_int_equal(nvme_fatal_reset(NULL, &fn, &io, &done), SL_OK);
	assert_true(!done && flrs == 3);
	pf_model.gone = pf_model.fatal = pf_model.never_stops = pf_model.fatal_stays = false;
	pf_model.cc = pf_model.csts = 0;
}

/* In the middle of a shutdown. */
static void pull_out(void)
{
	pf_model.gone = pf_model.shutdowns == 5;
}

/* Each drive counts power losses without a shutdown notification. */
static void test_shutdown(void **state)
{
	struct nvme_ctrl c;
	uint64_t start = 0;
	(void)state;
	pf_model.no_shutdown = true;
	pf_model.rtd3e = 700000;
	assert_int_equal(ctrl_init(&c, 0), SL_OK);
	(void)since(&start);
	assert_int_equal(nvme_ctrl_fini(&c), SL_OK);
	uint64_t us = since(&start);
	assert_true(us >= 700000 && us < 5000000);
	assert_said("0000:01:00.0: shutdown not complete (CSTS 0x5): the drive counts it as unsafe");
	assert_int_equal(pf_model.cc & 1, 0);
	pf_model.rtd3e = 0xffffffff; /* more than an hour: it gets half a minute */
	assert_int_equal(ctrl_init(&c, 0), SL_OK);
	(void)since(&start);
	assert_int_equal(nvme_ctrl_fini(&c), SL_OK);
	assert_between(since(&start), 30000000, 31000000);
	pf_model.rtd3e = 0;
	assert_int_equal(ctrl_init(&c, 0), SL_OK);
	(void)since(&start);
	assert_int_equal(nvme_ctrl_fini(&c), SL_OK);
	assert_between(since(&start), 5000000, 6000000);
	pf_model.no_shutdown = false;
	assert_int_equal(ctrl_init(&c, 0), SL_OK);
	assert_int_equal(nvme_ctrl_fini(&c), SL_OK);
	assert_int_equal(pf_model.shutdowns, 4);
	assert_int_equal(pf_model.csts & 0xc, 0);
	assert_int_equal(ctrl_init(&c, 0), SL_OK);
	pf_model.fatal = true; /* who does not listen is told nothing */
	assert_int_equal(nvme_ctrl_fini(&c), SL_OK);
	assert_int_equal(pf_model.shutdowns, 4);
	pf_model.fatal = false;
	pf_model.no_shutdown = true;
	assert_int_equal(ctrl_init(&c, 0), SL_OK);
	(void)since(&start);
	support_meanwhile = pull_out; /* and nothing waits for a drive that is gone */
	assert_int_equal(nvme_ctrl_fini(&c), SL_OK);
	support_meanwhile = NULL;
	assert_true(pf_model.gone && since(&start) < 1000000);
	pf_model.gone = pf_model.no_shutdown = false;
	pf_model.cc = pf_model.csts = 0;
}

/* Statuses that pass: five times again, after the time that Identify tells for the status's CRD. */
static void test_retries(void **state)
{
	static const struct {
		uint16_t status;
		unsigned again, more; /* how often it is sent again; how often the controller says so after
					 the first */
		uint64_t us;
		enum sl_err e;
	} row[] = {
		{0x0082, 1, 0, 100000, SL_OK}, {0x0821, 1, 0, 300000, SL_OK},
		{0x1022, 3, 2, 300000, SL_OK}, {0x1824, 2, 1, 1000000, SL_OK},
		{0x0303, 5, 4, 500000, SL_OK}, {0x0303, 5, 5, 500000, SL_DEVICE},
		{0x4082, 0, 0, 0, SL_DEVICE},  {0x0007, 0, 0, 0, SL_DEVICE},
		{0x0002, 0, 0, 0, SL_DEVICE},  {0x0004, 0, 0, 0, SL_DEVICE},
	};
	struct nvme_ctrl c;
	const volatile void *page;
	uint64_t start = 0;
	(void)state;
	pf_model.crdt[0] = 3; /* 300 ms; CRDT2 is not told */
	pf_model.crdt[2] = 5;
	assert_int_equal(ctrl_init(&c, 0), SL_OK);
	for (unsigned i = 0; i < ARRAY_LEN(row); i++) {
		uint64_t sent = pf_model.admin_commands[6];
		pf_model.fail_opc = 6;
		pf_model.fail_status = row[i].status;
		pf_model.fail_after = 0;
		pf_model.fail_more = row[i].more;
		(void)since(&start);
		assert_int_equal(nvme_identify(&c, NVME_CNS_CTRL, 0, 0, &page), row[i].e);
		assert_between(since(&start), row[i].us, row[i].us + 90000);
		assert_int_equal(pf_model.admin_commands[6] - sent, 1 + row[i].again);
	}
	pf_model.fail_status = 0;
	pf_model.fail_more = 0;
	assert_int_equal(nvme_ctrl_fini(&c), SL_OK);
}

/* Pages that came with version 2.0, or with CAP.CSS bit 6: the model counts it as an error where neither is
 * there. */
static void test_old_controllers(void **state)
{
	struct nvme_ctrl c;
	uint64_t cap = pf_model.cap & ~(1ull << 43);
	(void)state;
	pf_model.vsl = 3;
	for (unsigned i = 0; i < 4; i++) {
		pf_model.vs = i & 1 ? 0x20000 : 0x10400;
		pf_model.cap = cap | (i & 2 ? 1ull << 43 : 0);
		assert_int_equal(ctrl_init(&c, 0), SL_OK);
		assert_int_equal(c.id.max_verify, i ? 0x8000 : UINT64_MAX);
		assert_int_equal(nvme_ctrl_fini(&c), SL_OK);
	}
}

/* Registers of 64 bits by two accesses, the lower half first. */
static void test_registers(void **state)
{
	uint32_t regs[4] = {1, 0x89abcdef, 0x01234567, 4};
	(void)state;
	fn = (struct pci_func){.bdf = pf_fn, .bar = {{.size = sizeof regs}}};
	struct nvme_io io = nvme_io_mmio(&fn, regs);
	assert_int_equal(io.ops->rd32(&io, 4), 0x89abcdef);
	assert_true(io.ops->rd64(&io, 4) == 0x0123456789abcdef);
	io.ops->wr64(&io, 4, 0xfedcba9876543210);
	io.ops->wr32(&io, 12, 5);
	static const uint32_t want[4] = {1, 0x76543210, 0xfedcba98, 5};
	assert_memory_equal(regs, want, sizeof regs);
}

/* Known by their ids, the PF's for a VF: no register is read for 2.3 s after CC.EN was cleared. */
static void test_quiet_after_reset(void **state)
{
	struct nvme_ctrl c;
	struct pci_func one = {.bdf = vf_fn, .pf = &fn, .vendor = 0xffff, .device = 0xffff};
	(void)state;
	fn = (struct pci_func){.bdf = pf_fn, .vendor = 0x144d, .device = 0xa821, .bar = {{.size = 0x4000}}};
	one.bar[0].size = 0x2000;
	struct nvme_io io = nvme_io_mmio(&fn, NULL);
	assert_true(io.quiet_us == 2300000 && io.len == 0x4000);
	assert_said("0000:01:00.0: this model needs 2300 ms without access after a reset");
	io = nvme_io_mmio(&one, NULL);
	assert_true(io.quiet_us == 2300000 && io.len == 0x2000);
	fn.device = 0xa820;
	assert_int_equal(nvme_io_mmio(&fn, NULL).quiet_us, 0);
	assert_int_equal(nvme_io_mmio(&one, NULL).quiet_us, 0);
	static const uint16_t known[][2] = {{0x144d, 0xa821}, {0x144d, 0xa822}, {0x1c58, 0x0003},
					    {0x1c58, 0x0023}, {0x1c5f, 0x0540}, {0x1bb1, 0x0100}};
	for (unsigned i = 0; i < ARRAY_LEN(known); i++) {
		struct pci_func of = {.vendor = known[i][0], .device = known[i][1]};
		assert_int_equal(nvme_io_mmio(&of, NULL).quiet_us, 2300000);
		of.vendor ^= 1;
		assert_int_equal(nvme_io_mmio(&of, NULL).quiet_us, 0);
	}
	pf_model.quiet_us = pf_model.io.quiet_us = 2300000;
	pf_model.cc = pf_model.csts = 1;
	assert_int_equal(ctrl_init(&c, 0), SL_OK);
	pf_model.fatal = true;
	assert_false(nvme_ctrl_stays_fatal(&pf_model.io));
	assert_int_equal(nvme_ctrl_fini(&c), SL_OK);
	assert_int_equal(pf_model.quiet_broken, 0);
}

static void test_silence_is_final(void **state)
{
	struct nvme_ctrl c;
	uint32_t nsid;
	(void)state;
	assert_int_equal(ctrl_init(&c, 0), SL_OK);
	pf_model.deaf = true;
	assert_int_equal(nvme_ns_next(&c, NVME_NS_ACTIVE, 0, &nsid), SL_TIMEOUT);
	uint64_t seen = pf_model.q[0].rings;
	pf_model.deaf = false;
	/* The lost command may still write to its page: nothing is sent after it. */
	assert_int_equal(nvme_ns_next(&c, NVME_NS_ACTIVE, 0, &nsid), SL_DEVICE);
	assert_int_equal(pf_model.q[0].rings, seen);
	pf_dom.stuck = SL_TIMEOUT;
	assert_int_equal(nvme_ctrl_fini(&c), SL_TIMEOUT);
	assert_int_equal(pmm_used_pages(), pages_before + 3); /* not reused while the device may reach it */
	pf_dom.stuck = SL_OK;
	assert_int_equal(nvme_ctrl_fini(&c), SL_OK);
}

static unsigned spoil_cns, spoil_off;
static uint64_t spoil_value;

static void spoil(struct nvme_model *m, unsigned cns, uint8_t *page)
{
	(void)m;
	if (cns == spoil_cns)
		for (unsigned i = 0; i < 4; i++)
			page[spoil_off + i] = (uint8_t)(spoil_value >> (8 * i));
}

static void test_wild_lists(void **state)
{
	struct nvme_ctrl c;
	uint32_t nsid = 0;
	struct nvme_ns got;
	(void)state;
	assert_int_equal(ctrl_init(&c, 0), SL_OK);
	pf_model.spoil = spoil;
	spoil_cns = 0x02;
	spoil_off = 0;
	for (spoil_value = 0; spoil_value < 4; spoil_value++) /* the list has to rise */
		assert_int_equal(nvme_ns_next(&c, NVME_NS_ACTIVE, 3, &nsid),
				 spoil_value ? SL_BADVAL : SL_END);
	spoil_value = 0xffffffff;
	assert_int_equal(nvme_ns_next(&c, NVME_NS_ACTIVE, 3, &nsid), SL_BADVAL);
	assert_int_equal(nvme_ns_next(&c, NVME_NS_ACTIVE, 0xffffffff, &nsid), SL_END);
	spoil_cns = 0x00;
	spoil_off = 24;
	spoil_value = 0x00ff0000; /* FLBAS */
	assert_int_equal(nvme_ns_get(&c, NVME_NS_ACTIVE, 1, &got), SL_UNSUPPORTED);
	assert_said("namespace 1 not used: it reports impossible values");
	assert_int_equal(nvme_ctrl_fini(&c), SL_OK);
	spoil_cns = 0x01;
	spoil_off = 512;
	spoil_value = 0x5577; /* SQES, CQES */
	assert_int_equal(ctrl_init(&c, 0), SL_BADVAL);
	assert_int_equal(pf_dom.n, 0);
}

/* ---- PF ---- */

static void open_pf(void)
{
	assert_int_equal(nvme_pf_open(&pf, &pf_model.io, pf_fn, &pf_dom, IOVA(WINDOW)), SL_OK);
}

static void test_pf_resources(void **state)
{
	uint16_t vq, vi, cntlid = 99;
	(void)state;
	vf_model[0].online = vf_model[1].online = false;
	open_pf();
	assert_int_equal(nvme_pf_share(&pf, 2, &vq, &vi), SL_OK);
	assert_int_equal(vq, 3);
	assert_int_equal(vi, 2);
	assert_int_equal(nvme_pf_share(&pf, 1, &vq, &vi), SL_OK);
	assert_int_equal(vq, 4); /* capped by what one may hold */
	assert_int_equal(nvme_pf_share(&pf, 4, &vq, &vi), SL_NOSPACE);
	assert_int_equal(nvme_pf_share(&pf, 0, &vq, &vi), SL_RANGE);
	assert_int_equal(nvme_pf_vf_online(&pf, 1, 3, 2, &cntlid), SL_OK);
	assert_int_equal(cntlid, 2);
	assert_true(vf_model[1].online && vf_model[1].nvq == 3 && vf_model[1].nvi == 2);
	assert_false(vf_model[0].online);
	assert_int_equal(nvme_pf_vf_online(&pf, 1, 2, 1, &cntlid), SL_OK); /* online already: starts over */
	assert_int_equal(vf_model[1].nvq, 2);
	assert_int_equal(nvme_pf_vf_online(&pf, 2, 2, 1, &cntlid), SL_NOTFOUND);
	assert_int_equal(nvme_pf_vf_online(&pf, 0, 1, 1, &cntlid), SL_RANGE);
	assert_int_equal(nvme_pf_vf_online(&pf, 0, 5, 1, &cntlid), SL_DEVICE);
	assert_said("assign queues: Invalid Number of Controller Resources (1/21h)");
	assert_int_equal(pf.ctrl.status, 0); /* of the offline that follows */
	pf_model.grant_less = 1;
	cntlid = 99;
	assert_int_equal(nvme_pf_vf_online(&pf, 0, 3, 1, &cntlid), SL_NOSPACE);
	assert_int_equal(cntlid, 99);
	assert_false(vf_model[0].online);
	assert_int_equal(vf_model[0].nvq, 0);
	pf_model.grant_less = 0;
	assert_int_equal(nvme_pf_vf_offline(&pf, 1), SL_OK);
	assert_false(vf_model[1].online);
	assert_int_equal(pf_model.pool_vq, 6);
	assert_int_equal(nvme_pf_close(&pf), SL_OK);
}

/* Without virtualization management VFs are there by VF Enable alone. */
static void test_pf_without_management(void **state)
{
	uint16_t vq = 9, vi = 9, cntlid = 0;
	(void)state;
	pf_model.has_virt = false;
	open_pf();
	assert_int_equal(nvme_pf_share(&pf, 2, &vq, &vi), SL_OK);
	assert_true(vq == 0 && vi == 0);
	assert_int_equal(nvme_pf_vf_online(&pf, 1, vq, vi, &cntlid), SL_OK);
	assert_int_equal(cntlid, NVME_NO_CNTLID);
	assert_int_equal(nvme_pf_vf_offline(&pf, 1), SL_OK);
	assert_int_equal(pf_model.admin_commands[0x1c], 0);
	assert_int_equal(pf.ctrl.status, 0);
	assert_int_equal(nvme_pf_close(&pf), SL_OK);
}

/* What is not flexible belongs to each VF already: it is neither shared out nor assigned. */
static void test_pf_fixed(void **state)
{
	uint16_t vq, vi, cntlid;
	(void)state;
	for (unsigned crt = 0; crt < 4; crt++) {
		vf_model[0].online = vf_model[1].online = false;
		pf_model.crt = (uint8_t)crt;
		uint64_t assigns = pf_model.admin_commands[0x1c];
		open_pf();
		assert_int_equal(nvme_pf_share(&pf, 2, &vq, &vi), SL_OK);
		assert_int_equal(vq, crt & 1 ? 3 : 0);
		assert_int_equal(vi, crt & 2 ? 2 : 0);
		assert_int_equal(nvme_pf_vf_online(&pf, 1, vq, vi, &cntlid), SL_OK);
		assert_int_equal(cntlid, 2);
		assert_true(vf_model[1].online && vf_model[1].nvq == vq && vf_model[1].nvi == vi);
		assert_int_equal(pf_model.admin_commands[0x1c] - assigns, 2 + (crt & 1) + crt / 2);
		assert_int_equal(nvme_pf_vf_online(&pf, 1, crt & 1, 2, &cntlid), crt & 1 ? SL_RANGE : SL_OK);
		assert_int_equal(nvme_pf_vf_online(&pf, 1, 2, 0, &cntlid), crt & 2 ? SL_RANGE : SL_OK);
		assert_int_equal(nvme_pf_share(&pf, 4, &vq, &vi), crt & 1 ? SL_NOSPACE : SL_OK);
		assert_int_equal(nvme_pf_share(&pf, 5, &vq, &vi), crt ? SL_NOSPACE : SL_OK);
		assert_int_equal(nvme_pf_vf_offline(&pf, 1), SL_OK);
		assert_int_equal(nvme_pf_close(&pf), SL_OK);
	}
	/* The shares to the last piece. */
	pf_model.pool_vq = 4;
	pf_model.pool_vi = 2;
	open_pf();
	assert_int_equal(nvme_pf_share(&pf, 2, &vq, &vi), SL_OK);
	assert_true(vq == 2 && vi == 1);
	assert_int_equal(nvme_pf_share(&pf, 3, &vq, &vi), SL_NOSPACE);
	assert_int_equal(nvme_pf_close(&pf), SL_OK);
	pf_model.pool_vq = 60;
	open_pf();
	assert_int_equal(nvme_pf_share(&pf, 2, &vq, &vi), SL_OK);
	assert_true(vq == 4 && vi == 1);
	assert_int_equal(nvme_pf_share(&pf, 3, &vq, &vi), SL_NOSPACE); /* no interrupts */
	assert_int_equal(nvme_pf_close(&pf), SL_OK);
}

/* The command with this opcode that comes after so many others of its kind fails, once. */
static void fail_once(uint8_t opcode, unsigned after)
{
	pf_model.fail_opc = opcode;
	pf_model.fail_after = after;
	pf_model.fail_status = 0x006;
}

/* A PF that could not be read is stopped, and nothing of it stays mapped; what is not needed may fail. */
static void test_pf_failed_open(void **state)
{
	(void)state;
	for (unsigned after = 0; after < 4; after++) {
		fail_once(0x06, after);
		enum sl_err e = nvme_pf_open(&pf, &pf_model.io, pf_fn, &pf_dom, IOVA(WINDOW));
		assert_int_equal(e, after == 0 || after == 2 ? SL_DEVICE : SL_OK);
		assert_int_equal(pf_model.cc & 1, !e);
		if (!e)
			assert_int_equal(nvme_pf_close(&pf), SL_OK);
		assert_int_equal(pf_dom.n, 0);
	}
}

/* Whichever command fails, the VF is offline after it: offline, queues, interrupts, online; then none fails.
 */
static void test_pf_failed_online(void **state)
{
	(void)state;
	uint16_t cntlid = 99;
	open_pf();
	for (unsigned after = 0; after < 5; after++) {
		vf_model[0].online = false;
		fail_once(0x1c, after);
		assert_int_equal(nvme_pf_vf_online(&pf, 0, 2, 1, &cntlid), after < 4 ? SL_DEVICE : SL_OK);
		assert_int_equal(vf_model[0].online, after == 4);
		assert_int_equal(cntlid, after < 4 ? 99 : 1);
	}
	fail_once(0x1c, 0);
	assert_int_equal(nvme_pf_vf_offline(&pf, 0), SL_DEVICE);
	pf_model.fail_status = 0;
	assert_int_equal(nvme_pf_close(&pf), SL_OK);
}

/* The list of secondary controllers fails: before the VF is touched, and when it is read back. */
static void test_pf_failed_list(void **state)
{
	(void)state;
	uint16_t cntlid;
	open_pf();
	vf_model[0].online = true;
	for (unsigned after = 0; after < 2; after++) {
		fail_once(0x06, after);
		assert_int_equal(nvme_pf_vf_online(&pf, 0, 2, 1, &cntlid), SL_DEVICE);
		assert_int_equal(vf_model[0].online, !after);
	}
	fail_once(0x06, 0);
	assert_int_equal(nvme_pf_vf_offline(&pf, 0), SL_DEVICE);
	assert_int_equal(nvme_pf_close(&pf), SL_OK);
}

/* Commands about a namespace fail: what is read before, what is read back, and the command itself. */
static void test_pf_failed_ns(void **state)
{
	(void)state;
	uint16_t id[2];
	unsigned n;
	open_pf();
	fail_once(0x06, 0);
	assert_int_equal(nvme_pf_ns_controllers(&pf, 1, id, 2, &n), SL_DEVICE);
	for (unsigned after = 0; after < 2; after++) {
		fail_once(0x06, after);
		assert_int_equal(nvme_pf_ns_detach(&pf, 1, 1), SL_DEVICE);
		ns[0].attached = 7;
	}
	fail_once(0x06, 0);
	assert_int_equal(nvme_pf_ns_attach(&pf, 9, 1), SL_DEVICE);
	fail_once(0x15, 0);
	assert_int_equal(nvme_pf_ns_detach(&pf, 1, 1), SL_DEVICE);
	assert_said("detach namespace 1, controller 1: ");
	assert_int_equal(ns[0].attached, 7);
	ns[0].attached = 4; /* a later one, not the one asked about */
	assert_int_equal(nvme_pf_ns_detach(&pf, 1, 1), SL_NOTFOUND);
	assert_int_equal(nvme_pf_close(&pf), SL_OK);
}

/* A PF that does not answer costs one time-out, not one for each command. */
static void test_pf_silent(void **state)
{
	(void)state;
	open_pf();
	pf_model.deaf = true;
	assert_int_equal(nvme_pf_ns_attach(&pf, 9, 1), SL_TIMEOUT);
	assert_int_equal(nvme_pf_ns_attach(&pf, 9, 1), SL_DEVICE);
	pf_model.deaf = false;
	assert_int_equal(nvme_pf_close(&pf), SL_OK);
}

/* Secondary controllers of more than one page of entries: 127 to a page, the next page begins behind the
 * last id. NVMe §5.17.2.15 */
static unsigned many_first, many_count, many_asked;

static void many(struct nvme_model *m, unsigned cns, uint8_t *page)
{
	(void)m;
	if (cns != 0x15)
		return;
	memset(page, 0, PAGE_SIZE);
	unsigned from = many_asked, n = 0;
	for (unsigned i = 0; i < many_count && n < 127; i++) {
		unsigned scid = many_first + i;
		if (scid < from)
			continue;
		uint8_t *e = page + 32 + 32 * n++;
		e[0] = (uint8_t)scid, e[1] = (uint8_t)(scid >> 8);
		e[4] = 1;
		e[8] = (uint8_t)(i + 1), e[9] = (uint8_t)((i + 1) >> 8);
	}
	page[0] = (uint8_t)n;
	many_asked = from + 127 > many_first + 127 ? from + 127 : many_first + 127;
}

static void test_pf_many(void **state)
{
	(void)state;
	open_pf();
	pf_model.spoil = many;
	static const struct {
		unsigned count, vf;
		enum sl_err e;
	} row[] = {{126, 125, SL_DEVICE}, {127, 126, SL_DEVICE}, {127, 127, SL_NOTFOUND},
		   {128, 127, SL_DEVICE}, {254, 253, SL_DEVICE}, {254, 254, SL_NOTFOUND},
		   {0, 0, SL_NOTFOUND}};
	for (unsigned i = 0; i < ARRAY_LEN(row); i++) {
		many_first = 40;
		many_count = row[i].count;
		many_asked = 0;
		/* No such controller for the model: found, and then refused. */
		assert_int_equal(nvme_pf_vf_offline(&pf, row[i].vf), row[i].e);
	}
	many_first = 0xffff - 126; /* the last id there can be ends it */
	many_count = 127;
	many_asked = 0;
	assert_int_equal(nvme_pf_vf_offline(&pf, 200), SL_NOTFOUND);
	pf_model.spoil = NULL;
	assert_int_equal(nvme_pf_close(&pf), SL_OK);
}

/* Of private namespaces the first that can be worked on: blocks of at most 4 KiB, no metadata, 64 chunks. */
static void test_private_ns(void **state)
{
	static struct machine ma;
	static struct nvme_pf ma_pf;
	(void)state;
	static const struct {
		unsigned shift;
		uint16_t ms;
		uint64_t blocks;
		bool shared, refused, fits;
	} row[] = {{12, 0, 64, false, false, true},   {12, 0, 63, false, false, false},
		   {9, 0, 512, false, false, true},   {9, 0, 511, false, false, false},
		   {13, 0, 256, false, false, false}, {12, 8, 256, false, false, false},
		   {12, 0, 256, true, false, false},  {12, 0, 256, false, true, false},
		   {9, 8, 4096, false, false, false}};
	pf_model.oacs |= 1u << 3;
	ma.pf_own = &ma_pf;
	for (unsigned i = 0; i < ARRAY_LEN(row); i++) {
		ns[0].attached = 1; /* that of another one */
		make_ns(&ns[1], 5, row[i].shift, row[i].ms, row[i].shared);
		ns[1].blocks = row[i].blocks;
		assert_int_equal(nvme_pf_open(&ma_pf, &pf_model.io, pf_fn, &pf_dom, IOVA(WINDOW)), SL_OK);
		pf_model.fail_opc = 0x06;
		pf_model.fail_after = 3; /* list, namespace 1, list, namespace 5 */
		pf_model.fail_status = row[i].refused ? 0x12c : 0;
		assert_int_equal(find_private_ns(&ma), row[i].fits ? 5 : 9);
		pf_model.fail_status = 0;
		ns[1].attached = 8; /* attached to another controller */
		assert_int_equal(find_private_ns(&ma), 9);
		ns[2].attached = 8;
		assert_int_equal(find_private_ns(&ma), 0);
		ns[2].attached = 0;
		ma_pf.ctrl.id.oacs = 0; /* namespaces cannot be listed */
		assert_int_equal(find_private_ns(&ma), 0);
		assert_int_equal(nvme_pf_close(&ma_pf), SL_OK);
	}
	ns[1].blocks = NS_BLOCKS;
}

static void test_pf_lies(void **state)
{
	uint16_t cntlid;
	(void)state;
	pf_model.spoil = spoil;
	spoil_cns = 0x14;
	spoil_off = 0;
	spoil_value = 7; /* another controller's capabilities */
	assert_int_equal(nvme_pf_open(&pf, &pf_model.io, pf_fn, &pf_dom, IOVA(WINDOW)), SL_BADVAL);
	pf_model.log_only = true; /* found in the effects log */
	assert_int_equal(pf_dom.n, 0);
	spoil_cns = 0x15;
	open_pf();
	/* 255 entries; there is room for 127. What lies behind the page is none. */
	struct nvme_secondary *behind = pmm_page();
	assert_ptr_equal(behind, (uint8_t *)pf.ctrl.mem.va + NVME_MEM_ADMIN);
	behind[0] = (struct nvme_secondary){.scid = 1, .vfn = 6};
	spoil_value = 0xff;
	assert_int_equal(nvme_pf_vf_online(&pf, 5, 2, 1, &cntlid), SL_NOTFOUND);
	assert_said("no secondary controller for VF 6");
	pmm_page_free(behind);
	spoil_off = 32 + 4;
	spoil_value = 0; /* the first stays offline, whatever it was told */
	assert_int_equal(nvme_pf_vf_online(&pf, 0, 2, 1, &cntlid), SL_DEVICE);
	assert_false(vf_model[0].online);
	spoil_off = 32;
	spoil_value = 0x00050001; /* belongs to another primary */
	assert_int_equal(nvme_pf_vf_online(&pf, 0, 2, 1, &cntlid), SL_NOTFOUND);
	spoil_cns = 0x12;
	spoil_off = 0;
	spoil_value = 0x0001ffff; /* 65535 ids in a page */
	unsigned n;
	assert_int_equal(nvme_pf_ns_controllers(&pf, 1, &cntlid, 1, &n), SL_BADVAL);
	spoil_value = 0; /* attached without effect */
	assert_int_equal(nvme_pf_ns_attach(&pf, 9, 1), SL_DEVICE);
	assert_int_equal(nvme_pf_close(&pf), SL_OK);
}

static void test_pf_namespaces(void **state)
{
	struct nvme_ns got;
	uint16_t id[4];
	unsigned n;
	(void)state;
	open_pf();
	assert_int_equal(nvme_ns_get(&pf.ctrl, NVME_NS_ALLOCATED, 5, &got), SL_OK);
	assert_int_equal(got.blocks, NS_BLOCKS);
	assert_int_equal(got.pi_type, 1);
	assert_false(got.shared);
	assert_int_equal(nvme_pf_ns_controllers(&pf, 1, id, 2, &n), SL_OK);
	assert_int_equal(n, 3);
	assert_true(id[0] == 0 && id[1] == 1);
	assert_int_equal(nvme_pf_ns_detach(&pf, 9, 1), SL_NOTFOUND);
	assert_int_equal(nvme_pf_ns_attach(&pf, 9, 1), SL_OK);
	assert_int_equal(ns[2].attached, 2);
	assert_int_equal(nvme_pf_ns_attach(&pf, 9, 1), SL_EXISTS);
	assert_int_equal(nvme_pf_ns_attach(&pf, 9, 2), SL_BUSY);
	assert_said("attach namespace 9, controller 2: Namespace Is Private (1/19h)");
	assert_int_equal(nvme_pf_ns_attach(&pf, 77, 2), SL_DEVICE);
	assert_int_equal(nvme_pf_ns_detach(&pf, 9, 1), SL_OK);
	assert_int_equal(ns[2].attached, 0);
	assert_int_equal(nvme_pf_close(&pf), SL_OK);
}

/* ---- VF ---- */

static bool with_shadow;
static unsigned with_queues;
static bool with_irq;

static enum sl_err open_at(uint32_t depth, unsigned share, unsigned shares)
{
	struct nvme_vf_cfg cfg = {vf_model[0].io, vf_fn, &vf_dom[0], IOVA(WINDOW), depth,      share,
				  shares,         NULL,  with_irq,   with_queues,  with_shadow};
	return nvme_vf_open(&vf, &cfg);
}

static void open_vf(uint32_t depth)
{
	ns[1].attached = ns[2].attached = 2;
	assert_int_equal(open_at(depth, 1, 4), SL_OK);
	if (!buffers.va)
		assert_int_equal(dma_get(&vf_dom[0], IOVA(BUFFERS), PAGE_2M, DOMAIN_RW, &buffers), SL_OK);
}

static uint8_t *at(uint64_t iova)
{
	return (uint8_t *)buffers.va + (iova - BUFFERS);
}

static struct block_req request(enum block_op op, uint32_t store, uint64_t lba, uint16_t blocks, uint32_t tag)
{
	return (struct block_req){.op = (uint8_t)op,
				  .blocks = blocks,
				  .store = store,
				  .tag = tag,
				  .lba = lba,
				  .data = IOVA(BUFFERS + tag % 200 * SLOT),
				  .meta = IOVA(META + tag % 200 * 256)};
}

/* One request, to its end. */
static uint16_t run(struct block_req r)
{
	struct block *a = &vf.block;
	struct queue_done d;
	assert_int_equal(a->ops->submit(a, &r, 1), 1);
	assert_int_equal(a->q.ops->poll(&a->q, &d, 1), 0);
	a->q.ops->ring(&a->q);
	nvme_model_step(&vf_model[0]);
	assert_int_equal(a->q.ops->poll(&a->q, &d, 1), 1);
	assert_int_equal(d.tag, r.tag);
	return d.status;
}

static void refused(struct block_req r, enum sl_err why)
{
	struct block *a = &vf.block;
	uint64_t rings = a->q.stats.doorbells;
	assert_int_equal(a->ops->submit(a, &r, 1), 0);
	assert_int_equal(a->q.refused, why);
	a->q.ops->ring(&a->q);
	assert_int_equal(a->q.stats.doorbells, rings);
}

/* Stores of open_vf(): private ones first. */
enum { PI_STORE, PLAIN_STORE, SHARED_STORE };

static void test_vf_stores(void **state)
{
	(void)state;
	open_vf(8);
	const struct block_store *s = vf.block.store;
	assert_int_equal(vf.block.stores, 3);
	assert_int_equal(vf.block.can, BIT(BLOCK_OPS) - 1);
	assert_int_equal(vf.block.q.depth, 8);
	assert_true(s[PI_STORE].pi && s[PI_STORE].meta == 8 && s[PI_STORE].block == 512 &&
		    !s[PI_STORE].shared);
	assert_true(!s[PLAIN_STORE].pi && s[PLAIN_STORE].block == 4096 && s[PLAIN_STORE].blocks == NS_BLOCKS);
	assert_true(s[SHARED_STORE].shared && s[SHARED_STORE].first_lba == 64 &&
		    s[SHARED_STORE].blocks == 64);
	assert_int_equal(nvme_vf_close(&vf), SL_OK);
	vf_model[0].log_only = true; /* Verify is found in the effects log, when there is one */
	open_vf(8);
	assert_int_equal(vf.block.can, BIT(BLOCK_OPS) - 1);
	assert_int_equal(nvme_vf_close(&vf), SL_OK);
	vf_model[0].lpa = 0;
	open_vf(8);
	assert_int_equal(vf.block.can, (BIT(BLOCK_OPS) - 1) & ~BIT(BLOCK_VERIFY));
	assert_int_equal(nvme_vf_close(&vf), SL_OK);
	vf_model[0].oncs = 1 << 3;
	open_vf(8);
	assert_int_equal(vf.block.can, BIT(BLOCK_READ) | BIT(BLOCK_WRITE) | BIT(BLOCK_FILL));
	refused(request(BLOCK_COPY, PLAIN_STORE, 0, 1, 0), SL_UNSUPPORTED);
	refused(request(BLOCK_COMPARE, PLAIN_STORE, 0, 1, 0), SL_UNSUPPORTED);
	assert_int_equal(nvme_vf_close(&vf), SL_OK);
	assert_int_equal(open_at(8, 4, 4), SL_RANGE);
	assert_int_equal(open_at(0, 0, 1), SL_RANGE);
	ns[0].attached = ns[1].attached = ns[2].attached = 0;
	assert_int_equal(open_at(8, 0, 1), SL_NOTFOUND);
	ns[2].attached = 2;
	ns[2].ms = 8;
	ns[2].extended = true;
	assert_int_equal(open_at(8, 0, 1), SL_NOTFOUND);
	ns[2].ms = 0;
	ns[2].extended = false;
}

/* Queues in a part of a block that the caller has mapped: nothing else is mapped, and it stays the caller's.
 */
static void test_vf_lent_memory(void **state)
{
	struct dma_buf block;
	(void)state;
	ns[1].attached = ns[2].attached = 2;
	assert_int_equal(dma_get(&vf_dom[0], IOVA(BUFFERS), PAGE_2M, DOMAIN_RW, &block), SL_OK);
	struct dma_buf part = dma_part(&block, 0x40000, NVME_MEM_SIZE(1));
	assert_int_equal(part.iova.v, BUFFERS + 0x40000);
	assert_int_equal(part.phys.v, block.phys.v + 0x40000);
	assert_ptr_equal(part.va, (uint8_t *)block.va + 0x40000);
	struct nvme_vf_cfg cfg = {.io = vf_model[0].io, .fn = vf_fn, .depth = 8, .shares = 1, .mem = &part};
	part.len -= PAGE_SIZE;
	assert_int_equal(nvme_vf_open(&vf, &cfg), SL_RANGE);
	part.len += PAGE_SIZE;
	uint64_t pages = pmm_used_pages();
	assert_int_equal(nvme_vf_open(&vf, &cfg), SL_OK);
	assert_int_equal(pmm_used_pages(), pages);
	assert_int_equal(vf_dom[0].n, 1);
	assert_int_equal(vf_model[0].asq, BUFFERS + 0x40000);
	assert_ptr_equal(vf.queue.sq, (uint8_t *)block.va + 0x40000 + NVME_SLOT);
	buffers = dma_part(&block, 0, 0x40000);
	assert_int_equal(run(request(BLOCK_READ, PLAIN_STORE, 0, 1, 3)), 0);
	buffers = (struct dma_buf){0};
	assert_int_equal(nvme_vf_close(&vf), SL_OK);
	assert_int_equal(pmm_used_pages(), pages);
	assert_int_equal(vf_dom[0].n, 1);
	assert_int_equal(dma_put(&block), SL_OK);
}

static void test_vf_refuses(void **state)
{
	(void)state;
	open_vf(8);
	struct block_req r = request(BLOCK_READ, PI_STORE, 0, 0, 0);
	refused(r, SL_RANGE); /* no blocks, before anything else was asked for */
	r = request(BLOCK_READ, PLAIN_STORE, 0, 1, 0);
#define WITH(field, value, why)                                                                              \
	do {                                                                                                 \
		struct block_req bad = r;                                                                    \
		bad.field = value;                                                                           \
		refused(bad, why);                                                                           \
	} while (0)
	WITH(op, BLOCK_OPS, SL_RANGE);
	WITH(op, 255, SL_RANGE);
	WITH(store, 3, SL_RANGE);
	WITH(store, UINT32_MAX, SL_RANGE);
	WITH(tag, 8, SL_RANGE);
	WITH(tag, UINT32_MAX, SL_RANGE);
	WITH(blocks, 0, SL_RANGE);
	WITH(blocks, 129, SL_RANGE); /* MDTS */
	WITH(lba, NS_BLOCKS, SL_RANGE);
	WITH(lba, UINT64_MAX, SL_RANGE);
	WITH(data.v, BUFFERS + 512, SL_BADVAL);
	WITH(data.v, 0, SL_BADVAL);
	WITH(pi, BLOCK_PI_CHECK, SL_BADVAL);
	WITH(pi, 4, SL_BADVAL);
	r = request(BLOCK_READ, PLAIN_STORE, NS_BLOCKS - 1, 2, 0);
	refused(r, SL_RANGE);
	r = request(BLOCK_READ, SHARED_STORE, 63, 1, 0);
	refused(r, SL_RANGE); /* another VF's share, below and above */
	r.lba = 128;
	refused(r, SL_RANGE);
	r = request(BLOCK_COPY, SHARED_STORE, 64, 8, 0);
	r.src_lba = 60;
	refused(r, SL_RANGE);
	r.src_lba = 121;
	refused(r, SL_RANGE);
	r = request(BLOCK_COPY, PLAIN_STORE, 64, 33, 0); /* MSSRL */
	refused(r, SL_RANGE);
	r = request(BLOCK_READ, PI_STORE, 0, 1, 0);
	WITH(meta.v, 0, SL_BADVAL);
	WITH(meta.v, META + 2, SL_BADVAL);
	WITH(pi, BLOCK_PI_INSERT, SL_BADVAL);
	r.op = BLOCK_FILL;
	WITH(pi, BLOCK_PI_CHECK, SL_BADVAL);
	r.op = BLOCK_VERIFY;
	WITH(pi, BLOCK_PI_INSERT, SL_BADVAL);
	/* A tag in flight; the requests before the bad one have gone in. */
	struct block_req two[3] = {request(BLOCK_READ, PLAIN_STORE, 0, 1, 3),
				   request(BLOCK_READ, PLAIN_STORE, 1, 1, 3),
				   request(BLOCK_READ, PLAIN_STORE, 2, 1, 4)};
	assert_int_equal(vf.block.ops->submit(&vf.block, two, 3), 1);
	assert_int_equal(vf.block.q.refused, SL_BUSY);
	assert_int_equal(nvme_vf_close(&vf), SL_OK);
	for (unsigned opc = 0; opc < 256; opc++)
		assert_int_equal(vf_model[0].commands[opc], 0);
}

static void pattern(uint8_t *p, size_t n, uint32_t seed)
{
	for (size_t i = 0; i < n; i++) {
		seed = seed * 1664525 + 1013904223;
		p[i] = (uint8_t)(seed >> 24);
	}
}

static void test_vf_data(void **state)
{
	static uint8_t want[8192], zero[8192];
	(void)state;
	vf_model[0].sgls = 0;
	open_vf(16);
	memset(vf.queue.sq, 0xff, nvme_queue_entries(&vf.queue) * sizeof *vf.queue.sq); /* old commands */
	for (uint32_t i = 0; i < 16; i++) {
		struct block_req w = request(BLOCK_WRITE, PLAIN_STORE, 2 * i, 2, i); /* two pages: PRP2 */
		pattern(want, sizeof want, i);
		memcpy(at(w.data.v), want, sizeof want);
		assert_int_equal(run(w), 0);
		assert_memory_equal(ns[2].data + 8192 * i, want, sizeof want);
		struct block_req r = request(BLOCK_READ, PLAIN_STORE, 2 * i, 2, 15 - i);
		memset(at(r.data.v), 0xee, sizeof want);
		assert_int_equal(run(r), 0);
		assert_memory_equal(at(r.data.v), want, sizeof want);
		r.op = BLOCK_COMPARE;
		assert_int_equal(run(r), 0);
		at(r.data.v)[8191] ^= 1;
		assert_true(vf.block.ops->is_miscompare(run(r)));
		struct block_req c = request(BLOCK_COPY, PLAIN_STORE, 128 + 2 * i, 2, i);
		c.src_lba = 2 * i;
		assert_int_equal(run(c), 0);
		assert_memory_equal(ns[2].data + 4096 * (128 + 2 * i), want, sizeof want);
		assert_int_equal(run(request(BLOCK_VERIFY, PLAIN_STORE, 2 * i, 2, i)), 0);
		assert_int_equal(run(request(BLOCK_FILL, PLAIN_STORE, 2 * i, 2, i)), 0);
		assert_memory_equal(ns[2].data + 8192 * i, zero, sizeof zero);
	}
	struct block_req last = request(BLOCK_READ, SHARED_STORE, 112, 16, 0); /* to the share's end */
	assert_int_equal(run(last), 0);
	last.data = IOVA(
		0x5000); /* reaches the device as it is; that the IOMMU refuses it is the model's status */
	assert_int_equal(run(last), 0x004);
	assert_int_equal(nvme_vf_close(&vf), SL_OK);
}

/* A VF whose queue is full of old commands, and a request to read a page of its share. */
static struct block_req open_vf_to_plan(void)
{
	vf_model[0].sgls = 0;
	open_vf(4);
	memset(vf.queue.sq, 0xff, nvme_queue_entries(&vf.queue) * sizeof *vf.queue.sq);
	return request(BLOCK_READ, SHARED_STORE, 0, 8, 0);
}

/* What submit() refuses is not planned either. */
static void test_vf_plan_refused(void **state)
{
	(void)state;
	struct block_req r = open_vf_to_plan();
#define NO_PLAN(field, value, why)                                                                           \
	do {                                                                                                 \
		struct block_req bad = r;                                                                    \
		bad.field = value;                                                                           \
		assert_int_equal(nvme_vf_plan(&vf, &bad), why);                                              \
	} while (0)
	NO_PLAN(op, BLOCK_OPS, SL_RANGE);
	NO_PLAN(store, 3, SL_RANGE);
	NO_PLAN(blocks, 0, SL_RANGE);
	NO_PLAN(blocks, 65, SL_RANGE);
	NO_PLAN(pi, BLOCK_PI_CHECK, SL_BADVAL);
	assert_int_equal(nvme_vf_close(&vf), SL_OK);
}

/* The place and the buffer of a planned request are checked each time, and nothing is put when they are
 * wrong. */
static void test_vf_put_refused(void **state)
{
	iova_t data = IOVA(BUFFERS);
	(void)state;
	struct block_req r = open_vf_to_plan();
	for (unsigned pages = 1; pages <= 2; pages++) {
		r.blocks = (uint16_t)(8 * pages);
		assert_int_equal(nvme_vf_plan(&vf, &r), SL_OK);
		uint64_t last = 64 - r.blocks; /* of the share, which starts at LBA 64 */
		assert_int_equal(nvme_vf_put(&vf, 0, last + 1, data), SL_RANGE);
		assert_int_equal(nvme_vf_put(&vf, 0, UINT64_MAX, data), SL_RANGE);
		assert_int_equal(nvme_vf_put(&vf, 0, 0 - (uint64_t)1, data), SL_RANGE);
		assert_int_equal(nvme_vf_put(&vf, 4, 0, data), SL_RANGE);
		assert_int_equal(nvme_vf_put(&vf, 0, 0, IOVA(data.v + 512)), SL_BADVAL);
		assert_ptr_equal(vf.queue.sq_at, vf.queue.sq_rung);
	}
	assert_int_equal(nvme_vf_close(&vf), SL_OK);
}

/* Requests planned once, where only place and buffer change: the same outcome as through submit(). */
static void test_vf_plan(void **state)
{
	struct queue_done d;
	iova_t data = IOVA(BUFFERS);
	(void)state;
	struct block_req r = open_vf_to_plan();
	for (unsigned pages = 1; pages <= 2; pages++) {
		r.blocks = (uint16_t)(8 * pages);
		assert_int_equal(nvme_vf_plan(&vf, &r), SL_OK);
		uint64_t last = 64 - r.blocks;
		uint8_t *want = ns[0].data + (64 + last) * 512;
		pattern(want, pages * PAGE_SIZE, pages);
		memset(at(data.v), 0xee, 3 * PAGE_SIZE);
		const struct nvme_sqe *e = nvme_queue_slot(&vf.queue);
		assert_int_equal(nvme_vf_put(&vf, 3, last, data), SL_OK);
		assert_true(e->flags == 0 && e->cid == 3 && e->mptr == 0 && e->prp1 == data.v &&
			    e->cdw13 == 0 && e->prp2 == (pages == 2 ? data.v + PAGE_SIZE : 0) &&
			    e->cdw12 == r.blocks - 1u);
		assert_int_equal(nvme_vf_put(&vf, 3, 0, IOVA(data.v + 2 * PAGE_SIZE)), SL_BUSY);
		nvme_queue_ring(&vf.queue);
		assert_false(nvme_queue_ready(&vf.queue));
		nvme_model_step(&vf_model[0]);
		assert_true(nvme_queue_ready(&vf.queue));
		assert_int_equal(vf.block.q.ops->poll(&vf.block.q, &d, 1), 1);
		assert_false(nvme_queue_ready(&vf.queue));
		assert_true(d.tag == 3 && d.status == 0);
		assert_memory_equal(at(data.v), want, pages * PAGE_SIZE);
		assert_int_equal(at(data.v)[pages * PAGE_SIZE], 0xee);
	}
	assert_int_equal(nvme_vf_close(&vf), SL_OK);
}

/* submit() with requests of other kinds in turn: each goes out as what it is. */
static void test_vf_turns(void **state)
{
	static const struct {
		uint32_t store, block;
		unsigned ns;
	} kind[] = {{PLAIN_STORE, 4096, 2}, {SHARED_STORE, 512, 0}, {PI_STORE, 512, 1}};
	(void)state;
	open_vf_to_plan();
	for (uint32_t i = 0; i < 12; i++) {
		unsigned k = i % 3, read = i / 3 % 2;
		struct block_req r = request(read ? BLOCK_READ : BLOCK_WRITE, kind[k].store, 64 + i,
					     (uint16_t)(1 + i % 2), i % 4);
		uint64_t reads = vf_model[0].commands[0x02], writes = vf_model[0].commands[0x01];
		assert_int_equal(run(r), 0);
		assert_int_equal(vf_model[0].commands[0x02] - reads, read);
		assert_int_equal(vf_model[0].commands[0x01] - writes, 1 - read);
		assert_memory_equal(at(r.data.v), ns[kind[k].ns].data + r.lba * kind[k].block,
				    r.blocks * kind[k].block);
	}
	assert_int_equal(nvme_vf_close(&vf), SL_OK);
}

/* ---- entries of the ring that keep their command ---- */

#define KEEP_TAGS 8u /* in a ring of 16 entries */
#define KEEP_SENT 4000u
#define KEEP_HELD                                                                                            \
	251u /* blocks of the large namespace that exist: prime, so no bit of an LBA may be lost             \
	      */

static uint32_t keep_seed;

static uint32_t any_below(uint32_t n)
{
	keep_seed = keep_seed * 1664525 + 1013904223;
	return (uint32_t)((uint64_t)(keep_seed >> 8) * n >> 24);
}

/* What each tag's read has to bring, and what the media hold, by what was sent so far: the model carries out
 * what it fetches in order, and reports it in any. */
static struct {
	bool flying, reads;
	uint32_t bytes;
	uint64_t data, meta;
	uint8_t want[SLOT];
	uint64_t want_meta[2];
} sent[KEEP_TAGS];
static uint8_t held[3][NS_BLOCKS * PAGE_SIZE];

/* Each is of another kind than the one before it, and the last three and the first have the same length. */
static const struct keep_kind {
	enum block_op op;
	uint32_t store, ns;
	uint16_t blocks;
	uint8_t pi;
} keep_kinds[] = {
	{BLOCK_READ, PLAIN_STORE, 2, 1, 0},  {BLOCK_READ, PLAIN_STORE, 2, 2, 0},
	{BLOCK_WRITE, PLAIN_STORE, 2, 2, 0}, {BLOCK_READ, SHARED_STORE, 0, 3, 0},
	{BLOCK_FILL, PLAIN_STORE, 2, 2, 0},  {BLOCK_READ, PI_STORE, 1, 2, BLOCK_PI_CHECK},
	{BLOCK_READ, SHARED_STORE, 0, 8, 0}, {BLOCK_WRITE, SHARED_STORE, 0, 8, 0},
	{BLOCK_WRITE, PLAIN_STORE, 2, 1, 0}, {BLOCK_COPY, SHARED_STORE, 0, 4, 0},
};

static uint64_t keep_block_at(const struct keep_kind *k, uint64_t lba)
{
	return (k->ns == 2 ? lba % KEEP_HELD : lba) << ns[k->ns].shift;
}

/* A request of that kind, at a random place and into a random one of the tag's buffers. */
static struct block_req keep_request(const struct keep_kind *k, uint32_t tag)
{
	uint64_t lba = k->ns == 2 ? any_below(KEEP_HELD - 2) : 64 + any_below(57);
	if (k->ns == 2) /* any of the four quarters of an LBA may differ from what was there */
		lba += (uint64_t)any_below(3) << 32 | (uint64_t)any_below(2) << 17;
	struct block_req r = request(k->op, k->store, lba, k->blocks, tag);
	r.data = IOVA(BUFFERS + (2 * tag + any_below(2)) * SLOT);
	r.src_lba = 64 + any_below(57);
	if (ns[k->ns].dps)
		r.pi = k->pi;
	return r;
}

/* What r will do is noted: at once, as requests are carried out in the order in which they are sent. */
static void keep_note(const struct keep_kind *k, const struct block_req *r)
{
	uint32_t block = 1u << ns[k->ns].shift, bytes = r->blocks * block;
	sent[r->tag].flying = true;
	sent[r->tag].reads = k->op == BLOCK_READ;
	sent[r->tag].bytes = bytes;
	sent[r->tag].data = r->data.v;
	sent[r->tag].meta = k->ns == 1 ? r->meta.v : 0;
	if (k->op == BLOCK_WRITE)
		pattern(at(r->data.v), bytes, any_below(1u << 24));
	else
		memset(at(r->data.v), 0xee, SLOT);
	for (uint32_t i = 0; i < r->blocks; i++) {
		uint8_t *medium = held[k->ns] + keep_block_at(k, r->lba + i);
		if (k->op == BLOCK_WRITE)
			memcpy(medium, at(r->data.v + i * block), block);
		else if (k->op == BLOCK_FILL)
			memset(medium, 0, block);
		else if (k->op == BLOCK_COPY)
			memmove(medium, held[k->ns] + keep_block_at(k, r->src_lba + i), block);
		memcpy(sent[r->tag].want + i * block, medium, block);
	}
	memset(sent[r->tag].want + bytes, 0xee, SLOT - bytes);
	if (k->ns != 1)
		return;
	memset(at(r->meta.v), 0xee, sizeof sent->want_meta);
	memcpy(sent[r->tag].want_meta, ns[1].meta + r->lba * 8, sizeof sent->want_meta);
}

/* Requests that are refused, between others, leave nothing behind. flying: a tag in flight. */
static void keep_refused(const struct keep_kind *k, uint32_t idle, uint32_t flying)
{
	uint64_t share = k->ns == 2 ? 0 : 64, end = k->ns == 2 ? ns[2].blocks : 64;
	const struct nvme_sqe *slot = nvme_queue_slot(&vf.queue);
	struct block_req r = keep_request(k, idle);
	vf.block.q.ops->ring(&vf.block.q); /* refused() expects no doorbell */
	refused((r.tag = KEEP_TAGS, r), SL_RANGE);
	refused((r.tag = UINT32_MAX, r), SL_RANGE);
	refused((r.tag = 0x10000 | idle, r), SL_RANGE);
	refused((r.tag = flying, r), SL_BUSY);
	r.tag = idle;
	if (k->op != BLOCK_FILL && k->op != BLOCK_COPY)
		refused((r.data.v += 512, r), SL_BADVAL);
	r.data.v = ALIGN_DOWN(r.data.v, PAGE_SIZE);
	if (k->ns != 1)
		refused((r.lba = share + end - k->blocks + 1, r), SL_RANGE);
	assert_ptr_equal(nvme_queue_slot(&vf.queue), slot);
}

/* Sends one request, by submit() or as planned. */
static void keep_send(const struct keep_kind *k, uint32_t tag)
{
	struct block_req r = keep_request(k, tag);
	keep_note(k, &r);
	if (any_below(2) || k->ns == 1 || k->op == BLOCK_COPY) {
		assert_int_equal(vf.block.ops->submit(&vf.block, &r, 1), 1);
		return;
	}
	assert_int_equal(nvme_vf_plan(&vf, &r), SL_OK);
	iova_t data = k->op == BLOCK_FILL ? IOVA(0) : r.data;
	assert_int_equal(nvme_vf_put(&vf, tag, r.lba - vf.plan.first, data), SL_OK);
}

/* Takes what has come; each read brought what the medium held, and nothing behind it. */
static unsigned keep_take(void)
{
	struct queue_done d[KEEP_TAGS];
	struct queue *q = &vf.block.q;
	q->ops->ring(q);
	nvme_model_step(&vf_model[0]);
	unsigned n = q->ops->poll(q, d, 1 + any_below(KEEP_TAGS));
	for (unsigned i = 0; i < n; i++) {
		assert_true(d[i].tag < KEEP_TAGS && d[i].status == 0 && sent[d[i].tag].flying);
		sent[d[i].tag].flying = false;
		if (!sent[d[i].tag].reads)
			continue;
		assert_memory_equal(at(sent[d[i].tag].data), sent[d[i].tag].want, SLOT);
		if (sent[d[i].tag].meta)
			assert_memory_equal(at(sent[d[i].tag].meta), sent[d[i].tag].want_meta,
					    sizeof sent->want_meta);
	}
	return n;
}

/* The media hold what was written, and only that. */
static void keep_media_right(void)
{
	for (unsigned i = 0; i < 3; i++)
		assert_memory_equal(ns[i].data, held[i], (size_t)NS_BLOCKS << ns[i].shift);
}

static void keep_open(uint32_t sgls, uint8_t dps)
{
	ns[1].dps = dps;
	vf_model[0].sgls = sgls;
	vf_model[0].shuffle = true;
	ns[2].blocks = 3ull << 32;
	ns[2].held = KEEP_HELD;
	open_vf(KEEP_TAGS);
	memset(vf.queue.sq, 0xff, nvme_queue_entries(&vf.queue) * sizeof *vf.queue.sq);
	memset(sent, 0, sizeof sent);
	for (unsigned i = 0; i < 3; i++) {
		pattern(ns[i].data, (size_t)NS_BLOCKS << ns[i].shift, i);
		memcpy(held[i], ns[i].data, (size_t)NS_BLOCKS << ns[i].shift);
	}
	for (uint32_t i = 0; i < 64; i++) /* data with protection information */
		assert_int_equal(run((struct block_req){.op = BLOCK_FILL,
							.pi = dps ? BLOCK_PI_INSERT : 0,
							.store = PI_STORE,
							.blocks = 2,
							.lba = 64 + 2 * i}),
				 0);
	memcpy(held[1], ns[1].data, NS_BLOCKS * 512);
	for (uint32_t i = 0; i < NS_BLOCKS * 8 && !dps; i++)
		ns[1].meta[i] = (uint8_t)(i * 7);
}

/* Runs of requests of one kind, most of them more than once round the ring, and then of another: what an
 * entry keeps of the one before never goes out with the next, whatever the order of the results. */
static void keep(uint32_t sgls, uint8_t dps, uint32_t seed)
{
	uint32_t left = 0, flying = 0;
	uint64_t kept = 0, all = 0, turns = 0;
	const struct keep_kind *k = NULL;
	keep_seed = seed;
	keep_open(sgls, dps);
	while (all < KEEP_SENT || flying) {
		assert_true(++turns < 10 * KEEP_SENT); /* else a result is missing */
		if (!left) {
			left = 1 + any_below(any_below(2) ? 4 : 60);
			k = &keep_kinds[any_below(ARRAY_LEN(keep_kinds))];
		}
		uint32_t tag = any_below(KEEP_TAGS);
		bool again = all < KEEP_SENT && !sent[tag].flying;
		if (again && flying && !any_below(16))
			for (uint32_t busy = 0; busy < KEEP_TAGS; busy++)
				if (sent[busy].flying)
					keep_refused(k, tag, busy);
		if (again) {
			keep_send(k, tag);
			kept += vf.places != 0;
			left--;
			flying++;
			all++;
		}
		if (!again || !any_below(4))
			flying -= keep_take();
		if (all % 512 == 0 && !flying)
			keep_media_right();
	}
	keep_media_right();
	assert_int_equal(vf.queue.bad, 0);
	assert_true(kept > all / 8);
	vf_model[0].shuffle = false;
	assert_int_equal(nvme_vf_close(&vf), SL_OK);
}

static void test_vf_keep(void **state)
{
	(void)state;
	keep(0, 1, 1);
}

/* The same where the length of two pages of data is in the entry too, and metadata has no protection
 * information. */
static void test_vf_keep_sgl(void **state)
{
	(void)state;
	keep(1, 0, 2);
}

/* Three of an entry's words are written once all entries of the ring hold a command of the kind, and no
 * earlier. */
static void test_vf_keep_words(void **state)
{
	(void)state;
	struct block_req r = open_vf_to_plan();
	assert_int_equal(nvme_vf_plan(&vf, &r), SL_OK);
	uint32_t entries = nvme_queue_entries(&vf.queue);
	for (uint32_t i = 0; i < 3 * entries; i++) {
		struct nvme_sqe *e = nvme_queue_slot(&vf.queue);
		struct queue_done d;
		e->cdw14_15 = i;
		e->mptr = i;
		assert_int_equal(nvme_vf_put(&vf, i % 4, i % 3 ? i : 56, IOVA(BUFFERS + i % 2 * SLOT)),
				 SL_OK);
		bool kept = i >= entries;
		assert_int_equal(e->cdw14_15, kept ? i : 0);
		assert_int_equal(e->mptr, kept ? i : 0);
		e->cdw14_15 = e->mptr = 0;
		nvme_queue_ring(&vf.queue);
		nvme_model_step(&vf_model[0]);
		assert_int_equal(vf.block.q.ops->poll(&vf.block.q, &d, 1), 1);
		assert_true(d.tag == i % 4 && d.status == 0);
	}
	assert_int_equal(nvme_vf_close(&vf), SL_OK);
}

/* Transfers of every length up to the longest: by SGL, by PRP list where there is room for one, and at most
 * two pages with neither. */
static void long_transfers(uint32_t sgls, const struct dma_buf *mem, uint32_t most)
{
	static uint8_t want[NS_BLOCKS * PAGE_SIZE];
	struct nvme_vf_cfg cfg = {
		.io = vf_model[0].io, .fn = vf_fn, .dom = &vf_dom[0], .depth = 4, .shares = 1};
	cfg.mem = mem;
	vf_model[0].sgls = sgls;
	assert_int_equal(nvme_vf_open(&vf, &cfg), SL_OK);
	assert_int_equal(vf.block.store[PLAIN_STORE].most, most);
	for (uint32_t n = 1; n <= most; n += n < 4 ? 1 : 31) {
		struct block_req w = request(BLOCK_WRITE, PLAIN_STORE, 3, (uint16_t)n, 1);
		w.data = IOVA(BUFFERS);
		pattern(want, n * PAGE_SIZE, n);
		memcpy(at(BUFFERS), want, n * PAGE_SIZE);
		memset(ns[2].data, 0xaa, NS_BLOCKS * PAGE_SIZE);
		const struct nvme_sqe *e = nvme_queue_slot(&vf.queue);
		if (vf.lists)
			memset(vf.lists, 0xee, 4 * NVME_LIST);
		assert_int_equal(run(w), 0);
		for (unsigned i = 0; vf.lists && i < 4 * NVME_LIST / 8; i++) /* the list, and no more */
			assert_int_equal(vf.lists[i] == 0xeeeeeeeeeeeeeeee,
					 !(n > 2 && i >= NVME_LIST / 8 && i < NVME_LIST / 8 + n - 1));
		assert_int_equal(e->flags, sgls && n > 1 ? 0x40 : 0);
		assert_memory_equal(ns[2].data + 3 * PAGE_SIZE, want, n * PAGE_SIZE);
		assert_int_equal(ns[2].data[(3 + n) * PAGE_SIZE], 0xaa);
		struct block_req r = request(BLOCK_READ, PLAIN_STORE, 3, (uint16_t)n, 3);
		r.data = IOVA(BUFFERS);
		memset(at(BUFFERS), 0xee, (n + 1) * PAGE_SIZE);
		assert_int_equal(run(r), 0);
		assert_memory_equal(at(BUFFERS), want, n * PAGE_SIZE);
		assert_int_equal(at(BUFFERS)[n * PAGE_SIZE], 0xee);
	}
	refused(request(BLOCK_READ, PLAIN_STORE, 0, (uint16_t)(most + 1), 0), SL_RANGE);
	assert_int_equal(nvme_vf_close(&vf), SL_OK);
	vf_model[0].sgls = 1;
}

static void test_vf_long(void **state)
{
	(void)state;
	struct dma_buf block, part;
	ns[1].attached = ns[2].attached = 2;
	assert_int_equal(dma_get(&vf_dom[0], IOVA(BUFFERS), PAGE_2M, DOMAIN_RW, &buffers), SL_OK);
	assert_int_equal(dma_get(&vf_dom[0], IOVA(BUFFERS + PAGE_2M), PAGE_2M, DOMAIN_RW, &block), SL_OK);
	part = dma_part(&block, 0, NVME_MEM_SIZE(1) + 4 * NVME_LIST);
	long_transfers(1, &part, 128);
	long_transfers(0, &part, 128);
	long_transfers(0, NULL, 128);
	vf_model[0].mdts = 0; /* no limit, but that of a list */
	long_transfers(0, &part, 128);
	part.len--;
	long_transfers(0, &part, 2);
	long_transfers(2, &part, NS_BLOCKS);
	assert_int_equal(dma_put(&block), SL_OK);
}

/* The tuple that the CPU computes for block i at lba. */
static void tuple(uint8_t *pi, const uint8_t *block, uint32_t lba)
{
	uint16_t g = crc16_t10dif(0, block, 512);
	const uint8_t t[8] = {(uint8_t)(g >> 8),    (uint8_t)g,          0,           0, (uint8_t)(lba >> 24),
			      (uint8_t)(lba >> 16), (uint8_t)(lba >> 8), (uint8_t)lba};
	memcpy(pi, t, sizeof t);
}

#define PI_LBA    32u
#define PI_BLOCKS 16u

static struct block_req pi_request(enum block_op op, unsigned pi)
{
	struct block_req r = request(op, PI_STORE, PI_LBA, PI_BLOCKS, op);
	r.pi = (uint8_t)pi;
	return r;
}

/* An open VF and blocks that were written with information from the device, which is what the CPU computes:
 * want[]. Returns the request that wrote them. */
static struct block_req open_vf_with_pi(uint8_t want[PI_BLOCKS * 8])
{
	open_vf(8);
	struct block_req w = pi_request(BLOCK_WRITE, BLOCK_PI_INSERT);
	pattern(at(w.data.v), PI_BLOCKS * 512, 5);
	for (uint32_t b = 0; b < PI_BLOCKS; b++)
		tuple(want + 8 * b, at(w.data.v) + 512 * b, PI_LBA + b);
	assert_int_equal(run(w), 0);
	assert_memory_equal(ns[1].meta + PI_LBA * 8, want, PI_BLOCKS * 8);
	return w;
}

/* Blocks that are as they were written pass all checks. */
static void test_vf_pi(void **state)
{
	uint8_t want[PI_BLOCKS * 8];
	(void)state;
	struct block_req w = open_vf_with_pi(want), r = pi_request(BLOCK_READ, BLOCK_PI_CHECK), c = r;
	assert_int_equal(run(r), 0);
	assert_memory_equal(at(r.meta.v), want, sizeof want);
	assert_memory_equal(at(r.data.v), at(w.data.v), PI_BLOCKS * 512);
	assert_int_equal(run(pi_request(BLOCK_VERIFY, BLOCK_PI_CHECK)), 0);
	c.op = BLOCK_COMPARE;
	assert_int_equal(run(c), 0);
	assert_int_equal(nvme_vf_close(&vf), SL_OK);
}

static struct block_req pi_copy(unsigned pi)
{
	struct block_req cp = pi_request(BLOCK_COPY, pi);
	cp.lba = 100;
	cp.src_lba = PI_LBA;
	return cp;
}

/* Copied blocks carry the tags of their new place. */
static void test_vf_pi_copy(void **state)
{
	uint8_t want[PI_BLOCKS * 8];
	(void)state;
	open_vf_with_pi(want);
	assert_int_equal(run(pi_copy(BLOCK_PI_CHECK)), 0);
	struct block_req v = pi_request(BLOCK_VERIFY, BLOCK_PI_CHECK);
	v.lba = 100;
	assert_int_equal(run(v), 0);
	assert_int_equal(nvme_vf_close(&vf), SL_OK);
}

/* Damage on the medium is found by each request that checks, and by none that does not. */
static void test_vf_pi_damage(void **state)
{
	uint8_t want[PI_BLOCKS * 8];
	(void)state;
	open_vf_with_pi(want);
	ns[1].data[(PI_LBA + 1) * 512] ^= 1;
	assert_int_equal(run(pi_request(BLOCK_VERIFY, BLOCK_PI_CHECK)), 0x282);
	assert_int_equal(run(pi_request(BLOCK_READ, BLOCK_PI_CHECK)), 0x282);
	assert_int_equal(run(pi_copy(BLOCK_PI_CHECK)), 0x282);
	assert_int_equal(run(pi_request(BLOCK_VERIFY, 0)), 0);
	assert_int_equal(run(pi_request(BLOCK_READ, 0)), 0);
	assert_int_equal(run(pi_copy(0)), 0);
	assert_int_equal(nvme_vf_close(&vf), SL_OK);
}

/* Tags that the host brings are checked when asked. */
static void test_vf_pi_brought(void **state)
{
	uint8_t want[PI_BLOCKS * 8];
	(void)state;
	struct block_req w = open_vf_with_pi(want);
	w.pi = BLOCK_PI_CHECK;
	memcpy(at(w.meta.v), want, sizeof want);
	assert_int_equal(run(w), 0);
	at(w.meta.v)[1] ^= 1;
	assert_int_equal(run(w), 0x282);
	at(w.meta.v)[1] ^= 1;
	at(w.meta.v)[7] ^= 1;
	assert_int_equal(run(w), 0x284);
	assert_int_equal(nvme_vf_close(&vf), SL_OK);
}

/* Which statuses mean that a check failed: 282h to 284h, 288h; 285h is a compare's. NVM command set §4.1.3 */
static void test_vf_pi_status(void **state)
{
	(void)state;
	open_vf(8);
	for (uint16_t status = 0x280; status < 0x290; status++) {
		bool check = (status >= 0x282 && status <= 0x284) || status == 0x288;
		assert_int_equal(vf.block.ops->is_pi_error(status), check);
		assert_int_equal(vf.block.ops->is_miscompare(status), status == 0x285);
	}
	assert_true(vf.block.ops->is_pi_error(0x4282));
	assert_false(vf.block.ops->is_pi_error(0x181)); /* never carried out */
	assert_int_equal(nvme_vf_close(&vf), SL_OK);
}

/* Write Zeroes with information: tags of the place, with which a check passes. */
static void test_vf_pi_fill(void **state)
{
	uint8_t want[PI_BLOCKS * 8];
	(void)state;
	open_vf_with_pi(want);
	assert_int_equal(run(pi_request(BLOCK_FILL, BLOCK_PI_INSERT)), 0);
	assert_int_equal(ns[1].meta[PI_LBA * 8 + 7], PI_LBA);
	assert_int_equal(run(pi_request(BLOCK_VERIFY, BLOCK_PI_CHECK)), 0);
	assert_int_equal(nvme_vf_close(&vf), SL_OK);
}

/* Protection information of other kinds: metadata moves, but nothing is checked and nothing copied. */
static void test_vf_other_pi(void **state)
{
	(void)state;
	make_ns(&ns[1], 5, 9, 16, false);
	ns[1].dps = 1;
	open_vf(4);
	assert_int_equal(vf.block.store[PI_STORE].pi_off, 8);
	struct block_req w = request(BLOCK_WRITE, PI_STORE, 7, 1, 0);
	w.pi = BLOCK_PI_INSERT;
	w.meta = IOVA(0);
	refused(w, SL_BADVAL); /* the rest of the metadata comes from memory */
	w.meta = IOVA(META);
	memset(at(META), 0x5a, 16);
	assert_int_equal(run(w), 0);
	assert_int_equal(ns[1].meta[7 * 16 + 7], 0x5a);
	struct block_req v = request(BLOCK_VERIFY, PI_STORE, 7, 1, 0);
	v.pi = BLOCK_PI_CHECK;
	assert_int_equal(run(v), 0);
	assert_int_equal(nvme_vf_close(&vf), SL_OK);
	ns[1].dps = 2;
	for (unsigned wide = 0; wide < 2; wide++) {
		open_vf(4);
		assert_false(vf.block.store[PI_STORE].pi);
		assert_int_equal(vf.block.store[PI_STORE].meta, 16);
		refused(request(BLOCK_COPY, PI_STORE, 0, 1, 0), SL_UNSUPPORTED);
		assert_int_equal(run(request(BLOCK_READ, PI_STORE, 7, 1, 0)), 0);
		assert_int_equal(nvme_vf_close(&vf), SL_OK);
		ns[1].dps = 1; /* type 1, with a 64-bit guard */
		ns[1].pif = 2;
		vf_model[0].ctratt = 1u << 15;
	}
}

/* Many times around the rings with everything in flight and completions in any order. */
static void flood(uint32_t depth, uint32_t batches)
{
	static struct block_req req[NVME_DEPTH_MAX];
	static struct queue_done done[NVME_DEPTH_MAX];
	struct block *a = &vf.block;
	uint64_t want = 0;
	open_vf(depth);
	assert_int_equal(a->q.depth, depth);
	vf_model[0].shuffle = true;
	for (uint32_t b = 0; b < batches; b++) {
		for (uint32_t i = 0; i < depth; i++)
			req[i] = request(BLOCK_READ, SHARED_STORE, 64 + (b + i) % 64, 1, i);
		assert_int_equal(a->ops->submit(a, req, depth), depth);
		a->q.ops->ring(&a->q);
		uint32_t got = 0, seen = 0;
		for (unsigned idle = 0; got < depth && idle < 4; idle++) {
			nvme_model_step(&vf_model[0]);
			unsigned n = a->q.ops->poll(&a->q, done, depth);
			for (unsigned i = 0; i < n; i++) {
				assert_int_equal(done[i].status, 0);
				seen += done[i].tag;
			}
			got += n;
		}
		assert_int_equal(got, depth);
		assert_int_equal(seen, depth * (depth - 1) / 2);
		want += depth;
	}
	assert_int_equal(a->q.stats.ops, want);
	assert_int_equal(a->q.stats.bad, 0);
	assert_int_equal(vf_model[0].q[1].rings, batches);
	/* One submission doorbell a batch; the others are rare. */
	if (with_shadow && !vf_model[0].sleeps) /* a controller that looks by itself needs none */
		assert_int_equal(a->q.stats.doorbells, 0);
	else
		assert_true(a->q.stats.doorbells - batches <= want / 256 + 1 + (depth >= 512 ? batches : 0));
	assert_int_equal(nvme_vf_close(&vf), SL_OK);
	vf_model[0].shuffle = false;
}

/* Doorbells in memory: the register is written for a controller that sleeps, and for no other. */
static void test_vf_shadow(void **state)
{
	(void)state;
	with_shadow = true;
	open_vf(4); /* it has none: registers alone */
	assert_false(vf.ctrl->shadow);
	assert_int_equal(nvme_vf_close(&vf), SL_OK);
	vf_model[0].oacs |= 0x100;
	for (unsigned sleeps = 0; sleeps < 2; sleeps++) {
		vf_model[0].sleeps = sleeps;
		flood(1, 5000);
		flood(7, 1000);
		flood(63, 100);
	}
	assert_true(vf.ctrl->shadow);
	assert_int_equal(vf_model[0].admin_commands[0x7c], 6);
	assert_int_equal(vf_model[0].errors, 0);
	open_vf(4); /* old values are no doorbells */
	uint8_t *shadow = (uint8_t *)vf.ctrl->mem.va + NVME_MEM_SHADOW;
	memset(shadow, 0xff, 2 * PAGE_SIZE);
	assert_int_equal(nvme_ctrl_shadow(vf.ctrl), SL_OK);
	for (unsigned i = 0; i < 2 * PAGE_SIZE; i++)
		assert_int_equal(shadow[i], 0);
	assert_int_equal(nvme_vf_close(&vf), SL_OK);
	vf_model[0].oacs &= 0xfeff;
	with_shadow = false;
}

/* Two queue pairs of one VF: the same tags in flight in both, and each takes its own. */
static void test_vf_more(void **state)
{
	static struct nvme_vf more;
	struct queue_done d;
	(void)state;
	with_queues = 2;
	open_vf(4);
	with_queues = 0;
	assert_int_equal(nvme_vf_more(&more, &vf, 3, 4), SL_RANGE);
	assert_int_equal(nvme_vf_more(&more, &vf, 1, 4), SL_EXISTS);
	assert_int_equal(nvme_vf_more(&more, &vf, 2, 4), SL_OK);
	assert_int_equal(more.block.stores, vf.block.stores);
	assert_true(vf_model[0].q[2].sq_on);
	struct block *a = &vf.block, *b = &more.block;
	struct block_req r = request(BLOCK_READ, PLAIN_STORE, 1, 1, 3);
	assert_int_equal(a->ops->submit(a, &r, 1), 1);
	assert_int_equal(b->ops->submit(b, &r, 1), 1);
	b->q.ops->ring(&b->q);
	nvme_model_step(&vf_model[0]);
	assert_int_equal(a->q.ops->poll(&a->q, &d, 1), 0);
	assert_int_equal(b->q.ops->poll(&b->q, &d, 1), 1);
	assert_int_equal(d.tag, 3);
	a->q.ops->ring(&a->q);
	nvme_model_step(&vf_model[0]);
	assert_int_equal(a->q.ops->poll(&a->q, &d, 1), 1);
	assert_int_equal(b->q.ops->poll(&b->q, &d, 1), 0);
	assert_int_equal(a->q.stats.ops + b->q.stats.ops, 2);
	assert_int_equal(vf_model[0].errors, 0);
	assert_int_equal(nvme_vf_close(&vf), SL_OK);
	assert_int_equal(vf_model[0].admin_commands[0x00], vf_model[0].admin_commands[0x01]);
}

/* Four are all that there is room for, in a further pair as well. */
static void test_vf_more_stores(void **state)
{
	static struct nvme_vf more;
	(void)state;
	for (unsigned i = 3; i < 5; i++) {
		make_ns(&ns[i], 20 + i, 9, 0, false);
		ns[i].attached = 2;
		pf_model.ns[i] = vf_model[0].ns[i] = &ns[i];
	}
	with_queues = 2;
	open_vf(4);
	with_queues = 0;
	assert_int_equal(vf.block.stores, 4);
	memset(&more, 0xff, sizeof more);
	assert_int_equal(nvme_vf_more(&more, &vf, 2, 0), SL_RANGE);
	assert_int_equal(nvme_vf_more(&more, &vf, 2, NVME_DEPTH_MAX + 1), SL_RANGE);
	assert_int_equal(nvme_vf_more(&more, &vf, 2, 4), SL_OK);
	assert_int_equal(more.block.stores, 4);
	for (unsigned i = 0; i < 4; i++)
		assert_true(more.block.store[i].most && more.store[i].nsid == vf.store[i].nsid);
	assert_int_equal(nvme_vf_close(&vf), SL_OK);
}

/* Whichever command of a VF's start fails, nothing of it stays. */
static void test_vf_failed_commands(void **state)
{
	static struct nvme_vf more;
	static const uint16_t opcs[] = {0x06, 0x09, 0x05, 0x01, 0x7c};
	unsigned bad = 0;
	(void)state;
	ns[1].attached = ns[2].attached = 2;
	vf_model[0].oacs |= 0x100;
	with_shadow = true;
	for (unsigned i = 0; i < ARRAY_LEN(opcs); i++)
		for (unsigned after = 0; after < 14; after++) {
			vf_model[0].fail_opc = opcs[i];
			vf_model[0].fail_after = after;
			vf_model[0].fail_status = 0x006;
			enum sl_err e = open_at(4, 0, 1);
			bool was = !vf_model[0].fail_status;
			/* Of Identify, the second is of what earlier controllers do not have, and each that
			 * is of one namespace is missed by no other VF. */
			bool other =
				opcs[i] == 0x06 && (after == 1 || after == 3 || after == 5 || after == 7);
			assert_int_equal(e, was && !other ? SL_DEVICE : SL_OK);
			if (!e)
				assert_int_equal(vf.block.stores, was && after > 1 ? 2 : 3);
			bad += e != SL_OK;
			if (!e)
				assert_int_equal(nvme_vf_close(&vf), SL_OK);
			assert_int_equal(vf_dom[0].n, 0);
			assert_int_equal(vf_model[0].cc & 1, 0);
		}
	assert_int_equal(bad, 9);
	with_shadow = false;
	vf_model[0].oacs &= 0xfeff;
	vf_model[0].fail_status = 0;
	memset(&more, 0xff, sizeof more); /* what was there before counts for nothing */
	with_queues = 2;
	open_vf(4);
	with_queues = 0;
	assert_int_equal(nvme_vf_more(&more, &vf, 2, 4), SL_OK);
	assert_true(more.lists == NULL && more.planned == 0 && more.block.q.depth == 4);
	for (unsigned i = more.block.stores; i < ARRAY_LEN(more.store); i++)
		assert_int_equal(more.store[i].nsid, 0);
	assert_int_equal(nvme_vf_close(&vf), SL_OK);
}

/* A queue with an interrupt: an armed one interrupts for the next result, whatever was taken before. */
static void test_vf_irq(void **state)
{
	struct block *a = &vf.block;
	struct queue_done d[4];
	struct block_req r[2] = {request(BLOCK_READ, 0, 0, 1, 0), request(BLOCK_READ, 0, 1, 1, 1)};
	(void)state;
	open_vf(4);
	assert_false(vf_model[0].q[1].ien);
	assert_int_equal(nvme_vf_close(&vf), SL_OK);
	with_irq = true;
	open_vf(4);
	with_irq = false;
	assert_true(vf_model[0].q[1].ien);
	assert_false(a->q.ops->ready(&a->q));
	(void)run(r[0]);
	assert_int_equal(vf_model[0].irqs[0], 1);
	(void)run(r[0]); /* taken, and the device does not know */
	assert_int_equal(vf_model[0].irqs[0], 1);
	for (unsigned i = 0; i < 3; i++) {
		uint64_t bells = a->q.stats.doorbells;
		a->q.ops->arm(&a->q);
		assert_int_equal(a->q.stats.doorbells, bells + 1);
		a->q.ops->arm(&a->q);
		assert_int_equal(a->q.stats.doorbells, bells + 1); /* nothing new to tell */
		(void)run(r[0]);
		assert_int_equal(vf_model[0].irqs[0], 2 + i);
	}
	/* One is there when it is armed. */
	assert_int_equal(a->ops->submit(a, r, 1), 1);
	a->q.ops->ring(&a->q);
	nvme_model_step(&vf_model[0]);
	a->q.ops->arm(&a->q);
	assert_true(a->q.ops->ready(&a->q));
	assert_int_equal(a->q.ops->poll(&a->q, d, 4), 1);
	assert_false(a->q.ops->ready(&a->q));
	assert_int_equal(nvme_vf_close(&vf), SL_OK);
	/* Any vector that the controller has, and none that it has not. */
	struct nvme_ctrl c;
	static struct nvme_queue q;
	assert_int_equal(ctrl_init(&c, 2), SL_OK);
	assert_int_equal(nvme_ctrl_queue_irq(&c, 1, 4, 3, &q), SL_OK);
	assert_int_equal(pf_model.q[1].iv, 3);
	assert_true(pf_model.q[1].ien);
	assert_int_equal(nvme_ctrl_queue_irq(&c, 2, 4, 4, &q), SL_DEVICE);
	assert_int_equal(nvme_ctrl_fini(&c), SL_OK);
}

static void test_vf_flood(void **state)
{
	(void)state;
	flood(1, 3000);
	flood(2, 1500);
	flood(31, 200);
	flood(32, 200);
	flood(128, 40);
	flood(1023, 7);
}

static unsigned tampered;

static bool tamper(struct nvme_model *m, unsigned qid, uint32_t cqe[4])
{
	if (qid != 1)
		return true;
	switch (tampered++ % 4) {
	case 0:
		cqe[3] = (cqe[3] & 0xffff0000) | 0xfff0; /* no such tag */
		return true;
	case 1:
		cqe[3] ^= 4; /* an idle one */
		return true;
	case 2:
		cqe[2] |= 0xffff; /* no such place */
		return true;
	default:
		m->tamper = NULL;
		return true;
	}
}

static void test_vf_hostile(void **state)
{
	struct queue_done d[8];
	struct block *a = &vf.block;
	(void)state;
	open_vf(8);
	struct block_req r[4];
	for (uint32_t i = 0; i < 4; i++)
		r[i] = request(BLOCK_READ, SHARED_STORE, 64, 1, i);
	assert_int_equal(a->ops->submit(a, r, 4), 4);
	a->q.ops->ring(&a->q);
	vf_model[0].tamper = tamper;
	nvme_model_step(&vf_model[0]);
	assert_int_equal(a->q.ops->poll(&a->q, d, 2), 0); /* two dropped, and the call ends */
	assert_int_equal(a->q.stats.bad, 2);
	assert_int_equal(a->q.ops->poll(&a->q, d, 8), 1);
	assert_int_equal(d[0].tag, 3);
	assert_int_equal(a->q.stats.bad, 3);
	/* A controller that never stops posting does not hold poll() either. */
	for (unsigned i = 0; i < 300; i++)
		nvme_model_post(&vf_model[0], 1, 6, 0, 0, 0);
	assert_int_equal(a->q.ops->poll(&a->q, d, 8), 0);
	assert_int_equal(a->q.stats.bad, 11);
	assert_int_equal(a->q.ops->health(&a->q), SL_OK);
	vf_model[0].fatal = true;
	assert_int_equal(a->q.ops->health(&a->q), SL_DEVICE);
	assert_int_equal(nvme_vf_close(&vf), SL_OK);
	open_vf(8); /* and starts again */
	assert_int_equal(run(request(BLOCK_READ, SHARED_STORE, 64, 1, 0)), 0);
	assert_int_equal(nvme_vf_close(&vf), SL_OK);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_ctrl),
		TEST(test_small_queues),
		TEST(test_dead_controllers),
		TEST(test_ready_time),
		TEST(test_left_starting),
		TEST(test_idle_pages),
		TEST(test_failed_commands),
		TEST(test_ring_sizes),
		TEST(test_strikes),
		TEST(test_fetch),
		TEST(test_fatal_status),
		TEST(test_shutdown),
		TEST(test_registers),
		TEST(test_retries),
		TEST(test_old_controllers),
		TEST(test_quiet_after_reset),
		TEST(test_silence_is_final),
		TEST(test_wild_lists),
		TEST(test_pf_resources),
		TEST(test_pf_fixed),
		TEST(test_pf_without_management),
		TEST(test_pf_failed_open),
		TEST(test_pf_failed_online),
		TEST(test_pf_failed_list),
		TEST(test_pf_failed_ns),
		TEST(test_pf_silent),
		TEST(test_pf_many),
		TEST(test_pf_lies),
		TEST(test_private_ns),
		TEST(test_pf_namespaces),
		TEST(test_vf_stores),
		TEST(test_vf_lent_memory),
		TEST(test_vf_refuses),
		TEST(test_vf_data),
		TEST(test_vf_plan_refused),
		TEST(test_vf_put_refused),
		TEST(test_vf_plan),
		TEST(test_vf_turns),
		TEST(test_vf_keep),
		TEST(test_vf_keep_sgl),
		TEST(test_vf_keep_words),
		TEST(test_vf_long),
		TEST(test_vf_pi),
		TEST(test_vf_pi_copy),
		TEST(test_vf_pi_damage),
		TEST(test_vf_pi_brought),
		TEST(test_vf_pi_status),
		TEST(test_vf_pi_fill),
		TEST(test_vf_other_pi),
		TEST(test_vf_more),
		TEST(test_vf_more_stores),
		TEST(test_vf_shadow),
		TEST(test_vf_failed_commands),
		TEST(test_vf_irq),
		TEST(test_vf_flood),
		TEST(test_vf_hostile),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
