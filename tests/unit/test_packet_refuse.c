/* Stage refuse of VFs that send and receive, against a card that is made up here: it moves frames between
 * memory that its VFs reach, and can be bad or lie in one way at a time. The order of a case and its verdict
 * are the real ones. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "apps/bringup/faults.h"
#include "apps/proof/guard.h"
#include "apps/proof/refuse.h"
#include "apps/proof/standin.h"
#include "apps/proof/strike.h"
#include "apps/proof/strike_packet.h"
#include "apps/vf/igb.h"
#include "apps/work/packets.h"
#include "apps/work/pattern.h"
#include "iommu/vtd/backend.h"
#include "kernel/irq.h"
#include "kernel/paging.h"
#include "kernel/pmm.h"
#include "tests/unit/never.h"
#include "tests/unit/support.h"
#include "tests/unit/support_stages.h"
#include "tests/unit/test.h"

#define VFS     4u
#define KERNEL  0x7000000ull
#define PHYS_OF 0x800000000ull /* of VF 0's send buffers; the others' follow */
#define FRAMES  32u

enum lie {
	TRUTH,
	DROPS,      /* a frame with a part that is refused is not sent; else it has zeros there */
	OLD_FRAMES, /* one of an earlier case is still there */
	NO_STRIKE,  /* what is forbidden is not tried */
	NO_RECORD,
	WRONG_BDF,
	WRONG_REASON,
	LANDS, /* a forbidden write changes another VF's page */
	LANDS_KERNEL,
	LANDS_OWN,    /* the attacker's page that it may only read */
	LEAKS,        /* a forbidden source is sent */
	LEAKS_WORD,   /* one word of it */
	FOREIGN,      /* something else is sent */
	OTHERS_WRONG, /* a frame of the others changes, */
	OTHERS_LOST,  /* does not arrive */
	OTHERS_STUCK, /* or cannot be sent */
	NOT_BACK,     /* its rings cannot be set up after the strike */
	WRONG_AFTER,  /* frames that it sends change then, */
	WRONG_TO,     /* or those that it receives */
	SILENT_AFTER, /* or none arrives */
	NO_EFFECT,    /* nothing happens where it is allowed either */
	NO_RINGS,     /* nor by rings in another place of its own, */
	NO_OPEN,      /* which cannot be set up there */
	STRIKE_FAILS, /* nor where they must not be */
	PEER_STUCK,   /* its peer cannot send then */
	SEND_FAILS,   /* the peer's frame of a strike cannot be sent */
};

static enum lie lie;
static bool armed, struck, dropped, flushed, claimed, recorded;
static struct iommu_fault fault;
static struct packet packet[VFS];
static struct igb_own own[VFS];
static struct queue_ops queue_ops;
static uint8_t *receive_half[VFS], *send_half[VFS];
static _Alignas(PAGE_SIZE) uint8_t rings[VFS][3][PAGE_SIZE], spare[VFS][ALLOWED_PAGES * PAGE_SIZE];
static bool has_spare[VFS];
static struct igb_memory mem[VFS]; /* as the device has it */
static uint32_t tail[VFS], seen[VFS], slot[VFS];
static struct {
	uint32_t len;
	uint8_t *at;
} queue[VFS][FRAMES];
static unsigned queued[VFS], by_others, attacker; /* attacker: while armed */
static unsigned pages;
const struct strike_ops strike_msix;

/* Of stage isolate. */
NEVER(packet_gather(struct machine *m, struct attackers *all, const struct strike_ops *self))
NEVER(packet_kick(struct machine *m, struct attacker *by))
NEVER(packet_release(struct machine *m, struct attacker *by, struct attacker *bare))
NEVER(packet_restore(struct machine *m, struct attacker *by))

/* ---- the machine ---- */

bdf_t function_requester(const struct machine *machine, bdf_t f)
{
	(void)machine;
	return f;
}

uint64_t irq_strays(uint8_t *last)
{
	*last = 0;
	return 0;
}

void *pmm_page(void)
{
	pages++;
	return calloc(1, PAGE_SIZE);
}

