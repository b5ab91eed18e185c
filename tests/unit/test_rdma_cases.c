/* What one end point may do to another's memory (apps/work/rdma_cases.c), on a wire that is here, and how
 * each way is judged in which an end point, a card or a unit could be wrong. */
#include <string.h>
#include "apps/work/rdma_cases.h"
#include "drivers/roce/wire.h"
#include "drivers/roce/work.h"
#include "tests/unit/support.h"
#include "tests/unit/support_roce_side.h"
#include "tests/unit/test.h"

#define FRAMES 64u
#define SERVES 0x2000000000ull /* device addresses of the server's memory */
#define ASKS   0x3000000000ull
#define BYTES  2048u
#define TO     4096u
#define LAST   (PAGE_2M - BYTES + 1) /* where the access out of bounds begins */

enum { SERVER, CLIENT };

static struct machine mach;
static struct vf vf[2];
static struct pci_func fn[2];
static struct rdma_end end[2];
static uint8_t memory[2][PAGE_2M + PAGE_SIZE];
static struct wire {
	uint8_t bytes[FRAMES][ROCE_FRAME_MOST];
	size_t n[FRAMES];
	unsigned frames;
	uint8_t place[ROCE_PLACE];
} out[2];
static struct rdma_ended got[RDMA_CASES];
static unsigned cases;
static uint64_t now;

/* What is wrong, in which case; RDMA_CASES: in none. */
static enum rdma_case at;
static void (*meddle)(unsigned from, uint8_t *frame, size_t n); /* with a frame on the wire */
static void (*spoil)(void);                                     /* just before the case is judged */
static enum sl_err map_fails, unmap_fails, turn_fails;
static bool mapped, claimed, recorded, no_record, deaf;
static bool dies; /* the server's card, when memory was written and no answer has come */
static struct iommu_fault fault;

/* ---- what it calls */

enum sl_err domain_map(struct domain *dom, iova_t iova, phys_t phys, uint64_t len, unsigned perm)
{
	assert_ptr_equal(dom, &mach);
	assert_true(iova.v == SERVES && phys.v == 0x7000000 && len == PAGE_2M && perm == DOMAIN_R);
	assert_true(!mapped && !claimed);
	mapped = true;
	return map_fails;
}

enum sl_err domain_unmap(struct domain *dom, iova_t iova, uint64_t len)
{
	assert_ptr_equal(dom, &mach);
	assert_true(iova.v == SERVES && len == PAGE_2M && mapped && !claimed);
	mapped = unmap_fails;
	return unmap_fails;
}

void iommu_fault_claim(struct iommu *mmu, bdf_t id)
{
	assert_ptr_equal(mmu, &mach.iommu);
	assert_true(bdf_eq(id, fn[SERVER].bdf) && !claimed);
	claimed = true;
}

enum sl_err iommu_fault_claimed(struct iommu *mmu, struct iommu_fault *f)
{
	assert_ptr_equal(mmu, &mach.iommu);
	assert_true(claimed);
	if (spoil && cases == at)
		spoil();
	if (recorded)
		*f = fault;
	return recorded ? SL_OK : SL_END;
}

void iommu_fault_unclaim(struct iommu *mmu)
{
	assert_ptr_equal(mmu, &mach.iommu);
	claimed = recorded = false;
}

static uint8_t *place(void *ctx)
{
	struct wire *q = ctx;
	return q->frames == FRAMES ? NULL : q->place;
}

/* The card reads the data by the VF's domain; what it may not read is not sent. */
static void send(void *ctx, const struct roce_frame *f)
{
	struct wire *q = ctx;
	uint8_t *to = q->bytes[q->frames];
	memcpy(to, f->head, f->head_bytes);
	size_t n = f->head_bytes;
	if (f->data_bytes && q == &out[SERVER] && !mapped) {
		fault = (struct iommu_fault){.iova = IOVA(f->data_at)};
		recorded = !no_record;
		return;
	}
	if (f->data_bytes) {
		memcpy(to + n, f->data, f->data_bytes);
		memcpy(to + n + f->data_bytes, f->head + ROCE_HEAD_ROOM, f->tail_bytes);
		n += f->data_bytes + f->tail_bytes;
	}
	q->n[q->frames++] = n;
}

