/* The verdict of a forbidden access, against a machine that is made up here: VFs with media, a PF, edu, a
 * unit with fault records. One row for each way in which a machine can be bad or can lie. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "iommu/vtd/backend.h"
#include "apps/proof/attackers.h"
#include "apps/vf/nvme.h"
#include "apps/proof/bystanders.h"
#include "apps/proof/strike_edu.h"
#include "apps/vf/domain.h"
#include "apps/vf/msix.h"
#include "apps/vf/wait.h"
#include "drivers/nvme/reset.h"
#include "apps/bringup/faults.h"
#include "apps/work/timed.h"
#include "apps/work/pattern.h"
#include "drivers/edu/edu.h"
#include "drivers/nvme/ctrl.h"
#include "kernel/core.h"
#include "kernel/pmm.h"
#include "kernel/irq.h"
#include "tests/unit/never_proof.h"
#include "tests/unit/support.h"
#include "tests/unit/test.h"

void core_progress(void) {}

#define VFS     3u /* where a test does not say otherwise */
#define CHUNKS  32u
#define BLOCK   512u
#define WINDOW  0x2000000000ull
#define ALLOWED (WINDOW + 0x100000) /* two pages, read and write */
#define EDU_AT  (WINDOW + 0x110000)
#define HOLE    (WINDOW + 0x200000) /* nothing is mapped */
#define VICTIM  0x5000000ull        /* a physical address, where somebody's page is */
#define MSI_OWN 0xfee00030ull
#define MSI_BAD 0xfee00050ull
#define INDEX   7u

enum lie {
	TRUTH,
	NO_STRIKE,   /* nothing is sent */
	NO_RECORD,   /* refused, and not recorded */
	LATE_RECORD, /* recorded a little later */
	WRONG_BDF,   /* what stands in the record */
	WRONG_ADDRESS,
	WRONG_DIRECTION,
	WRONG_REASON,
	WRONG_INDEX,
	LANDS_FIRST, /* a byte of memory changes, and the record is right */
	LANDS_LAST,
	LANDS_AND_FAILS, /* and the driver reports an error */
	REGISTERS,       /* a controller's registers change */
	LEAKS_ALL,       /* what must not be read comes back, and the record is right */
	LEAKS_WORD,      /* one word of it, at another place */
	LEAKS_START,     /* its first word, as the first */
	LEAKS_END,       /* its last word, as the last */
	LEAKS_BEHIND,    /* the word that follows it in memory */
	LEAKS_FOREIGN,   /* something else comes back */
	NO_LOOK,         /* what came back is not shown: the look itself has no effect */
	LOOK_FAILS,
	NOT_READY,    /* the medium does not take what is to lie there before */
	OTHERS_WRONG, /* data of another VF is wrong meanwhile */
	OTHERS_FAIL,
	OTHERS_SILENT,  /* another VF does not answer any more */
	ATTACKER_WRONG, /* the attacker's own read brings wrong data from then on */
	ATTACKER_EMPTY, /* or none, and says that it has */
	ATTACKER_DEAD,
	ATTACKER_SILENT, /* it strikes at nothing, and does not answer */
	TABLES_ALLOW,    /* the tables in memory have it as allowed */
	DRIVER_FAILS,    /* the strike could not be made */
	DRIVER_LATE,     /* it was made and refused, and the driver reports an error */
	CONTROL_FAILS,   /* the same for the access that is allowed */
	CONTROL_LOOK,    /* what the control has read cannot be looked at */
	NO_EFFECT,       /* nothing happens where it is allowed either */
	HALF_EFFECT,     /* where it is allowed the first page is written, or half of it read */
	ARRIVES,         /* an interrupt gets through */
	STRAY,           /* it gets through to a vector without a handler */
	OWN_SILENT,      /* its own interrupt does not arrive */
	OWN_LATE,        /* it arrives a little later */
	NAMELESS,        /* an interrupt's record has no sender */
};

static enum lie lie;
static bool armed; /* a case runs: not yet during the control */
static uint64_t arrived, stray, registers, own_due;
static struct machine m;
static struct boot_info boot;
static unsigned vfs = VFS;
static struct block accel[VFS_MAX];
static struct block_store store[VFS_MAX];
static uint8_t medium[VFS_MAX][CHUNKS][CHUNK];
static _Alignas(PAGE_SIZE) uint8_t buffers[VFS_MAX][BUFFER_SLOTS][CHUNK];
static _Alignas(PAGE_SIZE) uint8_t allowed[2][PAGE_SIZE], victim[PAGE_SIZE + 8], edu_page[PAGE_SIZE + 8];
static uint8_t edu_buffer[EDU_BUFFER];
static struct pci_func fn[VFS_MAX];
static struct domain *dom = (struct domain *)&m; /* never dereferenced */
static struct nvme_own nvme[VFS_MAX];
static struct nvme_ctrl ctrl[2];
static bool flushed, recorded, claimed;
static struct iommu_fault fault;
static struct attacker by;
static struct attack a;
static struct block_req queue[VFS_MAX][BUFFER_SLOTS], given[VFS_MAX][BUFFER_SLOTS];
static unsigned queued[VFS_MAX], n_given[VFS_MAX], made_ready, polls, looks;
static char device_said[48];
static uint16_t status_of[VFS_MAX][BUFFER_SLOTS];
static bool was_struck[VFS_MAX]; /* a VF has made a forbidden access */

/* ---- the machine ---- */

void *pmm_page(void)
{
	return calloc(1, PAGE_SIZE);
}

void pmm_page_free(void *page)
{
	free(page);
}

uint64_t irq_strays(uint8_t *last)
{
	*last = 0;
	return stray;
}

bdf_t function_requester(const struct machine *machine, bdf_t f)
{
	(void)machine;
	return f;
}

uint64_t timed_seed(const struct vf *vf, uint64_t chunk)
{
	return pattern_seed(vf->index, 1, chunk);
}

void faults_say(struct machine *machine)
{
	(void)machine;
}

enum sl_err domain_flush(struct domain *d)
{
	assert_ptr_equal(d, dom);
	flushed = true;
	return SL_OK;
}

static bool vague; /* records have neither bus nor address nor reason */

static void record(bdf_t who, uint64_t at, bool write, enum iommu_why why)
{
	if (recorded || !claimed || lie == NO_RECORD || !flushed) /* out of a cache it leaves none */
		return;
	recorded = true;
	fault = (struct iommu_fault){
		.bdf = who, .iova = IOVA(ALIGN_DOWN(at, PAGE_SIZE)), .write = write, .why = why};
	if (lie == WRONG_BDF)
		fault.bdf.rid ^= 1;
	if (lie == WRONG_ADDRESS)
		fault.iova.v += PAGE_SIZE;
	if (lie == WRONG_DIRECTION)
		fault.write = !write;
	if (lie == WRONG_REASON)
		fault.why = write ? WHY_NO_READ : WHY_NO_WRITE;
	if (vague)
		fault = (struct iommu_fault){
			.bdf = {0, fault.bdf.rid & 0xff}, .write = fault.write, .vague = true};
}

void iommu_fault_claim(struct iommu *mmu, bdf_t id)
{
	(void)mmu;
	(void)id;
	claimed = true;
	recorded = false;
	armed = true;
}

void iommu_fault_claim_interrupts(struct iommu *mmu, bdf_t id)
{
	iommu_fault_claim(mmu, id);
}

void iommu_fault_unclaim(struct iommu *mmu)
{
	(void)mmu;
	claimed = armed = false;
}

