/* Commands that put VFs to work. */
#include "apps/shell/work.h"
#include "apps/vf/stages.h"
#include "apps/bringup/groups.h"
#include "apps/bringup/faults.h"
#include "apps/proof/stages.h"
#include "kernel/console.h"
#include "apps/shell/output.h"
#include "apps/audit/app.h"
#include "apps/audit/record.h"
#include "apps/bringup/hardware.h"
#include "apps/work/load.h"
#include "apps/report/latency.h"
#include "apps/shell/command.h"
#include "apps/shell/names.h"
#include "apps/vf/nvme.h"
#include "apps/work/timed.h"
#include "kernel/fmt.h"
#include "kernel/log.h"
#include "kernel/str.h"
#include "kernel/time.h"
#include "pci/groups.h"

#define KEY_US  10000u  /* between two looks at the keyboard */
#define SHOW_US 250000u /* between two lines of progress */

bool work_idle(void)
{
	if (load_running())
		log_text("load runs: load stop ends it\n");
	return !load_running();
}

bool work_possible(const struct machine *m)
{
	char name[NAME_SIZE];
	if (!need_translation(m) || !work_idle())
		return false;
	const struct pci_func *pf = pf_with_vfs(m);
	if (pf)
		log_text("VFs are enabled: disable them first: sriov %s off\n", function_name(pf->bdf, name));
	return !pf;
}

enum sl_err work_begin(struct machine *m)
{
	static enum sl_err (*const stage[])(struct machine *) = {stage_pf, stage_sriov, stage_groups,
								 stage_domains};
	enum sl_err e = SL_OK;
	for (unsigned i = 0; i < ARRAY_LEN(stage) && !e; i++) {
		e = console_stop() ? SL_STOPPED : stage[i](m);
		faults_say(m);
		hardware_say(m, m->attacking);
	}
	return e;
}

void work_end(struct machine *m)
{
	undo_domains(m);
	undo_sriov(m);
	undo_pf(m);
	m->vfs = 0;
	groups_compute(&m->pci);
	faults_say(m);
	hardware_say(m, m->attacking);
}

static bool cmd_isolate(struct machine *m, unsigned n, char **word)
{
	(void)word;
	if (n > 1)
		return false;
	if (!work_possible(m))
		return true;
	m->tally.cases = m->tally.refused = m->tally.not_enforced = m->tally.not_tried = 0;
	m->attacking = true;
	enum sl_err e = work_begin(m);
	if (!e)
		e = console_stop() ? SL_STOPPED : stage_isolate(m);
	work_end(m);
	m->attacking = false;
	m->audit.proof = e == SL_STOPPED ? AUDIT_PROOF_NOT_ASKED /* audit tells of it */
					 : (uint8_t)audit_proof_after(m, e);
	if (e)
		log_text("isolate: %s\n", sl_err_text(e));
	else
		log_text(
			"isolate: %llu of %llu forbidden accesses were refused; %llu not enforced here, %llu not tried\n",
			(ull)m->tally.refused, (ull)m->tally.cases, (ull)m->tally.not_enforced,
			(ull)m->tally.not_tried);
	return true;
}

/* VFs up, media written, load on. On an error all is put back. */
static enum sl_err start(struct machine *m, bool here)
{
	enum sl_err e = work_begin(m);
	if (!e && !m->vfs) {
		log_text("there are no VFs to work\n");
		e = SL_NOTFOUND;
	}
	if (!e)
		e = console_stop() ? SL_STOPPED : timed_prepare(m);
	if (!e)
		e = console_stop() ? SL_STOPPED : load_start(m, here);
	if (e)
		work_end(m);
	return e;
}

/* As stage timed's, for 80 columns. */
static void print_table(struct machine *m)
{
	struct report_table t;
	char fn[NAME_SIZE], name[NAME_SIZE + 8];
	report_begin(&t, REPORT_80, m->tally.timed_us, &m->tally.latency);
	for (unsigned v = 0; v < m->pairs; v++) {
		const struct vf *vf = &m->vf[v];
		int n = fmt_print(name, sizeof name, "%s", function_name(vf->fn->bdf, fn));
		if (vf->first) /* a further queue pair of the VF */
			fmt_print(name + n, sizeof name - (size_t)n, "/%u", vf->pair);
		report_add(&t, &(struct report_row){name, "", &vf->latency, vf->ops, vf->ops * CHUNK,
						    &vf->timed});
	}
	(void)report_end(&t);
}