void pmm_page_free(void *page)
{
	pages--;
	free(page);
}

phys_t paging_phys(const void *va)
{
	assert_ptr_equal(va, standin_data());
	return PHYS(KERNEL);
}

static unsigned index_of(const struct domain *d)
{
	return (unsigned)((const struct igb_own *)(const void *)d - own);
}

enum sl_err domain_flush(struct domain *d)
{
	assert_true(index_of(d) < VFS);
	flushed = true;
	return SL_OK;
}

enum sl_err dma_get(struct domain *d, iova_t iova, uint64_t len, unsigned perm, struct dma_buf *out)
{
	unsigned v = index_of(d);
	assert_true(iova.v == WINDOW + IGB_WINDOW_SPARE && len == sizeof spare[0] && perm == DOMAIN_RW);
	enum sl_err e = stages_call();
	if (e)
		return e;
	assert_false(has_spare[v]);
	has_spare[v] = true;
	*out = (struct dma_buf){.va = spare[v], .iova = iova, .len = len, .dom = d};
	return SL_OK;
}

enum sl_err dma_put(struct dma_buf *b)
{
	has_spare[index_of(b->dom)] = false;
	return stages_call();
}

void iommu_fault_claim(struct iommu *mmu, bdf_t id)
{
	(void)mmu;
	attacker = id.rid - (unsigned)STAGES_FIRST;
	claimed = armed = true;
	recorded = struck = false;
}

void iommu_fault_claim_interrupts(struct iommu *mmu, bdf_t id)
{
	(void)mmu;
	(void)id;
	fail();
}

void iommu_fault_unclaim(struct iommu *mmu)
{
	static uint8_t old[FRAME_MOST];
	unsigned peer = (attacker + 1) % mach.vfs;
	(void)mmu;
	claimed = armed = flushed = struck = false;
	if (lie == OLD_FRAMES && queued[peer] < FRAMES) {
		memset(old, 0x55, sizeof old);
		queue[peer][queued[peer]].len = FRAME_MOST;
		queue[peer][queued[peer]++].at = old;
	}
}

enum sl_err iommu_fault_claimed(struct iommu *mmu, struct iommu_fault *out)
{
	(void)mmu;
	*out = fault;
	return recorded ? SL_OK : SL_END;
}

enum sl_err iommu_walk(struct iommu *mmu, bdf_t f, iova_t iova, struct iommu_walk *out)
{
	(void)mmu;
	*out = (struct iommu_walk){.fn = f, .iova = iova, .why_write = WHY_NO_WRITE, .why_read = WHY_NO_READ};
	return SL_OK;
}

enum sl_err vtd_read_registers(const struct iommu *mmu, unsigned unit, struct vtd_regs_seen *out)
{
	(void)mmu;
	(void)unit;
	(void)out;
	return SL_DEVICE;
}

/* ---- the card ---- */

/* NULL: refused. */
static uint8_t *behind(unsigned v, uint64_t at, bool write)
{
	const struct {
		uint64_t at, len;
		uint8_t *va;
		bool reads, writes;
	} map[] = {{IGB_WINDOW_RX_RING, PAGE_SIZE, rings[v][0], true, true},
		   {IGB_WINDOW_TX_RING, PAGE_SIZE, rings[v][1], true, false},
		   {IGB_WINDOW_HEAD, PAGE_SIZE, rings[v][2], false, true},
		   {IGB_WINDOW_RECEIVE, PACKET_HALF, receive_half[v], false, true},
		   {IGB_WINDOW_AGAIN, PACKET_HALF, receive_half[v], true, false},
		   {IGB_WINDOW_SEND, PACKET_HALF, send_half[v], true, false},
		   {IGB_WINDOW_SPARE, has_spare[v] ? sizeof spare[v] : 0, spare[v], true, true}};
	for (unsigned i = 0; i < ARRAY_LEN(map); i++)
		if (at - WINDOW - map[i].at < map[i].len && (write ? map[i].writes : map[i].reads))
			return map[i].va + (at - WINDOW - map[i].at);
	return NULL;
}