enum sl_err iommu_fault_claimed(struct iommu *mmu, struct iommu_fault *out)
{
	(void)mmu;
	*out = fault;
	return recorded && (lie != LATE_RECORD || looks++ > 5) ? SL_OK : SL_END;
}

bool iommu_fault_waits(struct iommu *mmu)
{
	(void)mmu;
	return claimed && recorded;
}

enum sl_err iommu_walk(struct iommu *mmu, bdf_t f, iova_t iova, struct iommu_walk *out)
{
	(void)mmu;
	*out = (struct iommu_walk){.fn = f, .iova = iova};
	if (lie != TABLES_ALLOW) {
		out->why_write = WHY_NO_WRITE;
		out->why_read = WHY_NO_READ;
	}
	return SL_OK;
}

enum sl_err vtd_read_registers(const struct iommu *mmu, unsigned unit, struct vtd_regs_seen *out)
{
	(void)mmu;
	(void)unit;
	memset(out, 0, sizeof *out);
	return SL_DEVICE;
}

/* What is behind a device address; NULL: refused. */
static uint8_t *behind(uint64_t at, uint64_t *left)
{
	static const struct {
		uint64_t at;
		uint8_t *va;
		uint64_t len;
	} map[] = {{ALLOWED, allowed[0], sizeof allowed}, {EDU_AT, edu_page, PAGE_SIZE}};
	for (unsigned i = 0; i < ARRAY_LEN(map); i++)
		if (at >= map[i].at && at < map[i].at + map[i].len) {
			*left = map[i].len - (at - map[i].at);
			return map[i].va + (at - map[i].at);
		}
	for (unsigned i = 0; i < VFS_MAX; i++)
		if (at >= WINDOW + i * sizeof buffers[0] + 0x1000000 &&
		    at < WINDOW + (i + 1) * sizeof buffers[0] + 0x1000000) {
			*left = WINDOW + (i + 1) * sizeof buffers[0] + 0x1000000 - at;
			return (uint8_t *)buffers[i] + (at - (WINDOW + i * sizeof buffers[0] + 0x1000000));
		}
	return NULL;
}

static void message(bdf_t who, uint64_t at)
{
	bool own = at == MSI_OWN;
	if (own) {
		arrived += lie != OWN_SILENT && lie != OWN_LATE;
		own_due = lie == OWN_LATE ? 5 : 0;
		return;
	}
	if (lie == NO_STRIKE)
		return;
	arrived += lie == ARRIVES;
	stray += lie == STRAY;
	if (lie == ARRIVES || lie == STRAY)
		return;
	record(who, 0, true, WHY_IRQ_SOURCE);
	fault.index = lie == WRONG_INDEX ? INDEX + 1 : INDEX;
	if (lie == NAMELESS)
		fault.bdf.rid = FAULT_NAMELESS;
	if (lie == WRONG_REASON)
		fault.why = WHY_IRQ_INDEX;
}

/* What a forbidden write does. */
static void forbidden_write(void)
{
	if (lie == LANDS_FIRST)
		victim[0] ^= 1;
	if (lie == LANDS_LAST || lie == LANDS_AND_FAILS)
		victim[PAGE_SIZE - 1] ^= 0x80;
	if (lie == REGISTERS)
		registers++;
}

/* What a forbidden read leaves. */
static void forbidden_read(uint8_t *to, uint64_t len)
{
	const uint64_t word = 0x1234567812345678ull;
	memset(to, 0, len);
	if (lie == LEAKS_ALL)
		memcpy(to, victim, len);
	if (lie == LEAKS_WORD)
		memcpy(to + 1000, victim + 2048 - 8, 8);
	if (lie == LEAKS_START)
		memcpy(to, victim, 8);
	if (lie == LEAKS_END)
		memcpy(to + len - 8, victim + PAGE_SIZE - 8, 8);
	if (lie == LEAKS_BEHIND)
		memcpy(to, victim + PAGE_SIZE, 8);
	if (lie == LEAKS_FOREIGN)
		memcpy(to + 8, &word, 8);
}

/* DMA of any function. False when it was refused, or has no effect. */
static bool dma(bdf_t who, uint64_t at, void *data, uint64_t len, bool write)
{
	uint8_t *p = data;
	for (uint64_t n; len; at += n, p += n, len -= n) {
		uint64_t left = PAGE_SIZE - at % PAGE_SIZE;
		if (write && at >> 20 == 0xfee) {
			message(who, at);
			return true;
		}
		uint8_t *va = behind(at, &left);
		left = left < PAGE_SIZE - at % PAGE_SIZE ? left : PAGE_SIZE - at % PAGE_SIZE;
		n = len < left ? len : left;
		bool own = va >= allowed[0] && va < allowed[2];
		if (va && own && lie == NO_EFFECT)
			return true;
		if (va && own && lie == HALF_EFFECT && (write ? va >= allowed[1] : true)) {
			if (!write)
				memcpy(p, va, n / 2);
			return true;
		}
		if (va) {
			memcpy(write ? va : p, write ? p : va, n);
			continue;
		}
		if (lie == NO_STRIKE || lie == ATTACKER_SILENT)
			return true;
		if (write)
			forbidden_write();
		else
			forbidden_read(p, n);
		record(who, at, write, write ? WHY_NO_WRITE : WHY_NO_READ);
		return false;
	}
	return true;
}

/* ---- VFs ---- */

static unsigned index_of(const struct block *x)
{
	return (unsigned)(x - accel);
}

static unsigned submit(struct block *x, const struct block_req *req, unsigned n)
{
	unsigned i = index_of(x);
	memcpy(&queue[i][queued[i]], req, n * sizeof *req);
	memcpy(given[i], req, n * sizeof *req);
	n_given[i] = n;
	queued[i] += n;
	return n;
}

static void carry_out(unsigned i, const struct block_req *r)
{
	uint64_t chunk = r->lba / (CHUNK / BLOCK), bytes = (uint64_t)r->blocks * BLOCK;
	uint64_t in_buffers = r->data.v - (WINDOW + 0x1000000 + i * sizeof buffers[0]);
	bool own = in_buffers < sizeof buffers[0], last = chunk == CHUNKS - 1;
	uint8_t *buffer = (uint8_t *)buffers[i] + (own ? in_buffers : 0);
	status_of[i][r->tag] = 0;
	if (lie == NO_LOOK && own && r->op == BLOCK_READ && last && armed)
		return;
	if (lie == NOT_READY && own && r->op == BLOCK_WRITE && last && ++made_ready > 1)
		status_of[i][r->tag] = 2;
	if (lie == ATTACKER_EMPTY && was_struck[i] && own && !last)
		return;
	if (!dma(fn[i].bdf, r->data.v, medium[i][chunk], bytes, r->op == BLOCK_READ))
		status_of[i][r->tag] = 4;
	was_struck[i] |= !own && armed;
	if (lie == OTHERS_FAIL && armed && i == 1 && r->tag == 7)
		status_of[i][r->tag] = 6;
	if (!own || r->op != BLOCK_READ)
		return;
	if (last && (armed ? lie == LOOK_FAILS : lie == CONTROL_LOOK))
		status_of[i][r->tag] = 1;
	if ((lie == OTHERS_WRONG && armed && i == 2 && r->tag == 0) ||
	    (lie == ATTACKER_WRONG && was_struck[i] && !last))
		buffer[77] ^= 4;
	if (lie == ATTACKER_DEAD && was_struck[i] && !last)
		status_of[i][r->tag] = 6;
}

static void ring(struct queue *x)
{
	(void)x;
}