static enum sl_err turn(struct vf *v)
{
	unsigned self = v == &vf[CLIENT];
	struct wire *from = &out[!self];
	now += 50;
	for (unsigned i = 0; i < from->frames && !deaf; i++) {
		if (meddle && cases == at)
			meddle(!self, from->bytes[i], from->n[i]);
		(void)roce_take(&end[self].roce, from->bytes[i], from->n[i], now);
	}
	from->frames = 0;
	roce_poll(&end[self].roce, now);
	return dies && self == SERVER && end[SERVER].roce.counts.writes ? SL_DEVICE : turn_fails;
}

static void ended(void *ctx, const struct rdma_ended *e)
{
	assert_ptr_equal(ctx, got);
	assert_true(!claimed && mapped && cases < RDMA_CASES);
	got[cases++] = *e;
}

static const struct rdma_pair pair = {&mach, &end[SERVER], &end[CLIENT], turn, ended, got};

static int set_up(void **state)
{
	(void)state;
	memset(out, 0, sizeof out);
	for (unsigned i = SERVER; i <= CLIENT; i++) {
		struct roce *r = &end[i].roce;
		fn[i].bdf.rid = (uint16_t)(0x100 + i);
		vf[i].fn = &fn[i];
		memset(memory[i], 0, sizeof memory[i]);
		roce_init(r);
		r->mac[0] = 2;
		r->mac[5] = (uint8_t)(1 + i);
		r->ip[1] = net_link_local(r->mac);
		r->wire = (struct roce_wire){place, send, &out[i]};
		end[i].vf = &vf[i];
		end[i].memory = (struct dma_buf){.va = memory[i],
						 .iova = IOVA(i ? ASKS : SERVES),
						 .phys = PHYS(0x7000000),
						 .len = sizeof memory[i],
						 .dom = (struct domain *)&mach};
	}
	support_clock_step = 50;
	now = 1000000;
	cases = 0;
	at = RDMA_CASES;
	meddle = NULL;
	spoil = NULL;
	map_fails = unmap_fails = turn_fails = SL_OK;
	claimed = recorded = no_record = deaf = dies = false;
	mapped = true;
	return 0;
}

/* ---- cases */

static const struct {
	bool write, allowed, by_iommu;
	uint8_t answer;
	const char *what;
} want[RDMA_CASES] = {
	[RDMA_MAY_WRITE] = {true, true, false, 0, "WRITE with its key"},
	[RDMA_MAY_READ] = {false, true, false, 0, "READ with its key"},
	[RDMA_WRONG_WRITE] = {true, false, false, SYN_ACCESS, "WRITE with a wrong key"},
	[RDMA_WRONG_READ] = {false, false, false, SYN_ACCESS, "READ with a wrong key"},
	[RDMA_OUTSIDE] = {true, false, false, SYN_ACCESS, "WRITE out of bounds by a byte"},
	[RDMA_REVOKED] = {true, false, false, SYN_ACCESS, "WRITE with a revoked key"},
	[RDMA_READ_ONLY] = {true, false, false, SYN_ACCESS, "WRITE to a region that may only be read"},
	[RDMA_OTHERS] = {true, false, false, SYN_ACCESS, "WRITE with a key of another tenant"},
	[RDMA_UNMAPPED_WRITE] = {true, false, false, SYN_REMOTE,
				 "WRITE to a region that is not in the domain any more"},
	[RDMA_UNMAPPED_READ] = {false, false, true, ROCE_NO_ANSWER,
				"READ of a region that is not in the domain any more"},
	[RDMA_MAPPED_AGAIN] = {false, true, false, 0, "READ of it, mapped again"},
};

static unsigned regions(const struct roce *r)
{
	unsigned n = 0;
	for (unsigned i = 0; i < ROCE_REGIONS; i++)
		n += r->region[i].valid;
	return n;
}