static uint8_t *page_of(unsigned v)
{
	return send_half[v] + PACKET_HALF - PAGE_SIZE;
}

static void refuse(unsigned v, uint64_t at, bool write)
{
	assert_true(mach.vf[v].provoked || lie == NOT_BACK); /* it is known to be on purpose */
	struck = true;
	if (lie == NO_STRIKE)
		return;
	if (write && lie == LANDS)
		page_of((v + 2) % mach.vfs)[4095] ^= 1;
	if (write && lie == LANDS_KERNEL)
		standin_data()[0] ^= 1;
	if (write && lie == LANDS_OWN)
		page_of(v)[9] ^= 1;
	if (recorded || !claimed || !flushed || lie == NO_RECORD)
		return;
	recorded = true;
	fault = (struct iommu_fault){.bdf = vf_fn[v].bdf,
				     .iova = IOVA(ALIGN_DOWN(at, PAGE_SIZE)),
				     .write = write,
				     .why = write ? WHY_NO_WRITE : WHY_NO_READ};
	fault.bdf.rid ^= lie == WRONG_BDF;
	if (lie == WRONG_REASON)
		fault.why = WHY_NO_DOMAIN;
}

/* What is sent in place of what is refused. */
static void leak(unsigned v, uint64_t at, uint8_t *to, uint32_t len)
{
	const uint8_t *secret = at == KERNEL ? standin_data()
				: at == WINDOW + IGB_WINDOW_RECEIVE + PACKET_HALF - PAGE_SIZE
					? receive_half[v] + PACKET_HALF - PAGE_SIZE
					: page_of((v + 2) % mach.vfs);
	memset(to, 0, len);
	if (lie == LEAKS)
		memcpy(to, secret, len);
	if (lie == LEAKS_WORD)
		memcpy(to + len - 8, secret + 800, 8);
	if (lie == FOREIGN)
		to[9] = 1;
}

static void deliver(const uint8_t *frame, uint32_t len)
{
	unsigned v = 0;
	while (v < mach.vfs && memcmp(frame, packet[v].mac, 6) != 0)
		v++;
	assert_true(v < mach.vfs);
	if (!behind(v, mem[v].rx_ring.iova.v, false)) {
		refuse(v, mem[v].rx_ring.iova.v, false);
		return;
	}
	bool moved = mem[v].rx_ring.iova.v != WINDOW + IGB_WINDOW_RX_RING;
	if (moved && (lie == NO_RINGS || lie == NO_EFFECT))
		return;
	uint64_t to = mem[v].receive.iova.v + slot[v]++ % PACKET_RING * PACKET_STRIDE;
	uint8_t *place = behind(v, to, true);
	if (!place) {
		refuse(v, to, true);
		return;
	}
	if (has_spare[v] && place - spare[v] < (long)sizeof spare[v] && place >= spare[v] && lie == NO_EFFECT)
		return;
	memcpy(place, frame, len);
	assert_true(queued[v] < FRAMES);
	queue[v][queued[v]].len = len;
	queue[v][queued[v]++].at = place;
}

static void transmit(unsigned v, uint8_t *frame, uint32_t len)
{
	bool stranger = armed && v != attacker && v != (attacker + 1) % mach.vfs;
	by_others += stranger;
	if (stranger && lie == OTHERS_WRONG)
		frame[len - 1] ^= 1;
	if (!stranger || lie != OTHERS_LOST)
		deliver(frame, len);
}

