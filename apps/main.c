/* The boot as a table of contents. A stage that fails has said why and what to try; what the stages before it
 * set up is put back in reverse order, whatever happened. */
#include "apps/bringup/platform.h"
#include "apps/vf/stages.h"
#include "apps/work/compute.h"
#include "apps/work/move.h"
#include "apps/work/packets.h"
#include "apps/work/echo.h"
#include "apps/work/rdma.h"
#include "apps/proof/queue_refuse.h"
#include "apps/proof/refuse.h"
#include "apps/measure/insn.h"
#include "apps/bringup/cores.h"
#include "apps/bringup/groups.h"
#include "apps/bringup/iommu.h"
#include "apps/bringup/faults.h"
#include "apps/work/netlog.h"
#include "apps/work/stages.h"
#include "apps/measure/stages.h"
#include "apps/proof/attackers.h"
#include "apps/proof/stages.h"
#include "apps/proof/irqs.h"
#include "apps/shell/stage.h"
#include "apps/audit/app.h"
#include "apps/bringup/hardware.h"
#include "apps/machine.h"
#include "apps/result.h"
#include "apps/report/tour.h"
#include "kernel/log.h"
#include "kernel/power.h"
#include "kernel/remember.h"

/* app= */
enum {
	DEMO = 1,
	ISOLATE = 2,
	MAPCOST = 4,
	BENCH = 8,
	BURSTS = 16,
	INSN = 32,
	SHELL = 64,
	AUDIT = 128,
	ACCEL = 256, /* from here on VFs that compute */
	COMPUTE_DEMO = 512,
	COMPUTE_INSN = 1024,
	NETWORK_DEMO = 2048, /* from here on VFs that send and receive */
	NETWORK_INSN = 4096,
	ECHO = 8192,
	RDMA = 16384,
	MOVE = 32768, /* queues of a function without VFs */
	MOVE_INSN = 65536
};
enum {
	COMPUTE = ACCEL | COMPUTE_DEMO | COMPUTE_INSN,
	NETWORK = NETWORK_DEMO | NETWORK_INSN | ECHO | RDMA,
	VFS = DEMO | ISOLATE | BENCH | BURSTS | INSN | COMPUTE | NETWORK,
	WORK = VFS | MAPCOST | SHELL | MOVE | MOVE_INSN,
	ALL = WORK | AUDIT
};

static const struct stage {
	const char *name;
	unsigned apps;
	enum sl_err (*run)(struct machine *m);
	void (*undo)(struct machine *m); /* puts back what run did, also when it did only half of it */
} stages[] = {
	{"boot", ALL, stage_boot, NULL},
	{"acpi", ALL, stage_acpi, NULL},
	{"cores", ALL, stage_cores, undo_cores},
	{"pci", ALL, stage_pci, undo_pci},
	{"hardware", ALL, stage_hardware, NULL},
	{"groups", ALL, stage_groups, NULL},
	{"iommu", ALL, stage_iommu, NULL},
	{"coverage", ALL, stage_coverage, NULL},
	{"faults", ALL, stage_faults, NULL},
	{"netlog", ALL, stage_netlog, NULL}, /* ended after RESULT */
	{"pf", VFS, stage_pf, undo_pf},
	{"bench-pf", BENCH, stage_bench_pf, NULL},
	{"firmware", COMPUTE, stage_firmware, undo_firmware},
	{"sriov", VFS, stage_sriov, undo_sriov},
	{"groups", VFS, stage_groups, NULL}, /* again, with the VFs */
	{"domains", VFS, stage_domains, undo_domains},
	{"accel", ACCEL | COMPUTE_DEMO, stage_compute, NULL},
	{"packets", NETWORK_DEMO, stage_packets, NULL},
	{"echo", ECHO, stage_echo, NULL},
	{"rdma", RDMA, stage_rdma, NULL},
	{"clocks", WORK, stage_clocks,
	 NULL}, /* not before the first completion: it takes long in an emulator */
	{"verify", DEMO, stage_verify, NULL},
	{"timed", DEMO | ACCEL | COMPUTE_DEMO | NETWORK_DEMO, stage_timed, NULL},
	{"refuse", DEMO | COMPUTE_DEMO | NETWORK_DEMO, stage_refuse, NULL},
	{"irqs", DEMO, stage_irqs, undo_irqs},
	{"isolate", ISOLATE, stage_isolate, NULL},
	{"flood", ISOLATE, stage_flood, NULL},
	{"move", MOVE | MOVE_INSN, stage_move, undo_move},
	{"refuse", MOVE, stage_queue_refuse, NULL},
	{"timed", MOVE, stage_move_timed, NULL},
	{"mapcost", MAPCOST, stage_mapcost, NULL},
	{"bursts", BURSTS, stage_bursts, NULL},
	{"insn", INSN | COMPUTE_INSN | NETWORK_INSN | MOVE_INSN, stage_insn, NULL},
	{"bench", BENCH, stage_bench, NULL},
	{"keyboards", SHELL, stage_keyboards, undo_keyboards},
	{"shell", SHELL, stage_shell, undo_shell},
	{"audit", AUDIT, stage_audit, undo_audit},
};

