/* Requests that are waited for together, for the phases where correctness is shown and time does not matter.
 */
#include "apps/machine.h"
#include "apps/bringup/faults.h"
#include "apps/vf/batch.h"
#include "kernel/core.h"
#include "kernel/log.h"
#include "kernel/time.h"
#include "kernel/cpu.h"
#include "pci/cfg.h"

#define STALL_US  10000000u
#define RETRY_US  100000u
#define RETRIES   5u       /* on average a request */
#define LOOK_EACH 1024u    /* turns between two looks at the fault records */
#define SLOW_US   5000000u /* waited for, before a device is called slow, */
#define SLOW_IOPS 200u     /* when it completed fewer in a second */

enum sl_err batch_start(struct vf *vf)
{
	struct batch *b = &vf->batch;
	b->done = b->retries = 0;
	unsigned n = vf->medium->ops->submit(vf->medium, b->req, b->n);
	vf->queue->ops->ring(vf->queue);
	if (n == b->n)
		return SL_OK;
	log_fail("accel", "report this: it is a bug in Sluice", BDF_FMT " accepted %u of %u requests: %s",
		 BDF_ARG(vf->fn->bdf), n, b->n, sl_err_text(vf->queue->refused));
	b->n = n;
	return vf->queue->refused ? vf->queue->refused : SL_NOSPACE;
}

/* A request to be sent again a little later: NVMe §3.3.3.2.1, as after a namespace was attached. */
static bool again(struct vf *vf, const struct queue_done *done)
{
	struct batch *b = &vf->batch;
	const struct queue_ops *ops = vf->queue->ops;
	if (!done->status || !ops->is_transient || !ops->is_transient(done->status) ||
	    b->retries >= RETRIES * b->n)
		return false;
	b->retries++;
	delay_us(RETRY_US);
	if (vf->medium->ops->submit(vf->medium, &b->req[done->tag], 1) != 1)
		return false;
	ops->ring(vf->queue);
	return true;
}

bool batch_poll(struct vf *vf)
{
	struct queue_done done[32];
	unsigned n = vf->queue->ops->poll(vf->queue, done, ARRAY_LEN(done));
	for (unsigned i = 0; i < n; i++) {
		if (done[i].tag < vf->batch.n) {
			if (again(vf, &done[i]))
				continue;
			vf->batch.status[done[i].tag] = done[i].status;
		}
		vf->batch.done++;
	}
	return n > 0;
}

/* Reported once, for the VF that will never answer. */
static enum sl_err say_cut(const struct vf *vf)
{
	log_fail("accel", "the \"refused\" lines above show its requests",
		 BDF_FMT " was cut off with %u of %u requests in flight", BDF_ARG(vf->fn->bdf),
		 vf->batch.n - vf->batch.done, vf->batch.n);
	return SL_DEVICE;
}

/* Once a run: a throttled or worn-out medium makes all that follows take long, and nothing is wrong. slowest:
 * the last that answered. */
static void note_speed(struct machine *m, unsigned first, unsigned n, const struct vf *slowest, uint64_t us)
{
	static bool told;
	struct batch *sum = &m->vf[first].batch;
	for (unsigned i = first; i < first + n; i++)
		sum->waited_ops += m->vf[i].batch.n;
	sum->waited_us += us;
	if (!slowest || sum->waited_us < SLOW_US || sum->waited_ops >= sum->waited_us / 1000000 * SLOW_IOPS ||
	    __atomic_exchange_n(&told, true, __ATOMIC_RELAXED))
		return;
	log_warn(
		"medium",
		BDF_FMT
		" answers slowly: the last %u requests took %llu.%llu s; %llu in %llu s so far, about %llu a second. The work goes on and takes longer; a throttled or worn-out medium does this",
		BDF_ARG(slowest->fn->bdf), slowest->batch.n, (ull)(us / 1000000), (ull)(us / 100000 % 10),
		(ull)sum->waited_ops, (ull)(sum->waited_us / 1000000),
		(ull)(sum->waited_ops * 1000000 / sum->waited_us));
}

enum sl_err batch_status(const struct vf *vf)
{
	static const char *const names[] = {
		[BLOCK_READ] = "read", [BLOCK_WRITE] = "write",     [BLOCK_COPY] = "copy",
		[BLOCK_FILL] = "fill", [BLOCK_COMPARE] = "compare", [BLOCK_VERIFY] = "verify"};
	const struct batch *b = &vf->batch;
	char text[64];
	for (unsigned i = 0; i < b->n; i++) {
		if (!b->status[i])
			continue;
		log_fail("medium", BATCH_ADVICE, BDF_FMT " %s, LBA 0x%llx: %s", BDF_ARG(vf->fn->bdf),
			 names[b->req[i].op], (ull)b->req[i].lba,
			 vf->queue->ops->status_text(b->status[i], text, sizeof text));
		return SL_DEVICE;
	}
	return SL_OK;
}

static enum sl_err wait_all(struct machine *m)
{
	return batch_finish_some(m, 0, m->vfs);
}

enum sl_err batch_finish_some(struct machine *m, unsigned first, unsigned n)
{
	struct deadline deadline = deadline_in(STALL_US);
	const struct vf *last = NULL;
	uint64_t began = now_us();
	for (unsigned turn = 1;; turn++) {
		bool late = deadline_passed(&deadline), waiting = false;
		for (unsigned i = first; i < first + n; i++) {
			struct vf *vf = &m->vf[i];
			if (vf->batch.done >= vf->batch.n)
				continue;
			waiting = true;
			last = vf;
			if (vf->cut)
				return say_cut(vf);
			if (batch_poll(vf)) {
				deadline = deadline_in(STALL_US);
				core_progress(); /* the device is slow, not this core stuck */
			} else if (late) {
				enum sl_err e = vf->queue->ops->health(vf->queue) ? SL_DEVICE : SL_TIMEOUT;
				log_fail("accel",
					 "run again; if this persists, this VF's controller is stuck",
					 BDF_FMT
					 " has %u of %u requests in flight and has not answered for 10 s: %s",
					 BDF_ARG(vf->fn->bdf), vf->batch.n - vf->batch.done, vf->batch.n,
					 sl_err_text(e));
				return e;
			}
		}
		if (!waiting) {
			note_speed(m, first, n, last, now_us() - began);
			return SL_OK;
		}
		if (core_index() == 0 && (turn % LOOK_EACH == 0 || faults_waiting(m)))
			faults_say(m);
		cpu_pause();
	}
}

enum sl_err batch_finish(struct machine *m)
{
	enum sl_err e = wait_all(m);
	faults_say(m);
	return e;
}
