/* NVMe controllers that scratch= does not name. No I/O queue is created, so their media are not touched: they
 * write by Identify and Get Log Page, and read by Set Features Timestamp, whose 48 bits Get Features returns.
 * The timestamp is volatile, and no operating system relies on it before it has set it. */
#include "apps/bringup/faults.h"
#include "apps/proof/attackers.h"
#include "apps/proof/strike_nvme.h"
#include "apps/vf/domain.h"
#include "apps/vf/msix.h"
#include "drivers/nvme/reset.h"
#include "drivers/nvme/status.h"
#include "kernel/fmt.h"
#include "kernel/log.h"
#include "kernel/str.h"

#define CLOCK_MS 20000u /* it goes on while it is looked at */

static struct drive {
	struct nvme_ctrl ctrl;
	struct nvme_io io;
	struct pci_func *fn;
	struct domain *dom;
	struct msix_table msix;
	bool connected, open;
} drive[DRIVES_MAX];
static unsigned drives;

/* ---- the timestamp ---- */

static enum sl_err feature(struct nvme_ctrl *c, uint8_t opc, uint64_t at)
{
	return nvme_admin_try(c, (struct nvme_sqe){.opc = opc, .prp1 = at, .cdw10 = NVME_FEAT_TIME}, NULL);
}

static uint64_t *page_of(const struct nvme_ctrl *c)
{
	return (uint64_t *)(void *)((uint8_t *)c->mem.va + NVME_MEM_DATA);
}

static uint64_t page_at(const struct nvme_ctrl *c)
{
	return c->mem.iova.v + NVME_MEM_DATA;
}

/* The clock has been set to that word, a moment ago. */
static bool is_clock(uint64_t now, uint64_t word)
{
	return ((now - word) & NVME_TIME) < CLOCK_MS;
}

static bool can(const struct attacker *by, const struct attack *a)
{
	const struct drive *d = by->dev;
	if (!a->write)
		return d->ctrl.id.oncs & ONCS_TIMESTAMP && IS_ALIGNED(a->to, CHUNK);
	return IS_ALIGNED(a->to, 4) && (a->len == 4 || a->len == CHUNK);
}

static enum sl_err prepare(struct machine *m, struct attacker *by, const struct attack *a)
{
	struct drive *d = by->dev;
	(void)m;
	if (a->write)
		return SL_OK;
	*page_of(&d->ctrl) = strike_old(0) & NVME_TIME;
	return feature(&d->ctrl, NVME_SET_FEATURES, page_at(&d->ctrl));
}

static enum sl_err strike(struct machine *m, struct attacker *by, const struct attack *a, char *said,
			  size_t n)
{
	struct drive *d = by->dev;
	(void)m;
	if (a->write)
		return strike_nvme_admin(&d->ctrl, a, said, n);
	fmt_print(said, n, "%s", "success");
	enum sl_err e = feature(&d->ctrl, NVME_SET_FEATURES, a->to);
	if (!e && d->ctrl.status)
		nvme_status_text(d->ctrl.status, said, n);
	return e;
}

/* A clock that was set from the secret returns 48 bits of it, and what little time has passed since. */
static uint32_t leaked(struct machine *m, struct attacker *by, const struct attack *a, uint64_t *words)
{
	struct drive *d = by->dev;
	uint64_t *page = page_of(&d->ctrl);
	(void)m;
	*page = 0x3333333333333333;
	if (feature(&d->ctrl, NVME_GET_FEATURES, page_at(&d->ctrl)) || d->ctrl.status)
		return 0;
	uint64_t now = __atomic_load_n(page, __ATOMIC_ACQUIRE) & NVME_TIME, secret = 0;
	if (a->secret)
		memcpy(&secret, a->secret, sizeof secret);
	words[0] = a->secret && is_clock(now, secret) ? secret
		   : is_clock(now, strike_old(0))     ? strike_old(0)
		   : is_clock(now, 0)                 ? 0
						      : now;
	return sizeof words[0];
}

/* ---- the controller ---- */

static bool works(struct machine *m, struct attacker *by)
{
	struct drive *d = by->dev;
	(void)m;
	return nvme_ctrl_health(&d->ctrl) == SL_OK;
}

static enum sl_err kick(struct machine *m, struct attacker *by)
{
	struct drive *d = by->dev;
	(void)m;
	return strike_nvme_kick(&d->ctrl);
}