static unsigned poll(struct queue *x, struct queue_done *done, unsigned max)
{
	unsigned i = index_of((struct block *)x), n = queued[i] < max ? queued[i] : max;
	if (armed && ((lie == OTHERS_SILENT && i == 1) || (lie == ATTACKER_SILENT && i == 0)))
		return 0;
	for (unsigned k = 0; k < n; k++) {
		carry_out(i, &queue[i][k]);
		done[k] = (struct queue_done){queue[i][k].tag, status_of[i][queue[i][k].tag]};
	}
	memmove(queue[i], queue[i] + n, (queued[i] - n) * sizeof queue[0][0]);
	queued[i] -= n;
	return n;
}

static const char *status_text(uint16_t status, char *buf, size_t n)
{
	snprintf(buf, n, "status %u", status);
	return buf;
}

static enum sl_err health(struct queue *x)
{
	(void)x;
	return SL_OK;
}

static const struct queue_ops queue_ops = {
	.name = "fake", .ring = ring, .poll = poll, .status_text = status_text, .health = health};
static const struct block_ops block_ops = {.submit = submit};

/* ---- the PF, and what goes by admin commands ---- */

/* What the driver says of an access that was made. */
static enum sl_err reported(void)
{
	bool fails = armed ? lie == DRIVER_LATE || lie == LANDS_AND_FAILS : lie == CONTROL_FAILS;
	return fails ? SL_TIMEOUT : SL_OK;
}

/* Identify, whose page goes on where prp2 says, and 4 bytes of a log. */
enum sl_err nvme_admin_try(struct nvme_ctrl *c, struct nvme_sqe cmd, uint32_t *dw0)
{
	static uint8_t page[PAGE_SIZE];
	uint64_t len = a.len, first = PAGE_SIZE - cmd.prp1 % PAGE_SIZE;
	assert_null(dw0);
	assert_true(len == 4 ? cmd.opc == NVME_GET_LOG && cmd.nsid == NVME_NSID_ALL &&
				       cmd.cdw10 == NVME_LOG_FIRMWARE
			     : cmd.opc == NVME_IDENTIFY && len == PAGE_SIZE && cmd.cdw10 == NVME_CNS_CTRL);
	memset(page, 0x42, sizeof page);
	c->status = 0;
	if (lie == DRIVER_FAILS && armed)
		return SL_TIMEOUT;
	if (first > len)
		first = len;
	if (!dma(c->fn, cmd.prp1, page, first, true) ||
	    (first < len && !dma(c->fn, cmd.prp2, page, len - first, true)))
		c->status = 0x0004; /* Data Transfer Error */
	return reported();
}

static uint64_t msix_to;
static bool pends; /* a message waits behind the mask */

enum sl_err msix_set(const struct msix_table *t, unsigned v, uint64_t addr, uint32_t data)
{
	(void)t;
	assert_int_equal(v, 0);
	assert_int_equal(data, !a.interrupt      ? by.fn->bdf.rid ^ 0x5aa5u
			       : addr == MSI_OWN ? a.own.data
						 : a.data);
	msix_to = addr;
	if (pends && addr != HOLE) {
		uint32_t four = 0x1234;
		(void)dma(by.fn->bdf, addr, &four, sizeof four, true);
	}
	return SL_OK;
}

static bool has_msi, msi_wide;

enum sl_err msi_read(const struct pci_func *f, struct msi *out)
{
	(void)f;
	*out = (struct msi){.messages = 1, .wide = msi_wide};
	return has_msi ? SL_OK : SL_NOTFOUND;
}

enum sl_err msi_open(const struct pci_func *f, unsigned count, uint64_t addr, uint32_t data)
{
	(void)f;
	assert_true(count == 1 && data == (by.fn->bdf.rid ^ 0x5aa5u) && has_msi && !msix_to);
	msix_to = addr;
	return lie == DRIVER_FAILS && armed ? SL_DEVICE : SL_OK;
}

void msi_close(const struct pci_func *f)
{
	(void)f;
	msix_to = 0;
}

enum sl_err msix_mask(const struct msix_table *t, unsigned v, bool masked)
{
	(void)t;
	assert_int_equal(v, 0);
	assert_true(masked);
	return SL_OK;
}

enum sl_err nvme_identify(struct nvme_ctrl *c, enum nvme_cns cns, uint32_t nsid, uint16_t csi,
			  const volatile void **page)
{
	assert_int_equal(cns, NVME_CNS_CTRL);
	assert_int_equal(nsid, 0);
	assert_int_equal(csi, 0);
	*page = NULL;
	if (a.interrupt) {
		message(c->fn, msix_to);
	} else {
		uint32_t four = 0x1234;
		(void)dma(c->fn, msix_to, &four, sizeof four, true);
	}
	return a.interrupt ? SL_OK : reported();
}

enum sl_err nvme_ctrl_health(const struct nvme_ctrl *c)
{
	(void)c;
	return lie == ATTACKER_DEAD && armed ? SL_DEVICE : SL_OK;
}

/* Registers of a controller that no driver has open: its fetch begins when it is ready. */
static uint64_t asq, acq;
static uint32_t aqa, cc;
static bool ctrl_stopped;

static uint64_t rd64(const struct nvme_io *i, uint32_t off)
{
	(void)i;
	assert_int_equal(off, 0); /* CAP */
	return 0;
}

static uint32_t rd32(const struct nvme_io *i, uint32_t off)
{
	(void)i;
	assert_int_equal(off, 0x1c); /* CSTS */
	return 3;
}

static void wr32(const struct nvme_io *i, uint32_t off, uint32_t v)
{
	(void)i;
	assert_true(ctrl_stopped && (off == 0x24 || off == 0x14));
	*(off == 0x24 ? &aqa : &cc) = v;
}

static void wr64(const struct nvme_io *i, uint32_t off, uint64_t v)
{
	(void)i;
	assert_true(ctrl_stopped && (off == 0x28 || off == 0x30));
	*(off == 0x28 ? &asq : &acq) = v;
}

static uint32_t bar[0x1000];
static const struct nvme_io_ops io_ops = {rd32, rd64, wr32, wr64};
static struct nvme_io fetch_io = {.ops = &io_ops, .regs = (uint8_t *)bar, .len = sizeof bar};

enum sl_err nvme_ctrl_stop(const struct nvme_io *i, bdf_t f)
{
	assert_true(i == &fetch_io && bdf_eq(f, fn[0].bdf));
	ctrl_stopped = true;
	return SL_OK;
}

enum sl_err nvme_ctrl_wait_ready(const struct nvme_io *i, bdf_t f)
{
	uint8_t command[64];
	assert_true(i == &fetch_io && bdf_eq(f, fn[0].bdf));
	assert_true(ctrl_stopped && aqa == 0x10001 && cc == 0x460001 && acq == asq + PAGE_SIZE);
	ctrl_stopped = false;
	(void)dma(by.fn->bdf, asq, command, sizeof command, false);
	return SL_OK;
}

/* ---- edu ---- */

enum sl_err edu_start(struct edu *edu, uint64_t at, uint32_t len, bool to_memory)
{
	(void)edu;
	assert_between(len, 1, EDU_BUFFER);
	if (lie == DRIVER_FAILS && armed && at != EDU_AT)
		return SL_TIMEOUT;
	if (lie == NO_LOOK && armed && at == EDU_AT && to_memory)
		return SL_OK;
	if (lie == LOOK_FAILS && armed && at == EDU_AT && to_memory)
		return SL_TIMEOUT;
	if (lie == CONTROL_LOOK && !armed && at == EDU_AT && to_memory)
		return SL_TIMEOUT;
	if (to_memory && at >> 20 == 0xfee)
		assert_memory_equal(edu_buffer, at == MSI_OWN ? &a.own.data : &a.data, 4);
	(void)dma(by.fn->bdf, at, edu_buffer, len, to_memory);
	return at == EDU_AT ? SL_OK : reported();
}