/* By descriptors, as far as the tail says. */
static void go_on(unsigned v)
{
	static uint8_t frame[FRAME_MOST];
	uint32_t len = 0;
	dropped = false;
	if (seen[v] == tail[v])
		return;
	const uint8_t *ring = behind(v, mem[v].tx_ring.iova.v, false);
	bool moved = mem[v].tx_ring.iova.v != WINDOW + IGB_WINDOW_TX_RING;
	if (!ring) {
		seen[v] = tail[v];
		refuse(v, mem[v].tx_ring.iova.v, false);
		return;
	}
	for (; seen[v] != tail[v]; seen[v]++) {
		struct igb_desc d;
		memcpy(&d, ring + seen[v] * sizeof d, sizeof d);
		uint32_t part = d.word & 0xffff;
		assert_int_equal(d.word >> 20 & 0xf, 3);
		assert_true(d.word >> 29 & 1 && d.word >> 25 & 1);
		const uint8_t *from = behind(v, d.address, false);
		bool in_spare = from && from >= spare[v] && from < spare[v] + sizeof spare[v];
		if (!from) {
			refuse(v, d.address, false);
			dropped = lie == DROPS;
			leak(v, d.address, frame + len, part);
		} else if (in_spare && lie == NO_EFFECT) {
			memset(frame + len, 0, part);
		} else {
			memcpy(frame + len, from, part);
		}
		if (!len)
			assert_int_equal(d.word >> 46, FRAME_HEAD + PACKET_STRIKE_LEN);
		len += part;
		if (d.word >> 24 & 1 && !dropped && !(lie == NO_STRIKE && struck) &&
		    !(moved && (lie == NO_RINGS || lie == NO_EFFECT))) {
			transmit(v, frame, len);
			len = 0;
		}
	}
	uint8_t *head = behind(v, mem[v].head.iova.v, true);
	if (!head)
		refuse(v, mem[v].head.iova.v, true);
	else if (lie != NO_EFFECT)
		memcpy(head, &seen[v], 4);
}

static void meanwhile(void)
{
	for (unsigned v = 0; v < mach.vfs; v++)
		go_on(v);
}

uint8_t *packets_place(struct vf *vf)
{
	return send_half[vf->index];
}

enum sl_err packets_send(struct vf *vf, uint32_t len)
{
	static uint8_t frame[FRAME_MOST];
	unsigned v = vf->index;
	assert_true(behind(v, mem[v].tx_ring.iova.v, false) && behind(v, mem[v].head.iova.v, true));
	bool peer = armed && v == (attacker + 1) % mach.vfs;
	if (lie == SEND_FAILS && peer && !struck)
		return SL_TIMEOUT;
	if (lie == PEER_STUCK && peer && struck)
		return SL_TIMEOUT;
	if (lie == OTHERS_STUCK && armed && v != attacker && !peer)
		return SL_TIMEOUT;
	memcpy(frame, send_half[v], len);
	if (armed && struck && ((lie == WRONG_AFTER && v == attacker) || (lie == WRONG_TO && peer)))
		frame[len - 1] ^= 1;
	if (armed && struck && lie == SILENT_AFTER && (peer || v == attacker))
		return SL_OK;
	transmit(v, frame, len);
	return SL_OK;
}

uint32_t packets_take(struct vf *vf, uint8_t *p)
{
	unsigned v = vf->index;
	meanwhile();
	if (!queued[v])
		return 0;
	uint32_t len = queue[v][0].len;
	memcpy(p, queue[v][0].at, len);
	memmove(queue[v], queue[v] + 1, --queued[v] * sizeof queue[v][0]);
	return len;
}

static bool ready(const struct queue *q)
{
	return queued[(const struct packet *)(const void *)q - packet];
}

/* After a reset. */
enum sl_err igb_rings(struct vf *vf, const struct igb_memory *with)
{
	unsigned v = vf->index;
	struct igb_tx *t = &own[v].vf.tx;
	if (lie == NOT_BACK && armed && struck)
		return SL_DEVICE;
	bool moved = with->rx_ring.iova.v != own[v].mem.rx_ring.iova.v ||
		     with->tx_ring.iova.v != own[v].mem.tx_ring.iova.v;
	if ((lie == NO_OPEN && moved && !armed) || (lie == STRIKE_FAILS && armed && !struck)) {
		struck = armed;
		return SL_DEVICE;
	}
	mem[v] = *with;
	t->ring = with->tx_ring.va;
	t->head = with->head.va;
	t->tail = &tail[v];
	t->next = t->told = tail[v] = seen[v] = slot[v] = 0;
	t->read_at[PACKET_RING] = with->send.iova.v;
	queued[v] = 0;
	return SL_OK;
}

/* ---- the stage ---- */