static void guard(struct machine *m)
{
	(void)m;
	for (unsigned i = 0; i < drives; i++)
		if (drive[i].open)
			guard_regs(strike_nvme_regs, &drive[i].ctrl.io);
}

/* MSI-X is on before the controller starts: some send nothing for a queue that was made while it was off. */
static enum sl_err start(struct machine *m, struct drive *d)
{
	bool reset = false;
	enum sl_err e = nvme_fatal_reset(&m->pci, d->fn, &d->io, &reset);
	if (!e && reset && d->msix.vectors)
		msix_close(&d->msix);
	if (!e && !d->msix.vectors)
		e = function_msix_open(d->fn, &d->msix);
	if (!e)
		e = nvme_ctrl_init(&d->ctrl, &d->io, d->fn->bdf, d->dom, window_at(m, WINDOW_QUEUES), 0);
	d->open = !e;
	return e;
}

static void stop(struct drive *d)
{
	if (d->open && nvme_ctrl_fini(&d->ctrl))
		log_warn("nvme", BDF_FMT " did not stop cleanly", BDF_ARG(d->fn->bdf));
	if (d->msix.vectors)
		msix_close(&d->msix);
	if (d->connected)
		function_disconnect(d->fn, d->dom);
	drop_domain(&d->dom);
}

static void drop(void)
{
	while (drives)
		stop(&drive[--drives]);
}

/* It is closed then, and fetches from any address: strike_nvme_fetch. */
static enum sl_err release(struct machine *m, struct attacker *by, struct attacker *bare)
{
	struct drive *d = by->dev;
	(void)m;
	d->open = false;
	*bare = *by;
	bare->ops = &strike_nvme_fetch;
	bare->dev = &d->io;
	return nvme_ctrl_fini(&d->ctrl);
}

static enum sl_err restore(struct machine *m, struct attacker *by)
{
	return start(m, by->dev);
}

static enum sl_err connect(struct machine *m, struct drive *d)
{
	volatile void *regs;
	enum sl_err e = make_domain(m, "NVMe", d->fn->bdf, &d->dom);
	if (!e)
		e = function_connect(d->fn, d->dom, &regs);
	if (e)
		return e;
	d->connected = true;
	faults_watch(m, d->fn->bdf);
	d->io = nvme_io_mmio(d->fn, regs);
	return start(m, d);
}

/* SL_OK also where it is left out. */
static enum sl_err add(struct machine *m, struct attackers *all, struct pci_func *f, unsigned nth)
{
	const char *why = attackers_barred(m, f, 0, false);
	if (!why && drives == DRIVES_MAX)
		why = "as many NVMe controllers attack already as can";
	if (why) {
		attackers_leave_out(all, f, "NVMe", why);
		return SL_OK;
	}
	struct drive *d = &drive[drives++];
	*d = (struct drive){.fn = f};
	enum sl_err e = connect(m, d);
	if (e) {
		stop(&drive[--drives]);
		attackers_leave_out(all, f, "NVMe", sl_err_text(e));
		return SL_OK;
	}
	struct attacker by = {.fn = f,
			      .dom = &d->dom,
			      .ops = &strike_nvme_drive,
			      .dev = d,
			      .msix = &d->msix,
			      .own = {{&d->ctrl.mem, DOMAIN_RW}}};
	fmt_print(by.name, sizeof by.name, nth ? "NVMe%u" : "NVMe", nth);
	return attackers_add(m, all, &by);
}

static bool is_drive(const struct strike_ops *self, const struct pci_func *f)
{
	(void)self;
	return f->class == PCI_CLASS_NVME && !f->pf;
}

static enum sl_err gather(struct machine *m, struct attackers *all, const struct strike_ops *self)
{
	enum sl_err e = SL_OK;
	PCI_EACH(f, &m->pci)
		if (!e && self->drives(self, f) && f != m->pf)
			e = add(m, all, f, drives);
	return e;
}

const struct strike_ops strike_nvme_drive = {.how = "Identify, Get Log Page, and a timestamp that it reads",
					     .least = 4,
					     .most = CHUNK,
					     .drives = is_drive,
					     .open = gather,
					     .close = drop,
					     .guard = guard,
					     .can = can,
					     .prepare = prepare,
					     .strike = strike,
					     .leaked = leaked,
					     .healthy = works,
					     .kick = kick,
					     .release = release,
					     .restore = restore};