enum sl_err edu_poll(const struct edu *edu)
{
	(void)edu;
	if (polls++ % 3 == 0)
		return SL_BUSY;
	return lie == ATTACKER_SILENT && armed ? SL_TIMEOUT : SL_OK;
}

enum sl_err edu_dma(struct edu *edu, uint64_t at, uint32_t len, bool to_memory)
{
	return edu_start(edu, at, len, to_memory);
}

/* ---- what finds attackers and takes them out of their domains: not in these tests ---- */

NEVER_VOID(edu_interrupt(const struct edu *e))
NEVER_VOID(attackers_leave_out(const struct attackers *all, const struct pci_func *f, const char *class,
			       const char *why))

const char *attackers_barred(struct machine *machine, const struct pci_func *f, unsigned which, bool takes)
{
	fail();
	return NULL;
}

NEVER(attackers_add(struct machine *machine, struct attackers *all, const struct attacker *who))
NEVER(make_domain(struct machine *machine, const char *name, bdf_t f, struct domain **d))
NEVER(function_connect(struct pci_func *f, struct domain *d, volatile void **regs))
NEVER(dma_get(struct domain *d, iova_t iova, uint64_t len, unsigned perm, struct dma_buf *out))
NEVER(dma_put(struct dma_buf *b))
NEVER(edu_open(struct edu *edu, volatile void *regs))
NEVER_RELEASES
NEVER_VOID(faults_watch(struct machine *machine, bdf_t f))
NEVER_VOID(drop_domain(struct domain **d))
NEVER_VOID(function_disconnect(struct pci_func *f, struct domain *d))

struct pci_func *edu_find(const struct pci *pci)
{
	fail();
	return NULL;
}

/* ---- cases ---- */

enum who { BY_VF, BY_PF, BY_EDU, BY_FETCH, BY_FOLLOWER, BY_MSIX, BY_MSI, WHOS };

/* A class that is only seen to do what it has read. */
static uint64_t fetched;

static bool follower_can(const struct attacker *who, const struct attack *what)
{
	(void)who;
	return !what->write;
}

static enum sl_err follower_strike(struct machine *machine, struct attacker *who, const struct attack *what,
				   char *text, size_t n)
{
	(void)machine;
	(void)text;
	(void)n;
	fetched = 0;
	(void)dma(who->fn->bdf, what->to, &fetched, sizeof fetched, false);
	return SL_OK;
}

static void follower_bait(const struct attacker *who, const struct attack *what, void *place)
{
	const uint64_t order = 0x0bade0000000001;
	assert_true(who == &by && !what->write);
	assert_true(place == (what->to == ALLOWED ? (void *)allowed : (void *)victim));
	assert_false(armed); /* before memory is copied */
	memcpy(place, &order, sizeof order);
}

static bool follower_obeyed(const struct attacker *who)
{
	(void)who;
	return fetched == 0x0bade0000000001;
}

static const struct strike_ops follower = {
	.can = follower_can, .strike = follower_strike, .bait = follower_bait, .obeyed = follower_obeyed};

static void attacker(enum who who)
{
	static struct edu_attacker edu;
	static struct pci_func pf;
	by = (struct attacker){.fn = &fn[0],
			       .dom = &dom,
			       .others = &bystanders_block,
			       .allowed = {.va = allowed, .iova = IOVA(ALLOWED), .len = sizeof allowed}};
	if (who == BY_VF) {
		by.ops = &strike_nvme_vf;
		by.dev = &m.vf[0];
		by.msix = &m.vf[0].msix;
	}
	if (who == BY_PF) {
		pf.bdf = ctrl[1].fn;
		by.fn = &pf;
		by.ops = &strike_nvme_pf;
		by.dev = &ctrl[1];
	}
	if (who == BY_FETCH) {
		by.ops = &strike_nvme_fetch;
		by.dev = &fetch_io;
	}
	if (who == BY_FOLLOWER)
		by.ops = &follower;
	if (who == BY_MSIX || who == BY_MSI) {
		static struct attacker sender;
		attacker(who == BY_MSIX ? BY_VF : BY_PF);
		sender = by;
		sender.worked = UINT16_MAX;
		has_msi = msi_wide = true;
		assert_true(message_attacker(&sender, &by));
		assert_true(by.dev == &sender && by.ops == &strike_message && !by.worked);
	}
	if (who == BY_EDU) {
		edu.page = (struct dma_buf){.va = edu_page, .iova = IOVA(EDU_AT), .len = PAGE_SIZE};
		by.ops = &strike_edu;
		by.dev = &edu;
	}
}

static uint64_t registers_sum(const void *of)
{
	assert_ptr_equal(of, &registers);
	return registers;
}

static void meanwhile(void)
{
	if (own_due && --own_due == 0)
		arrived++;
}

static int start(void **state)
{
	static struct domain *vf_dom;
	support_clock_step = 100;
	support_meanwhile = meanwhile;
	(void)state;
	lie = TRUTH;
	made_ready = polls = looks = 0;
	msix_to = 0;
	has_msi = msi_wide = false;
	armed = recorded = claimed = false;
	arrived = stray = registers = own_due = 0;
	memset(&m, 0, sizeof m);
	m.boot = &boot;
	m.cfg = &boot.cfg;
	boot.cfg.iommu = CONFIG_IOMMU_ON;
	m.vfs = vfs;
	vf_dom = dom;
	for (unsigned i = 0; i <= vfs && i < VFS_MAX; i++) { /* one more, which does not count */
		struct vf *vf = &m.vf[i];
		fn[i].bdf = (bdf_t){0, (uint16_t)(0x101 + i)};
		store[i] = (struct block_store){.block = BLOCK, .blocks = CHUNKS * CHUNK / BLOCK, .most = 64};
		accel[i] = (struct block){.q = {.ops = &queue_ops, .depth = 32},
					  .ops = &block_ops,
					  .can = BIT(BLOCK_READ) | BIT(BLOCK_WRITE)};
		vf->index = i;
		vf->fn = &fn[i];
		vf->dom = vf_dom;
		vf_stores(vf, &accel[i]);
		vf->data = &store[i];
		vf->buffers = (struct dma_buf){.va = buffers[i],
					       .iova = IOVA(WINDOW + 0x1000000 + i * sizeof buffers[0])};
		nvme[i].vf.ctrl = &ctrl[0];
		vf->own = &nvme[i];
		vf->msix.vectors = 1;
		for (unsigned c = 0; c < CHUNKS; c++)
			pattern_fill(medium[i][c], CHUNK, timed_seed(vf, c));
		queued[i] = 0;
		was_struck[i] = false;
	}
	ctrl[0].fn = fn[0].bdf;
	ctrl[1].fn = (bdf_t){0, 0x100};
	pattern_fill(victim, sizeof victim, pattern_seed(9, 9, 9));
	guard_none();
	guard_add(victim, PAGE_SIZE);
	guard_add(allowed, sizeof allowed);
	guard_regs(registers_sum, &registers);
	attacker(BY_VF);
	return 0;
}

static enum attack_outcome run(void)
{
	struct attack_result r;
	flushed = false;
	if (!a.fault_at)
		a.fault_at = a.to;
	assert_true(attack_possible(&by, &a));
	attack_run(&m, &by, &a, &r);
	assert_false(claimed);
	memcpy(device_said, r.said, sizeof device_said);
	return r.outcome;
}