static void test_all(void **state)
{
	(void)state;
	uint64_t began = now;
	assert_int_equal(rdma_cases(&pair), SL_OK);
	assert_int_equal(cases, RDMA_CASES);
	assert_between(now - began, 800000,
		       1200000); /* eight times a tenth of a second for the one without */
	assert_true(!memory[CLIENT][BYTES] && !memory[SERVER][TO + BYTES] && !memory[SERVER][LAST + BYTES]);
	for (unsigned i = 0; i < RDMA_CASES; i++) {
		const struct rdma_ended *e = &got[i];
		assert_true(e->which == i && e->right && !e->reached);
		assert_true(e->write == want[i].write && e->allowed == want[i].allowed);
		assert_true(e->by_iommu == want[i].by_iommu && e->recorded == want[i].by_iommu);
		assert_int_equal(e->answer, want[i].answer);
		assert_string_equal(e->what, want[i].what);
	}
	assert_between(got[RDMA_UNMAPPED_READ].fault.iova.v, SERVES + TO, SERVES + TO + BYTES - 1);
	const struct roce_counts *c = &end[SERVER].roce.counts;
	assert_int_equal(c->writes, 1);
	assert_true(c->reads >= 3); /* of the unmapped one also each repeat */
	for (unsigned i = SERVER; i <= CLIENT; i++)
		assert_true(regions(&end[i].roce) == 0 && roce_connections(&end[i].roce) == 0);
}

/* Only the case at is not right. */
static void assert_one_wrong(enum rdma_case which, bool reached)
{
	at = which;
	assert_int_equal(rdma_cases(&pair), SL_VERIFY);
	assert_int_equal(cases, RDMA_CASES);
	for (unsigned i = 0; i < RDMA_CASES; i++) {
		assert_int_equal(got[i].right, i != which);
		assert_int_equal(got[i].reached, i == which && reached);
	}
}

static uint8_t *byte; /* that changes */

static void change(void)
{
	*byte ^= 1;
}

/* A byte of either end point's memory that is not as it has to be, though the answer is right: the first and
 * the last that the access is about. */
static void test_memory(void **state)
{
	for (unsigned i = 0; i < RDMA_CASES; i++) {
		uint32_t place_of = i == RDMA_OUTSIDE ? LAST : TO;
		uint8_t *const bytes[] = {&memory[SERVER][place_of], &memory[SERVER][place_of + BYTES - 1],
					  &memory[CLIENT][0], &memory[CLIENT][BYTES - 1]};
		for (unsigned k = 0; k < ARRAY_LEN(bytes); k++) {
			set_up(state);
			spoil = change;
			byte = bytes[k];
			assert_one_wrong(i, true);
		}
	}
}

/* The answer says another reason, or that a part was done. */
static uint8_t says;

static void answer(unsigned from, uint8_t *frame, size_t n)
{
	uint8_t *bth = support_bth(frame);
	(void)n;
	if (from != SERVER || bth[0] != OP_ACK || bth[BTH_BYTES] < SYN_ACCESS - 2)
		return;
	bth[BTH_BYTES] = says;
	support_roce_seal(frame);
}

static void test_answers(void **state)
{
	for (unsigned i = RDMA_WRONG_WRITE; i <= RDMA_UNMAPPED_WRITE; i++)
		for (unsigned k = 0; k < 2; k++) {
			set_up(state);
			meddle = answer;
			says = want[i].answer == SYN_ACCESS ? SYN_REMOTE : SYN_ACCESS;
			if (k)
				says = 0x1f; /* done; of a packet that does not end the message */
			assert_one_wrong(i, false);
			assert_int_equal(got[i].answer, k ? ROCE_NO_ANSWER : says);
		}
}

/* A record where none belongs; none, or a wrong one, where one does. */
static void record(void)
{
	fault = (struct iommu_fault){.iova = IOVA(SERVES + TO)};
	recorded = true;
}

static void record_write(void)
{
	record();
	fault.write = true;
}

static void record_below(void)
{
	record();
	fault.iova = IOVA(SERVES - 1);
}

static void record_behind(void)
{
	record();
	fault.iova = IOVA(SERVES + PAGE_2M);
}

static void record_last(void)
{
	record();
	fault.iova = IOVA(SERVES + PAGE_2M - 1);
}