static struct machine machine;

static unsigned app_of(const struct config *cfg)
{
	if (cfg->device == DEVICE_QAT) /* what QAT VFs are for; whatever else it is called, it is the demo */
		return cfg->app == APP_ACCEL ? ACCEL : cfg->app == APP_INSN ? COMPUTE_INSN : COMPUTE_DEMO;
	if (cfg->device == DEVICE_DSA)
		return cfg->app == APP_INSN ? MOVE_INSN : MOVE;
	if (config_wants_igb(cfg))
		return cfg->app == APP_ECHO      ? ECHO
		       : cfg->app == APP_RDMA    ? RDMA
		       : cfg->app == APP_INSN    ? NETWORK_INSN
		       : cfg->app == APP_ISOLATE ? ISOLATE
		       : cfg->app == APP_AUDIT   ? AUDIT
						 : NETWORK_DEMO;
	switch ((enum config_app)cfg->app) {
	case APP_ISOLATE:
		return ISOLATE;
	case APP_MAPCOST:
		return MAPCOST;
	case APP_BENCH:
		return BENCH;
	case APP_BURSTS:
		return BURSTS;
	case APP_INSN:
		return INSN;
	case APP_SHELL:
		return SHELL;
	case APP_ACCEL:
		return ACCEL;
	case APP_AUDIT:
		return AUDIT;
	case APP_ECHO:
	case APP_RDMA:
	case APP_DEMO:
	case APP_TOUR: /* the demo with explanations */
		break;
	}
	return DEMO;
}

/* The first stage that failed, or said FAIL: the audit never says PASS then. That there is no DMAR table is a
 * finding of its own. */
static void note_failed(struct machine *m, const struct stage *s, bool failed)
{
	bool known = s->run == stage_iommu && !acpi_find(&m->acpi, "DMAR", 0);
	if (failed && !known && !m->failed_stage && s->run != stage_audit)
		m->failed_stage = s->name;
}

/* Requests that must be refused are made in it. */
static bool provokes(const struct stage *s)
{
	return s->run == stage_refuse || s->run == stage_queue_refuse || s->run == stage_irqs ||
	       s->run == stage_isolate || s->run == stage_flood;
}

/* With memory, exceptions and the console working. */
void app_main(const struct boot_info *boot)
{
	struct machine *m = &machine;
	m->attackers_there = attackers_there;
	enum sl_err e = SL_OK;
	size_t i = 0;
	m->boot = boot;
	m->cfg = &boot->cfg;
	unsigned app = app_of(&boot->cfg);
	bool tour = boot->cfg.app == APP_TOUR;
	for (; i < ARRAY_LEN(stages); i++) {
		unsigned fails = log_fails();
		if (stages[i].apps & app)
			remember_stage(stages[i].name);
		e = tour && stages[i].apps & app ? tour_page(m, stages[i].name) : SL_OK;
		if (!e)
			e = stages[i].apps & app ? stages[i].run(m) : SL_OK;
		bool failed_here =
			e || log_fails() != fails; /* what the hardware reports is no stage's failure */
		hardware_say(m, m->attacking || provokes(&stages[i]));
		note_failed(m, &stages[i], failed_here);
		if ((app == SHELL || app == AUDIT) && stages[i].run == stage_iommu)
			e = SL_OK; /* the console and the audit tell of a machine without, too */
		if (app == AUDIT && e && stages[i].run != stage_boot && stages[i].run != stage_audit) {
			log_line("audit", "stage %s: %s; what it would have found is not in the report",
				 stages[i].name, sl_err_text(e));
			for (e = SL_OK; stages[i + 1].run != stage_audit;)
				i++;
		}
		faults_say(m);
		netlog_poll();
		if (e)
			break;
	}
	const char *failed = e ? stages[i].name : NULL;
	for (size_t j = e ? i + 1 : i; j-- > 0;)
		if (stages[j].undo && stages[j].apps & app)
			stages[j].undo(m);
	enum sl_err refused = faults_verdict(m); /* what came while things were put back counts too */
	if (refused && !e) {
		failed = "faults";
		e = refused;
	}
	e = report_verdict(m, &failed, e);
	e = hardware_verdict(m, &failed, e);
	report_result(m, failed, e);
	netlog_end();
	power_end(e == SL_OK);
}