static const char *const outcome_names[ATTACK_OUTCOMES] = {"refused",   "succeeded", "foreign",
							   "arrived",   "silent",    "mistold",
							   "otherwise", "harmed",    "not tried"};

struct row {
	enum lie lie;
	enum attack_outcome want;
	const char *what;
};

static void rows(const struct row *row, size_t n, enum who who, struct attack attack)
{
	for (size_t i = 0; i < n; i++) {
		start(NULL);
		attacker(who);
		a = attack;
		lie = row[i].lie;
		enum attack_outcome o = run();
		if (o != row[i].want)
			fail_msg("attacker %u, %s: %s, not %s", who, row[i].what, outcome_names[o],
				 outcome_names[row[i].want]);
	}
}

#define ROWS(who, attack, ...)                                                                               \
	rows((const struct row[]){__VA_ARGS__}, ARRAY_LEN(((const struct row[]){__VA_ARGS__})), who, attack)
#define ROW(lie, want)                                                                                       \
	{                                                                                                    \
		lie, ATTACK_##want, #lie                                                                     \
	}

/* What is the same for every way of writing. */
#define WRITES                                                                                               \
	ROW(TRUTH, REFUSED), ROW(NO_STRIKE, SILENT), ROW(NO_RECORD, SILENT), ROW(WRONG_BDF, MISTOLD),        \
		ROW(WRONG_ADDRESS, MISTOLD), ROW(WRONG_DIRECTION, MISTOLD), ROW(WRONG_REASON, MISTOLD),      \
		ROW(LANDS_FIRST, SUCCEEDED), ROW(LANDS_LAST, SUCCEEDED), ROW(REGISTERS, SUCCEEDED),          \
		ROW(LANDS_AND_FAILS, SUCCEEDED), ROW(LATE_RECORD, REFUSED), ROW(NOT_READY, REFUSED),         \
		ROW(OTHERS_WRONG, HARMED), ROW(OTHERS_FAIL, HARMED), ROW(OTHERS_SILENT, HARMED),             \
		ROW(TABLES_ALLOW, OTHERWISE), ROW(NO_EFFECT, NOT_TRIED)

static void test_vf_writes(void **state)
{
	struct attack write = {.write = true, .to = HOLE, .len = CHUNK, .why = WHY_NO_WRITE};
	(void)state;
	ROWS(BY_VF, write, WRITES, ROW(ATTACKER_WRONG, HARMED), ROW(ATTACKER_DEAD, HARMED),
	     ROW(ATTACKER_EMPTY, HARMED), ROW(ATTACKER_SILENT, HARMED));
	write.len = 2 * CHUNK;
	ROWS(BY_VF, write, WRITES, ROW(HALF_EFFECT, NOT_TRIED));
	write.len = 4;
	ROWS(BY_VF, write, WRITES, ROW(DRIVER_FAILS, HARMED), ROW(DRIVER_LATE, HARMED),
	     ROW(CONTROL_FAILS, NOT_TRIED));
}

static void test_pf_and_edu_write(void **state)
{
	struct attack write = {.write = true, .to = VICTIM, .len = CHUNK, .why = WHY_NO_WRITE};
	(void)state;
	ROWS(BY_PF, write, WRITES, ROW(DRIVER_FAILS, HARMED), ROW(ATTACKER_DEAD, HARMED),
	     ROW(DRIVER_LATE, HARMED), ROW(CONTROL_FAILS, NOT_TRIED));
	ROWS(BY_EDU, write, WRITES, ROW(DRIVER_FAILS, HARMED), ROW(DRIVER_LATE, HARMED),
	     ROW(CONTROL_FAILS, NOT_TRIED), ROW(ATTACKER_SILENT, HARMED));
	write.to = HOLE - 1;
	write.len = 1;
	ROWS(BY_EDU, write, WRITES);
	write.to = HOLE + PAGE_SIZE - 16; /* ends in the next page, and so does its control */
	write.len = 32;
	ROWS(BY_EDU, write, WRITES, ROW(HALF_EFFECT, NOT_TRIED));
}

#define READS                                                                                                \
	ROW(TRUTH, REFUSED), ROW(NO_STRIKE, SILENT), ROW(NO_RECORD, SILENT), ROW(WRONG_BDF, MISTOLD),        \
		ROW(WRONG_ADDRESS, MISTOLD), ROW(WRONG_DIRECTION, MISTOLD), ROW(WRONG_REASON, MISTOLD),      \
		ROW(LEAKS_ALL, SUCCEEDED), ROW(LEAKS_WORD, SUCCEEDED), ROW(LEAKS_START, SUCCEEDED),          \
		ROW(LEAKS_END, SUCCEEDED), ROW(LEAKS_BEHIND, FOREIGN), ROW(LEAKS_FOREIGN, FOREIGN),          \
		ROW(LATE_RECORD, REFUSED), ROW(OTHERS_SILENT, HARMED), ROW(CONTROL_LOOK, NOT_TRIED),         \
		ROW(LOOK_FAILS, HARMED), ROW(OTHERS_WRONG, HARMED), ROW(OTHERS_FAIL, HARMED),                \
		ROW(TABLES_ALLOW, OTHERWISE), ROW(NO_EFFECT, NOT_TRIED), ROW(HALF_EFFECT, NOT_TRIED)

static void test_reads(void **state)
{
	struct attack read = {.to = VICTIM, .len = CHUNK, .why = WHY_NO_READ, .secret = victim};
	(void)state;
	ROWS(BY_VF, read, READS, ROW(NO_LOOK, FOREIGN), ROW(NOT_READY, HARMED), ROW(ATTACKER_WRONG, HARMED),
	     ROW(ATTACKER_DEAD, HARMED));
	ROWS(BY_EDU, read, READS, ROW(NO_LOOK, FOREIGN), ROW(DRIVER_FAILS, HARMED), ROW(DRIVER_LATE, HARMED),
	     ROW(CONTROL_FAILS, NOT_TRIED));
	read.secret = NULL; /* where no memory is: whatever comes is too much */
	ROWS(BY_VF, read, ROW(TRUTH, REFUSED), ROW(LEAKS_WORD, FOREIGN), ROW(LEAKS_FOREIGN, FOREIGN));
}

/* A function that brings nothing back is refused as long as it does not do what it was to find. */
static void test_follower(void **state)
{
	struct attack read = {.to = VICTIM, .len = CHUNK, .why = WHY_NO_READ, .secret = victim};
	(void)state;
	ROWS(BY_FOLLOWER, read, ROW(TRUTH, REFUSED), ROW(NO_STRIKE, SILENT), ROW(NO_RECORD, SILENT),
	     ROW(WRONG_BDF, MISTOLD), ROW(WRONG_ADDRESS, MISTOLD), ROW(WRONG_DIRECTION, MISTOLD),
	     ROW(WRONG_REASON, MISTOLD), ROW(LEAKS_ALL, SUCCEEDED), ROW(LEAKS_START, SUCCEEDED),
	     ROW(OTHERS_WRONG, HARMED), ROW(TABLES_ALLOW, OTHERWISE), ROW(NO_EFFECT, NOT_TRIED),
	     ROW(HALF_EFFECT, NOT_TRIED));
	read.secret = NULL;
	ROWS(BY_FOLLOWER, read, ROW(TRUTH, REFUSED), ROW(NO_EFFECT, NOT_TRIED));
}