static enum sl_err stop(struct machine *m)
{
	enum sl_err e = load_stop(m);
	faults_say(m);
	if (m->tally.timed_us && !e)
		print_table(m);
	else if (e)
		log_fail("load", "see the lines above; vf shows which VF", "reads under load failed: %s",
			 sl_err_text(e));
	work_end(m);
	return e;
}

/* Until the time is over or Ctrl-C. Core 0 works its VFs in between. */
static void watch(struct machine *m, uint64_t us)
{
	uint64_t key_at = 0, show_at = 0, ops = 0, at = 0;
	for (;;) {
		load_turn();
		uint64_t now = load_us();
		if (faults_waiting(m))
			(void)faults_poll(m);
		if (now < key_at)
			continue;
		key_at = now + KEY_US;
		if (now >= us || console_stop())
			return;
		if (now < show_at)
			continue;
		uint64_t done = load_ops(m);
		progress("bench: %llu.%llu of %llu s, %llu operations/s; Ctrl-C stops", (ull)(now / 1000000),
			 (ull)(now / 100000 % 10), (ull)(us / 1000000),
			 (ull)(now > at ? (done - ops) * 1000000 / (now - at) : 0));
		show_at = now + SHOW_US;
		ops = done;
		at = now;
	}
}

static bool cmd_nvme(struct machine *m, unsigned n, char **word)
{
	(void)word;
	if (n > 1)
		return false;
	if (work_possible(m) && !nvme_list(m))
		log_text("there is no NVMe controller; lspci lists all functions\n");
	faults_say(m);
	return true;
}

static bool cmd_bench(struct machine *m, unsigned n, char **word)
{
	uint32_t seconds = m->cfg->seconds;
	if (n > 2 || (n == 2 && (!word_decimal(word[1], 86400, &seconds) || !seconds)))
		return false;
	if (!work_possible(m))
		return true;
	enum sl_err e = start(m, true);
	if (!e) {
		log_line("bench", "random 4 KiB reads, %u in flight on each of %u VFs, polled", m->cfg->qd,
			 m->vfs);
		watch(m, seconds * 1000000ull);
		progress_end();
		e = stop(m);
		if (!e && console_stop())
			e = SL_STOPPED;
	}
	log_text("bench: %s\n", e == SL_OK ? "all data read back is what was written" : sl_err_text(e));
	return true;
}

static void print_load(const struct machine *m)
{
	if (!load_running()) {
		log_text("no load runs: load start puts vfs= VFs to work\n");
		return;
	}
	uint64_t us = load_us(), ops = load_ops(m);
	log_text("load: %u VFs for %llu.%llu s: %llu operations, %llu a second\n", m->vfs,
		 (ull)(us / 1000000), (ull)(us / 100000 % 10), (ull)ops, (ull)(us ? ops * 1000000 / us : 0));
}

static bool cmd_load(struct machine *m, unsigned n, char **word)
{
	if (n == 1) {
		print_load(m);
		return true;
	}
	if (n > 2)
		return false;
	if (strcmp(word[1], "stop") == 0) {
		if (load_running())
			(void)stop(m);
		else
			print_load(m);
		return true;
	}
	if (strcmp(word[1], "start") != 0)
		return false;
	if (!work_possible(m))
		return true;
	enum sl_err e = start(m, false);
	if (e)
		log_text("no load: %s\n", sl_err_text(e));
	else
		print_load(m);
	return true;
}

void work_leave(struct machine *m)
{
	if (load_running())
		(void)stop(m);
}

const struct command work_commands[] = {
	{"isolate", "", "every forbidden DMA is tried (as app=isolate); Ctrl-C stops it", "isolate", NULL,
	 TAKES_NOTHING, true, false, cmd_isolate},
	{"nvme", "", "the NVMe controllers with their serial numbers, for scratch=", "nvme", NULL,
	 TAKES_NOTHING, false, false, cmd_nvme},
	{"bench", "[SECONDS]", "reads by vfs= VFs at once, timed and verified; Ctrl-C stops it", "bench 2",
	 NULL, TAKES_NOTHING, true, false, cmd_bench},
	{"load", "[start | stop]", "the same in the background, while the console goes on", "load start",
	 "start stop", TAKES_NOTHING, true, false, cmd_load},
	{0},
};
