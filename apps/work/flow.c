#include "apps/work/flow.h"
#include "apps/report/pace.h"
#include "kernel/log.h"
#include "kernel/console.h"

#define LOOKS 50u /* at the fault records and the keys, a second, while no fault event comes */
#define ESC   0x1b

static struct {
	bool on, stop; /* stop: to the other cores */
	uint32_t seconds;
	struct pace pace;
} keys;

/* q, Ctrl-C, or Esc by itself: what a terminal sends on its own begins with Esc too, and goes on at once. */
static bool stop_typed(void)
{
	static bool esc;
	int first = console_read(), c = first;
	bool alone = esc && c < 0, stop = false;
	esc = first == ESC;
	while (c >= 0) {
		stop |= c == 'q' && first != ESC;
		c = console_read();
		esc &= c < 0;
	}
	return alone || stop || console_stop();
}

void flow_keys_begin(uint32_t seconds)
{
	console_stop_clear();
	while (console_read() >= 0)
		; /* typed before */
	pace_start(&keys.pace, now_us(), seconds * 1000000ull);
	keys.seconds = seconds;
	keys.on = true;
	__atomic_store_n(&keys.stop, false, __ATOMIC_RELEASE);
}

bool flow_keys_end(void)
{
	bool stopped = flow_stopped();
	console_stop_clear();
	keys.on = false;
	__atomic_store_n(&keys.stop, false, __ATOMIC_RELAXED);
	return stopped;
}

bool flow_stopped(void)
{
	return __atomic_load_n(&keys.stop, __ATOMIC_RELAXED);
}

static void look_at_keys(void)
{
	uint64_t now = now_us();
	if (stop_typed())
		__atomic_store_n(&keys.stop, true, __ATOMIC_RELAXED);
	else if (pace_due(&keys.pace, now))
		log_line("timed", "%llu of %u s; q, Esc or Ctrl-C ends this phase",
			 (ull)pace_seconds(&keys.pace, now), keys.seconds);
}

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
	if (keys.on)
		look_at_keys();
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