/* Its first access may be a read or a write: only for a class that says so. */
static void test_either_way(void **state)
{
	static struct strike_ops either;
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		start(NULL);
		attacker(BY_FETCH);
		either = *by.ops;
		either.either_way = i;
		by.ops = &either;
		a = (struct attack){.to = VICTIM, .len = CHUNK, .why = WHY_NO_READ, .seen = true};
		lie = WRONG_DIRECTION;
		assert_int_equal(run(), i ? ATTACK_REFUSED : ATTACK_MISTOLD);
		vague = true;
		assert_int_equal(run(), i ? ATTACK_REFUSED : ATTACK_MISTOLD);
		vague = false;
	}
}

/* Of a record without bus and address, what it has must be right. */
static void test_vague(void **state)
{
	struct attack write = {.write = true, .to = HOLE, .len = CHUNK, .why = WHY_NO_WRITE};
	(void)state;
	vague = true;
	ROWS(BY_VF, write, ROW(TRUTH, REFUSED), ROW(NO_RECORD, SILENT), ROW(WRONG_BDF, MISTOLD),
	     ROW(WRONG_DIRECTION, MISTOLD), ROW(WRONG_ADDRESS, REFUSED), ROW(LANDS_FIRST, SUCCEEDED),
	     ROW(TABLES_ALLOW, OTHERWISE));
	vague = false;
}

/* The message of a function to memory. */
static void test_message_writes(void **state)
{
	struct attack write = {.write = true, .to = HOLE, .len = CHUNK, .why = WHY_NO_WRITE};
	(void)state;
	ROWS(BY_MSIX, write, WRITES, ROW(DRIVER_LATE, HARMED), ROW(CONTROL_FAILS, NOT_TRIED));
	ROWS(BY_MSI, write, WRITES, ROW(DRIVER_FAILS, HARMED), ROW(ATTACKER_DEAD, HARMED),
	     ROW(DRIVER_LATE, HARMED), ROW(CONTROL_FAILS, NOT_TRIED));
	start(NULL);
	attacker(BY_MSI);
	for (unsigned i = 0; i < 2;
	     i++) { /* the message is waited for only until it has arrived, or was refused */
		uint64_t from = now_us();
		a = write;
		a.len = 4;
		lie = i ? NO_EFFECT : TRUTH;
		assert_int_equal(run(), i ? ATTACK_HARMED : ATTACK_REFUSED);
		assert_true((now_us() - from < 5000) == !i);
		assert_true((now_us() - from >= 300000) == i); /* also where an emulator is late */
	}
	lie = TRUTH;
	for (unsigned i = 0; i < 2; i++) { /* also in memory of the case's own */
		struct attack lands = {.write = true, .to = EDU_AT, .len = 4, .place = i ? NULL : edu_page};
		char said[48];
		uint64_t from = now_us();
		edu_page[0] = 0;
		assert_int_equal(attack_strike(&m, &by, &lands, said, sizeof said), SL_OK);
		assert_int_equal(edu_page[0], 0x34);
		assert_true((now_us() - from < 5000) == !i);
	}
	attacker(BY_MSIX);
	pends = true; /* it is out before the function is kicked, and what the kick sends changes nothing */
	uint64_t from = now_us();
	assert_int_equal(run(), ATTACK_REFUSED);
	assert_true(now_us() - from < 5000);
	pends = false;
}

/* Which writes a message can be, and which functions can send one. */
static void test_message_can(void **state)
{
	static const struct {
		struct attack a;
		bool wide, can;
	} able[] = {{{.write = true, .to = HOLE, .len = 4, .fault_at = HOLE}, true, true},
		    {{.write = true, .to = HOLE, .len = 4, .fault_at = HOLE}, false, false},
		    {{.write = true, .to = 0xfffffffc, .len = 4}, false, true},
		    {{.write = true, .to = 0x100000000, .len = 4}, false, false},
		    {{.to = HOLE, .len = 4}, true, false},
		    {{.write = true, .to = HOLE + 2, .len = 4}, true, false},
		    {{.write = true, .to = HOLE, .len = CHUNK, .fault_at = HOLE + PAGE_SIZE}, true, false},
		    {{.write = true, .to = MSI_BAD, .interrupt = true}, true, false}};
	(void)state;
	attacker(BY_MSI);
	assert_string_equal(by.name, "+msi");
	assert_int_equal(by.ops->least, 4);
	for (unsigned i = 0; i < ARRAY_LEN(able); i++) {
		msi_wide = able[i].wide;
		assert_int_equal(by.ops->can(&by, &able[i].a), able[i].can);
	}
	struct attacker sender, out;
	attacker(BY_PF);
	sender = by;
	has_msi = false;
	assert_false(message_attacker(&sender, &out));
	attacker(BY_FETCH); /* cannot be made to send one */
	sender = by;
	has_msi = true;
	assert_false(message_attacker(&sender, &out));
}

/* What an earlier case left on the medium is not what this one brought. */
static void test_old_data_is_wiped(void **state)
{
	(void)state;
	memcpy(medium[0][CHUNKS - 1], victim, CHUNK);
	memcpy(edu_buffer, victim, sizeof edu_buffer);
	memset(buffers[0][2], 0x5a, CHUNK); /* what follows the place where it is looked at stays */
	memset(edu_page + PAGE_SIZE, 0x5a, 8);
	a = (struct attack){.to = VICTIM, .len = CHUNK, .why = WHY_NO_READ, .secret = victim};
	assert_int_equal(run(), ATTACK_REFUSED);
	assert_int_equal(buffers[0][2][0], 0x5a);
	attacker(BY_EDU);
	a.fault_at = 0;
	assert_int_equal(run(), ATTACK_REFUSED);
	assert_int_equal(edu_page[PAGE_SIZE], 0x5a);
}

static void test_fetch(void **state)
{
	struct attack fetch = {.seen = true, .to = HOLE, .len = CHUNK, .why = WHY_NO_READ};
	(void)state;
	ROWS(BY_FETCH, fetch, ROW(TRUTH, REFUSED), ROW(NO_STRIKE, SILENT), ROW(WRONG_BDF, MISTOLD),
	     ROW(WRONG_REASON, MISTOLD), ROW(OTHERS_WRONG, HARMED), ROW(TABLES_ALLOW, OTHERWISE));
	fetch.seen = false; /* there is no control for it */
	ROWS(BY_FETCH, fetch, ROW(TRUTH, NOT_TRIED));
}

static struct attack forged(void)
{
	return (struct attack){.write = true,
			       .interrupt = true,
			       .to = MSI_BAD,
			       .len = 4,
			       .index = INDEX,
			       .why = WHY_IRQ_SOURCE,
			       .arrived = &arrived,
			       .data = 0x4321,
			       .own = {MSI_OWN, 0x1234}};
}

#define MESSAGES                                                                                             \
	ROW(TRUTH, REFUSED), ROW(NO_RECORD, REFUSED), ROW(NO_STRIKE, REFUSED), ROW(WRONG_BDF, MISTOLD),      \
		ROW(WRONG_REASON, MISTOLD), ROW(WRONG_INDEX, MISTOLD), ROW(ARRIVES, ARRIVED),                \
		ROW(STRAY, ARRIVED), ROW(OWN_SILENT, NOT_TRIED), ROW(OWN_LATE, REFUSED),                     \
		ROW(REGISTERS, REFUSED)