static void test_records(void **state)
{
	static void (*const wrong[])(void) = {record_write, record_below, record_behind};
	for (unsigned i = 0; i < RDMA_CASES; i++) {
		if (i == RDMA_UNMAPPED_READ)
			continue;
		set_up(state);
		spoil = record;
		assert_one_wrong(i, false);
	}
	for (unsigned i = 0; i < ARRAY_LEN(wrong); i++) {
		set_up(state);
		spoil = wrong[i];
		assert_one_wrong(RDMA_UNMAPPED_READ, false);
		assert_true(got[RDMA_UNMAPPED_READ].recorded);
	}
	set_up(state);
	no_record = true;
	assert_one_wrong(RDMA_UNMAPPED_READ, false);
	assert_false(got[RDMA_UNMAPPED_READ].recorded);
	set_up(state);
	spoil = record_last;
	at = RDMA_UNMAPPED_READ;
	assert_int_equal(rdma_cases(&pair), SL_OK);
}

/* Nothing comes through, or a device fails: no case is right, and each is told. */
static void test_no_way(void **state)
{
	for (unsigned i = 0; i < 2; i++) {
		set_up(state);
		deaf = i == 0;
		turn_fails = i ? SL_DEVICE : SL_OK;
		support_clock_step = 100000;
		assert_int_equal(rdma_cases(&pair), SL_VERIFY);
		assert_int_equal(cases, RDMA_CASES);
		for (unsigned k = 0; k < RDMA_CASES; k++)
			assert_false(got[k].right);
		assert_true(got[RDMA_MAY_READ].reached && !got[RDMA_WRONG_READ].reached);
	}
}

static void on_any(void *ctx, struct roce_qp *q, const struct roce_event *e)
{
	(void)ctx, (void)q, (void)e;
}

/* The client has no queue pair left. */
static void test_no_queue_pair(void **state)
{
	(void)state;
	struct roce *r = &end[CLIENT].roce;
	for (unsigned i = 0; i < ROCE_QPS; i++)
		assert_non_null(roce_connect(r, &r->ip[1], &r->ip[1], r->mac, 1, on_any, NULL));
	assert_int_equal(rdma_cases(&pair), SL_VERIFY);
	assert_int_equal(cases, RDMA_CASES);
	assert_true(!got[RDMA_MAY_WRITE].right && !got[RDMA_UNMAPPED_READ].right);
}

/* Memory as it has to be is not enough. */
static void test_dies(void **state)
{
	(void)state;
	dies = true;
	assert_int_equal(rdma_cases(&pair), SL_VERIFY);
	assert_true(!got[RDMA_MAY_WRITE].right && !got[RDMA_MAY_WRITE].reached);
}

/* Where the domain cannot be changed, no more cases are made, and keys are taken back all the same. */
static void test_domain(void **state)
{
	for (unsigned i = 0; i < 2; i++) {
		set_up(state);
		map_fails = i ? SL_NOMEM : SL_OK;
		unmap_fails = i ? SL_OK : SL_TIMEOUT;
		assert_int_equal(rdma_cases(&pair), i ? SL_NOMEM : SL_TIMEOUT);
		assert_int_equal(cases, RDMA_UNMAPPED_WRITE);
		assert_true(!claimed && regions(&end[SERVER].roce) == 0 && regions(&end[CLIENT].roce) == 0);
	}
}

/* Either end point has no room for regions, or the server none for a listener. */
static void test_no_room(void **state)
{
	for (unsigned i = 0; i < 7; i++) {
		set_up(state);
		struct roce *r = &end[i < 3 ? SERVER : CLIENT].roce;
		unsigned room = i < 3 ? i : i - 3;
		for (unsigned k = room; k < ROCE_REGIONS; k++)
			assert_non_null(roce_region_add(r, "any", memory[0], 0, 1, 0));
		assert_int_equal(rdma_cases(&pair), SL_NOSPACE);
		assert_int_equal(cases, 0);
	}
	set_up(state);
	for (unsigned i = 0; i < ROCE_LISTENERS; i++)
		assert_true(roce_listen(&end[SERVER].roce, (uint16_t)(1 + i), on_any, NULL));
	assert_int_equal(rdma_cases(&pair), SL_NOSPACE);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, set_up)
	const struct CMUnitTest tests[] = {T(test_all),     T(test_memory), T(test_answers),
					   T(test_records), T(test_no_way), T(test_no_queue_pair),
					   T(test_dies),    T(test_domain), T(test_no_room)};
	return cmocka_run_group_tests_name("rdma_cases", tests, NULL, NULL);
}
