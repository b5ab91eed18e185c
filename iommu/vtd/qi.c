#include "iommu/vtd/qi.h"
#include "iommu/vtd/cmd.h"
#include "kernel/log.h"

#define QUEUE_LEN ((unsigned)(PAGE_SIZE / sizeof(struct vtd_desc))) /* IQA.QS = 0 */
#define DRAIN_US                                                                                             \
	100000 /* an invalidation takes microseconds; one to a device TLB at most a minute, not waited for   \
		*/
#define FSTS_QUEUE (FSTS_IQE | FSTS_ICE | FSTS_ITE)

void vtd_qi_reset(struct vtd_unit *u)
{
	u->tail = 0;
	u->dead = false;
	vtd_w1c_ack(&u->io, VTD_FSTS, FSTS_QUEUE);
	vtd_wr64(&u->io, VTD_IQT, 0);
	u->step = u->tables == VTD_LEGACY ? 1 : 2; /* PASID descriptors: 256 bits only */
	u->batch = QUEUE_LEN / u->step - 3; /* two wait descriptors; and a slot that tells full from empty */
	for (unsigned i = 0; u->step > 1 && i < QUEUE_LEN; i++)
		u->queue[i] = (struct vtd_desc){0};
	vtd_wr64(&u->io, VTD_IQA, (va_phys(u->queue).v & IQA_IQA) | (u->step > 1 ? IQA_DW : 0)); /* a page */
}

/* The bits first: a queue stopped by an error fetches nothing more until they are cleared (VT-d §6.5.2.11);
 * at a bad descriptor it then stops again. */
static void drain(struct vtd_unit *u)
{
	uint64_t head = 0, tail = 0;
	uint32_t fsts = 0;
	struct deadline d = vtd_deadline(&u->io, DRAIN_US);
	vtd_w1c_ack(&u->io, VTD_FSTS, FSTS_QUEUE);
	while (!(fsts & FSTS_IQE) && vtd_look(&u->io, &d)) {
		head = vtd_rd64(&u->io, VTD_IQH) & IQH_QH;
		tail = vtd_rd64(&u->io, VTD_IQT) & IQT_QT;
		fsts = vtd_w1c_rd(&u->io, VTD_FSTS);
		if (head == tail)
			return;
	}
	log_warn(u->name,
		 "the invalidation queue is ended with descriptors in it (IQH 0x%llx, IQT 0x%llx, FSTS 0x%x)",
		 (ull)head, (ull)tail, fsts);
}

enum sl_err vtd_qi_end(struct vtd_unit *u)
{
	if (!(vtd_rd32(&u->io, VTD_GSTS) & GCMD_QIE))
		return SL_OK;
	drain(u);
	return vtd_command(u, GCMD_QIE, false, "turning off the invalidation queue");
}

static void put(struct vtd_unit *u, struct vtd_desc d)
{
	u->queue[u->tail] = d;
	u->tail = (u->tail + u->step) % QUEUE_LEN;
	u->count.descriptors++;
}

static void put_wait(struct vtd_unit *u)
{
	put(u, vtd_desc_wait(va_phys(u->status), u->seq));
	u->count.waits++;
}

/* One store of the tail per batch; descriptors are in memory before it. */
static void ring(struct vtd_unit *u)
{
	__atomic_thread_fence(__ATOMIC_RELEASE);
	vtd_wr64(&u->io, VTD_IQT, (uint64_t)u->tail * sizeof(struct vtd_desc));
}

/* VT-d §6.5.2.11. IQE: the head is at the bad descriptor and the queue is stopped; the descriptor is made
 * harmless. ITE: wait descriptors may have been dropped, so there is a new one. Then the bits are cleared,
 * and the tail is written again to continue. */
static void recover(struct vtd_unit *u, uint32_t fsts, bool *rewait)
{
	uint64_t record = vtd_rd64(&u->io, VTD_IQERCD);
	if (fsts & FSTS_IQE) {
		uint64_t head = (vtd_rd64(&u->io, VTD_IQH) & IQH_QH) / sizeof(struct vtd_desc) % QUEUE_LEN;
		struct vtd_desc *bad = &u->queue[head];
		vtd_trouble(u, VTD_BROKEN,
			    "invalidation queue error (FSTS.IQE, IQEI %u) at descriptor %u: 0x%llx 0x%llx",
			    (unsigned)FGET(record, IQERCD_IQEI), (unsigned)head, (ull)bad->lo, (ull)bad->hi);
		*bad = vtd_desc_wait(va_phys(u->status + 1), 0);
	}
	if (fsts & FSTS_ITE) {
		vtd_trouble(u, "update the firmware of that device, or take it out",
			    "a device did not answer an invalidation (FSTS.ITE, requester 0x%x)",
			    (unsigned)FGET(record, IQERCD_ITESID));
		if (!*rewait)
			put_wait(u);
		*rewait = true;
	}
	if (fsts & FSTS_ICE)
		vtd_trouble(
			u, "update the firmware of that device, or take it out",
			"a device sent an invalidation completion that nothing had requested (FSTS.ICE, requester 0x%x)",
			(unsigned)FGET(record, IQERCD_ICESID));
	vtd_w1c_ack(&u->io, VTD_FSTS, fsts & FSTS_QUEUE);
	ring(u);
}

static bool done(const struct vtd_unit *u)
{
	return __atomic_load_n(u->status, __ATOMIC_ACQUIRE) == u->seq;
}

/* Waits for the status write. Tolerates at most limit errors. */
static enum sl_err await(struct vtd_unit *u, unsigned limit)
{
	unsigned errors = 0;
	bool rewait = false;
	uint64_t end = 0;
	while (!done(u)) {
		uint64_t now = u->io.now_us(u->io.ctx);
		uint32_t fsts = vtd_w1c_rd(&u->io, VTD_FSTS);
		if (!end)
			end = now + VTD_DEADLINE_US;
		if (fsts & FSTS_QUEUE && errors++ < limit) {
			recover(u, fsts, &rewait);
		} else if (now > end && !done(u)) {
			vtd_trouble(u, "the affected memory stays reserved; reboot the machine",
				    "no answer to an invalidation in %u ms (FSTS 0x%x)",
				    VTD_DEADLINE_US / 1000, fsts);
			u->dead = true;
			return SL_TIMEOUT;
		}
	}
	return errors ? SL_DEVICE : SL_OK;
}

enum sl_err vtd_qi_run(struct vtd_unit *u, const struct vtd_desc *d, unsigned n)
{
	while (n) {
		unsigned batch = n < u->batch ? n : u->batch;
		if (u->dead)
			return SL_DEVICE;
		for (unsigned i = 0; i < batch; i++)
			put(u, d[i]);
		u->seq++;
		put_wait(u);
		ring(u);
		enum sl_err e = await(u, batch + 1);
		if (e)
			return e;
		d += batch;
		n -= batch;
	}
	return SL_OK;
}