/* Without a record it counts as refused only because the function's own message has just arrived. */
static void test_messages(void **state)
{
	struct attack msi = forged();
	(void)state;
	ROWS(BY_PF, msi, MESSAGES, ROW(NAMELESS, REFUSED), ROW(OTHERS_WRONG, HARMED));
	ROWS(BY_VF, msi, MESSAGES, ROW(NAMELESS, REFUSED), ROW(ATTACKER_DEAD, REFUSED));
	ROWS(BY_EDU, msi, MESSAGES, ROW(NAMELESS, REFUSED), ROW(CONTROL_FAILS, NOT_TRIED));
	msi.msix = true;
	ROWS(BY_VF, msi, MESSAGES, ROW(NAMELESS, MISTOLD));
	start(NULL);
	attacker(BY_VF);
	a = msi;
	lie = ARRIVES; /* what has arrived was not refused: no record is waited for */
	uint64_t from = now_us();
	assert_int_equal(run(), ATTACK_ARRIVED);
	assert_true(now_us() - from < 5000);
	from = now_us();
	lie = NO_RECORD; /* one wait for the message to be out, and no second one for its record */
	assert_int_equal(run(), ATTACK_REFUSED);
	assert_true(now_us() - from >= 200000 && now_us() - from < 300000);
	msi.own.addr = 0;
	ROWS(BY_VF, msi, ROW(TRUTH, NOT_TRIED), ROW(ARRIVES, NOT_TRIED));
	msi = forged();
	msi.unseen = true;
	ROWS(BY_PF, msi, ROW(TRUTH, REFUSED), ROW(NO_RECORD, SILENT), ROW(NO_STRIKE, SILENT));
	msi = forged();
	msi.why = WHY_IRQ_UNREMAPPED; /* names no entry */
	ROWS(BY_PF, msi, ROW(TRUTH, MISTOLD));
}

/* A control that worked once and does so no more: the function was harmed. */
static void test_control_fails_later(void **state)
{
	(void)state;
	a = (struct attack){.write = true, .to = HOLE, .len = CHUNK, .why = WHY_NO_WRITE};
	attacker(BY_EDU);
	assert_int_equal(run(), ATTACK_REFUSED);
	lie = NO_EFFECT;
	assert_int_equal(run(), ATTACK_HARMED);
	a.len = 4; /* another kind of access */
	assert_int_equal(run(), ATTACK_NOT_TRIED);
	start(state);
	lie = NO_EFFECT;
	a.len = CHUNK;
	assert_int_equal(run(), ATTACK_NOT_TRIED);
	was_struck[0] = true; /* nor does anything else */
	lie = ATTACKER_DEAD;
	by.allowed.len = 0;
	assert_int_equal(run(), ATTACK_NOT_TRIED);
	start(state);
	a = forged();
	lie = OWN_SILENT;
	assert_int_equal(run(), ATTACK_NOT_TRIED);
	for (enum who who = BY_VF; who <= BY_EDU; who += BY_EDU) { /* what an earlier one read is no answer */
		start(state);
		attacker(who);
		a = (struct attack){.to = VICTIM, .len = CHUNK, .why = WHY_NO_READ, .secret = victim};
		assert_int_equal(run(), ATTACK_REFUSED);
		lie = CONTROL_LOOK;
		assert_int_equal(run(), ATTACK_HARMED);
	}
}

static void test_no_translation(void **state)
{
	(void)state;
	boot.cfg.iommu = CONFIG_IOMMU_OFF;
	a = (struct attack){.write = true, .to = HOLE, .len = CHUNK, .why = WHY_NO_WRITE};
	static const enum who who[] = {BY_VF, BY_MSI};
	static struct domain *none; /* so nothing is recorded */
	uint64_t from;
	for (unsigned i = 0; i < 2; i++) { /* memory is looked at until it has changed, and no longer */
		attacker(who[i]);
		by.dom = &none;
		flushed = false;
		a.len = i ? 4 : CHUNK;
		lie = LANDS_LAST;
		from = now_us();
		assert_int_equal(run(), ATTACK_SUCCEEDED);
		assert_true(now_us() - from < 5000);
	}
	attacker(BY_VF);
	a.len = CHUNK;
	lie = NO_STRIKE;
	from = now_us(); /* nothing records a fault, so it does not wait for one as long */
	assert_int_equal(run(), ATTACK_SILENT);
	assert_true(now_us() - from >= 10000 && now_us() - from < 100000);
}

/* Others work in every case, and are counted. */
static void test_others_are_counted(void **state)
{
	uint64_t before = bystanders_verified();
	(void)state;
	a = (struct attack){.write = true, .to = HOLE, .len = CHUNK, .why = WHY_NO_WRITE};
	memset(buffers[1][8], 0x5a, CHUNK); /* the next one */
	assert_int_equal(run(), ATTACK_REFUSED);
	assert_int_equal(buffers[1][8][0], 0x5a);
	assert_int_equal(bystanders_verified() - before, 8 * (VFS - 1));
	start(state);
	attacker(BY_EDU); /* which is busy, and nothing waits for it */
	polls = 2;
	before = bystanders_verified();
	assert_int_equal(run(), ATTACK_REFUSED);
	assert_int_equal(bystanders_verified() - before, 2 * 8 * VFS);
}

/* How many operations each of them has in flight: fewer where there are many. */
static void test_others_share(void **state)
{
	static const struct {
		unsigned others, each;
	} row[] = {{1, 8}, {4, 8}, {5, 4}, {16, 4}, {17, 1}, {VFS_MAX - 1, 1}};
	a = (struct attack){.write = true, .to = HOLE, .len = CHUNK, .why = WHY_NO_WRITE};
	for (unsigned i = 0; i < ARRAY_LEN(row); i++)
		for (unsigned who = 0; who < 4; who++) {
			vfs = who == 1 ? row[i].others : row[i].others + 1;
			start(state);
			if (who == 1)
				attacker(BY_PF);
			if (who == 2) {
				by.dev = &m.vf[vfs - 1];
				by.fn = m.vf[vfs - 1].fn;
			}
			if (who == 3) { /* the first is not open */
				m.vf[0].queue = NULL;
				attacker(BY_PF);
			}
			uint64_t before = bystanders_verified();
			assert_int_equal(run(), ATTACK_REFUSED);
			assert_int_equal(bystanders_verified() - before, row[i].others * row[i].each);
		}
	vfs = VFS_MAX;
	start(state);
	attacker(BY_EDU);
	polls = 2;
	assert_int_equal(run(), ATTACK_REFUSED);
	vfs = VFS;
}

/* Half of it reads, half writes what lies behind, and the next round reads that; the last chunk is left out.
 */
static void test_others_go_round(void **state)
{
	bool seen[CHUNKS] = {false};
	uint64_t written[4] = {0};
	(void)state;
	for (unsigned round = 0; round < 12; round++) {
		a = (struct attack){.write = true, .to = HOLE, .len = CHUNK, .why = WHY_NO_WRITE};
		memset(buffers[1][0], 0x5a, CHUNK);
		assert_int_equal(run(), ATTACK_REFUSED);
		assert_int_equal(n_given[1], 8);
		for (unsigned i = 0; i < 8; i++) {
			uint64_t chunk = given[1][i].lba / (CHUNK / BLOCK);
			assert_int_equal(given[1][i].op, i < 4 ? BLOCK_READ : BLOCK_WRITE);
			if (i < 4 && round)
				assert_int_equal(chunk, written[i]);
			if (i >= 4)
				written[i - 4] = chunk;
			seen[chunk] = true;
		}
	}
	for (unsigned i = 0; i < CHUNKS; i++)
		assert_int_equal(seen[i], i < CHUNKS - 1);
}