static struct dma_buf buf(unsigned v, uint64_t at, uint64_t len, uint8_t *va)
{
	return (struct dma_buf){va, IOVA(WINDOW + at), PHYS(PHYS_OF + v * PACKET_HALF), len, mach.vf[v].dom};
}

static int start_with(unsigned vfs)
{
	stages_start(vfs, NULL);
	support_meanwhile = meanwhile;
	support_clock_step = 100;
	armed = struck = flushed = claimed = recorded = false;
	by_others = 0;
	lie = TRUTH;
	queue_ops = (struct queue_ops){.name = "fake", .ready = ready};
	for (unsigned v = 0; v < vfs; v++) {
		struct vf *vf = &mach.vf[v];
		if (!send_half[v]) {
			send_half[v] = calloc(1, PACKET_HALF);
			receive_half[v] = calloc(1, PACKET_HALF);
		}
		packet[v] = (struct packet){.q.ops = &queue_ops,
					    .receive = receive_half[v],
					    .send = send_half[v],
					    .mac = {2, 0, 0, 0, 0, (uint8_t)(v + 1)}};
		vf->dom = (struct domain *)(void *)&own[v];
		vf->packet = &packet[v];
		vf->own = &own[v];
		own[v].mem = (struct igb_memory){
			.rx_ring = buf(v, IGB_WINDOW_RX_RING, PAGE_SIZE, rings[v][0]),
			.tx_ring = buf(v, IGB_WINDOW_TX_RING, PAGE_SIZE, rings[v][1]),
			.head = buf(v, IGB_WINDOW_HEAD, PAGE_SIZE, rings[v][2]),
			.receive = buf(v, IGB_WINDOW_RECEIVE, PACKET_HALF, receive_half[v]),
			.again = buf(v, IGB_WINDOW_AGAIN, PACKET_HALF, receive_half[v]),
			.send = buf(v, IGB_WINDOW_SEND, PACKET_HALF, send_half[v])};
		has_spare[v] = false;
		assert_int_equal(igb_rings(vf, &own[v].mem), SL_OK);
	}
	return 0;
}

static int start(void **state)
{
	(void)state;
	return start_with(VFS);
}

static const struct {
	enum lie lie;
	const char *name;
	unsigned cases, refused, not_tried; /* of 11 of each VF: 6 read, of which 2 are rings, 5 write */
} rows[] = {
#define ROW(lie, cases, refused, not_tried)                                                                  \
	{                                                                                                    \
		lie, #lie, cases, refused, not_tried                                                         \
	}
	ROW(NO_OPEN, 36, 36, 8),     ROW(STRIKE_FAILS, 44, 0, 0),  ROW(DROPS, 44, 44, 0),
	ROW(OLD_FRAMES, 44, 44, 0),  ROW(TRUTH, 44, 44, 0),        ROW(NO_STRIKE, 44, 0, 0),
	ROW(NO_RECORD, 44, 0, 0),    ROW(WRONG_BDF, 44, 0, 0),     ROW(WRONG_REASON, 44, 0, 0),
	ROW(LANDS, 44, 24, 0),       ROW(LANDS_KERNEL, 44, 24, 0), ROW(LANDS_OWN, 44, 24, 0),
	ROW(LEAKS, 44, 28, 0),       ROW(LEAKS_WORD, 44, 28, 0),   ROW(FOREIGN, 44, 28, 0),
	ROW(OTHERS_WRONG, 44, 0, 0), ROW(OTHERS_LOST, 44, 0, 0),   ROW(OTHERS_STUCK, 44, 0, 0),
	ROW(NOT_BACK, 44, 0, 0),     ROW(WRONG_AFTER, 44, 0, 0),   ROW(WRONG_TO, 44, 0, 0),
	ROW(SILENT_AFTER, 44, 0, 0), ROW(NO_EFFECT, 0, 0, 44),     ROW(NO_RINGS, 36, 36, 8),
	ROW(PEER_STUCK, 44, 0, 0),   ROW(SEND_FAILS, 44, 24, 0),
};

