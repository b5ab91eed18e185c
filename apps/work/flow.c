#include "apps/work/flow.h"
#include "kernel/tsc.h"

#define LOOKS 50u /* at the fault records, a second, while no fault event comes */

void flow_begin(struct flow *f, struct vf *vf)
{
	f->vf = vf;
	f->waiting = f->flying = f->errors = 0;
	vf->ops = 0;
	vf->timed = vf->queue->stats;
}

uint64_t flow_look(struct machine *m, uint64_t now)
{
	(void)faults_poll(m);
	return now + tsc_info()->hz / LOOKS;
}

enum sl_err flow_end(struct flow *f, uint64_t deadline, unsigned (*turn)(struct flow *f))
{
	struct vf *vf = f->vf;
	const struct queue_stats *now = &vf->queue->stats;
	struct deadline d = {
		.end = deadline}; /* one look at least, also when other queues took all the time */
	uint64_t bad = vf->timed.bad;
	vf->timed = (struct queue_stats){.doorbells = now->doorbells - vf->timed.doorbells,
					 .polls = now->polls - vf->timed.polls,
					 .empty_polls = now->empty_polls - vf->timed.empty_polls};
	while (f->flying && !vf->cut && now->bad == bad && deadline_look(&d)) {
		if (!turn(f))
			cpu_pause();
		core_progress();
	}
	if (vf->cut || now->bad != bad || f->errors)
		return SL_DEVICE;
	return f->flying ? SL_TIMEOUT : SL_OK;
}