/* A read of the attacker's own that brings nothing does not pass for the one before it. */
static void test_own_read_is_new(void **state)
{
	(void)state;
	a = (struct attack){.write = true, .to = HOLE, .len = CHUNK, .why = WHY_NO_WRITE};
	assert_int_equal(run(), ATTACK_REFUSED);
	lie = ATTACKER_EMPTY;
	assert_int_equal(run(), ATTACK_HARMED);
}

static void test_device_says(void **state)
{
	(void)state;
	a = (struct attack){.write = true, .to = HOLE, .len = CHUNK, .why = WHY_NO_WRITE};
	assert_int_equal(run(), ATTACK_REFUSED);
	assert_string_equal(device_said, "status 4");
	lie = NO_STRIKE;
	assert_int_equal(run(), ATTACK_SILENT);
	assert_string_equal(device_said, "success");
	attacker(BY_EDU);
	assert_int_equal(run(), ATTACK_SILENT);
	assert_string_equal(device_said, "nothing");
	start(state);
	attacker(BY_PF);
	assert_int_equal(run(), ATTACK_REFUSED);
	assert_non_null(strstr(device_said, "(0/04h)"));
	lie = NO_STRIKE;
	assert_int_equal(run(), ATTACK_SILENT);
	assert_string_equal(device_said, "success");
}

/* What an earlier stage left unfinished on another VF is not waited for. */
static void test_left_over_work(void **state)
{
	(void)state;
	for (unsigned i = 1; i < VFS; i++) {
		start(state);
		m.vf[i].batch.n = 32;
		a = (struct attack){.write = true, .to = HOLE, .len = CHUNK, .why = WHY_NO_WRITE};
		assert_int_equal(run(), ATTACK_REFUSED);
	}
}

static void test_possible(void **state)
{
	(void)state;
	a = (struct attack){.write = true, .to = HOLE, .len = CHUNK};
	assert_true(attack_possible(&by, &a));
	a.write = false;
	accel[0].can = BIT(BLOCK_READ);
	assert_false(attack_possible(&by, &a));
	a = (struct attack){.to = HOLE, .len = 4}; /* few bytes are only written */
	assert_false(attack_possible(&by, &a));
	a = (struct attack){.write = true, .to = HOLE + 2, .len = 4};
	assert_false(attack_possible(&by, &a));
	a = (struct attack){.to = HOLE, .len = CHUNK};
	attacker(BY_PF);
	assert_false(attack_possible(&by, &a));
	a = (struct attack){.write = true, .to = HOLE + 2, .len = 4};
	assert_false(attack_possible(&by, &a));
	attacker(BY_EDU);
	assert_true(attack_possible(&by, &a));
	a.msix = true;
	assert_false(attack_possible(&by, &a));
	attacker(BY_FETCH);
	a = (struct attack){.write = true, .to = HOLE, .len = CHUNK};
	assert_false(attack_possible(&by, &a));
	a.write = false;
	assert_true(attack_possible(&by, &a));
	assert_int_equal(attack_ready(&m, &by, &a), SL_OK); /* nothing has to be made ready */
}

/* By MSI-X: a function that has it on, of a class that can be made to send one. */
static void test_possible_by_msix(void **state)
{
	static struct msix_table off, on = {.vectors = 1};
	static const struct {
		enum who who;
		const struct msix_table *msix;
		bool can;
	} row[] = {{BY_VF, &on, true},   {BY_VF, &off, false}, {BY_VF, NULL, false},  {BY_PF, &on, true},
		   {BY_PF, NULL, false}, {BY_EDU, &on, true},  {BY_FETCH, &on, false}};
	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(row); i++) {
		a = forged();
		a.msix = true;
		attacker(row[i].who);
		by.msix = row[i].msix;
		assert_int_equal(attack_possible(&by, &a), row[i].can);
	}
}

static void test_words(void **state)
{
	(void)state;
	for (unsigned o = 0; o < ATTACK_OUTCOMES; o++)
		for (unsigned p = 0; p < o; p++)
			assert_string_not_equal(attack_outcome_text((enum attack_outcome)o),
						attack_outcome_text((enum attack_outcome)p));
}

/* ---- what is guarded ---- */

static uint8_t regs[0x38]; /* of a controller, to the end of ACQ */

static uint32_t regs_rd32(const struct nvme_io *i, uint32_t off)
{
	uint32_t v;
	(void)i;
	memcpy(&v, regs + off, sizeof v);
	return v;
}

static uint64_t regs_rd64(const struct nvme_io *i, uint32_t off)
{
	uint64_t v;
	(void)i;
	memcpy(&v, regs + off, sizeof v);
	return v;
}

/* A change of any bit of VS, CC, CSTS, AQA, CAP, ASQ and ACQ is seen; the others are not read. */
static void test_guard_registers(void **state)
{
	static const struct nvme_io_ops ops = {.rd32 = regs_rd32, .rd64 = regs_rd64};
	static const uint8_t guarded[] = {0x00, 0x04, 0x08, 0x14, 0x1c, 0x24, 0x28, 0x2c, 0x30, 0x34};
	(void)state;
	ctrl[0].io = (struct nvme_io){.ops = &ops};
	for (unsigned off = 0; off < sizeof regs; off += 4)
		for (unsigned bit = 0; bit < 32; bit++) {
			guard_none();
			strike_nvme_vf.guard(&m);
			guard_take();
			regs[off + bit / 8] ^= (uint8_t)(1u << bit % 8);
			assert_int_equal(guard_changed(), memchr(guarded, (int)off, sizeof guarded) != NULL);
		}
	guard_free();
}

/* Every byte of every range, to the last. */
static void test_guard(void **state)
{
	static uint8_t range[3 * PAGE_SIZE + 8];
	(void)state;
	guard_none();
	guard_add(range, sizeof range);
	guard_add(victim, 16);
	guard_add(victim, 16);
	for (size_t i = 0; i < sizeof range; i += i % PAGE_SIZE == 1 ? PAGE_SIZE - 3 : 1) {
		guard_take();
		assert_false(guard_changed());
		range[i] ^= 0x10;
		assert_true(guard_changed());
		range[i] ^= 0x10;
		assert_false(guard_changed());
	}
	victim[16] ^= 1; /* is not in the list */
	assert_false(guard_changed());
	assert_true(guard_whole());
	guard_none();
	victim[0] ^= 1;
	range[0] ^= 1;
	assert_false(guard_changed());
	for (unsigned i = 0; i < 5000; i++) { /* what is guarded already takes no place */
		guard_add(range, sizeof range);
		guard_add(victim, 16);
	}
	assert_true(guard_whole());
	for (unsigned i = 0; i < 5000; i++)
		guard_regs(registers_sum, &registers);
	assert_false(guard_whole());
	a = (struct attack){.write = true, .to = HOLE, .len = CHUNK, .why = WHY_NO_WRITE};
	assert_int_equal(run(), ATTACK_HARMED);
	guard_free();
	assert_true(guard_whole());
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, start)
	const struct CMUnitTest tests[] = {
		T(test_vf_writes),
		T(test_pf_and_edu_write),
		T(test_reads),
		T(test_follower),
		T(test_either_way),
		T(test_vague),
		T(test_message_writes),
		T(test_message_can),
		T(test_old_data_is_wiped),
		T(test_fetch),
		T(test_messages),
		T(test_no_translation),
		T(test_control_fails_later),
		T(test_others_are_counted),
		T(test_others_share),
		T(test_others_go_round),
		T(test_own_read_is_new),
		T(test_device_says),
		T(test_possible),
		T(test_possible_by_msix),
		T(test_left_over_work),
		T(test_words),
		T(test_guard),
		T(test_guard_registers),
	};
	return cmocka_run_group_tests_name("attack", tests, NULL, NULL);
}