static unsigned times_said(const char *words)
{
	unsigned n = 0;
	for (const char *at = said; (at = strstr(at, words)); at++)
		n++;
	return n;
}

static void assert_case(const char *name, uint64_t at, enum attack_outcome o)
{
	char line[200];
	snprintf(line, sizeof line, "0000:01:00.1 -> %s at 0x%llx: %s", name, (ull)at,
		 attack_outcome_text(o));
	assert_said(line);
}

static void test_every_lie(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		start(state);
		lie = rows[i].lie;
		enum sl_err e = packet_refuse(&mach);
		if (mach.tally.cases != rows[i].cases || mach.tally.refused != rows[i].refused ||
		    mach.tally.not_tried != rows[i].not_tried)
			fail_msg("%s: %u cases, %u refused, %u not tried\n%s", rows[i].name,
				 (unsigned)mach.tally.cases, (unsigned)mach.tally.refused,
				 (unsigned)mach.tally.not_tried, said);
		assert_int_equal(e, mach.tally.cases && mach.tally.cases == mach.tally.refused ? SL_OK
											       : SL_VERIFY);
		assert_int_equal(pages, 0);
		for (unsigned v = 0; v < VFS; v++)
			assert_true(!has_spare[v] && (lie == NOT_BACK || !mach.vf[v].provoked));
		if (lie == TRUTH) {
			assert_int_equal(by_others, 44 * 16);
			assert_int_equal(times_said("works again after its reset"), 11);
			assert_said("VF 3 0000:01:00.4: 11 of 11 forbidden accesses refused");
			assert_said("; the other VFs exchanged frames meanwhile");
		}
		if (lie == LEAKS || lie == LEAKS_WORD) { /* a secret is what lies where it reads */
			assert_case("send buffer in memory of another VF",
				    PHYS_OF + 3 * PACKET_HALF - PAGE_SIZE, ATTACK_SUCCEEDED);
			assert_case("send buffer in kernel memory", KERNEL, ATTACK_SUCCEEDED);
			assert_case("send buffer where it may only receive",
				    WINDOW + IGB_WINDOW_RECEIVE + PACKET_HALF - PAGE_SIZE, ATTACK_SUCCEEDED);
			assert_case("send buffer in an unmapped page", WINDOW + WINDOW_HOLE, ATTACK_FOREIGN);
		}
		if (lie == STRIKE_FAILS || lie == SEND_FAILS)
			assert_case("receive buffer in kernel memory", KERNEL, ATTACK_HARMED);
		if (lie == FOREIGN)
			assert_null(strstr(said, "SUCCEEDED"));
		if (lie == NO_RINGS)
			assert_int_equal(times_said("ring in an unmapped page: not tried"), 8);
	}
}

/* With two there is no other VF to attack, and none that stands by; with three one stands by, alone. */
static void test_few(void **state)
{
	(void)state;
	for (unsigned vfs = 2; vfs <= 3; vfs++) {
		start_with(vfs);
		assert_int_equal(packet_refuse(&mach), SL_OK);
		assert_int_equal(mach.tally.cases, vfs == 2 ? 18 : 33);
		assert_int_equal(by_others, 0);
	}
}

static void test_can(void **state)
{
	(void)state;
	assert_true(strike_packet.can(NULL, &(struct attack){.part = PACKET_HEAD, .write = true, .len = 4}));
}

static void test_no_memory(void **state)
{
	for (unsigned n = 1; n <= 2; n++) {
		start(state);
		stages_fail_at = n; /* the spare place, got and put */
		assert_int_equal(packet_refuse(&mach), SL_DEVICE);
		assert_int_equal(mach.tally.cases, n == 1 ? 0 : 11);
		assert_int_equal(pages, 0);
	}
}

static int end(void **state)
{
	(void)state;
	for (unsigned v = 0; v < VFS; v++) {
		free(send_half[v]);
		free(receive_half[v]);
	}
	return 0;
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, start)
	const struct CMUnitTest tests[] = {T(test_every_lie), T(test_few), T(test_can), T(test_no_memory)};
	return cmocka_run_group_tests_name("packet_refuse", tests, NULL, end);
}
