#include "apps/proof/strike_controller.h"
#include "apps/bringup/dma_window.h"
#include "apps/bringup/faults.h"
#include "apps/proof/bystanders.h"
#include "apps/proof/place.h"
#include "apps/vf/domain.h"
#include "apps/vf/msix.h"
#include "apps/work/pattern.h"
#include "kernel/fmt.h"
#include "kernel/log.h"
#include "kernel/pmm.h"
#include "kernel/str.h"

static struct controller {
	struct strike_dev dev;
	struct pci_func *fn;
	struct domain *dom;
	struct msix_table msix;
	iova_t window;
	bool connected, taken, open;
} controller[CONTROLLERS_MAX];
static unsigned controllers;

/* Out of its domain, and its memory freed. */
static void disconnect(struct controller *c)
{
	if (c->connected)
		function_disconnect(c->fn, c->dom);
	c->connected = false;
	enum sl_err kept = dma_put(&c->dev.mem), more = dma_put(&c->dev.more);
	if (kept || more)
		log_warn("isolate", "memory of " BDF_FMT " could not be taken back", BDF_ARG(c->fn->bdf));
}

static void close_one(struct controller *c)
{
	if (c->open || c->taken)
		c->dev.class->close(&c->dev);
	if (c->msix.vectors)
		msix_close(&c->msix);
	disconnect(c);
	drop_domain(&c->dom);
}

void controllers_close(void)
{
	while (controllers)
		close_one(&controller[--controllers]);
}

static unsigned bar_of(const struct strike_class *class, const struct pci_func *fn)
{
	return class->bar_of ? class->bar_of(fn) : class->bar;
}

/* Without bus mastering: the firmware may have left it running. */
static enum sl_err take(struct machine *m, struct controller *c, const char **why)
{
	const struct strike_class *class = c->dev.class;
	volatile void *regs;
	*why = "its registers cannot be reached";
	enum sl_err e = function_reach(c->fn, NULL, &regs);
	if (e)
		return e;
	c->dev.io = strike_io_mmio(regs, c->fn->bar[0].size);
	e = class->take(&c->dev, why);
	if (e)
		return e;
	c->taken = true;
	*why = "an RMRR of a bridge above it ties it to the firmware";
	return iommu_rmrrs_release(&m->iommu, c->fn->bdf);
}

/* It is connected already: that only maps the other BAR. */
static enum sl_err open_portal(struct controller *c)
{
	unsigned bar = c->dev.class->portal_bar;
	volatile void *portal;
	enum sl_err e = function_connect_bar(c->fn, bar, c->dom, &portal);
	if (!e)
		c->dev.portal = strike_io_portal(portal, c->fn->bar[bar].size);
	return e;
}

/* A window below 4 GiB, the same for all that need it; free memory, so that nothing is reached there where a
 * unit does not translate. */
static bool low_window(const struct machine *m, iova_t *out)
{
	static uint64_t low;
	uint64_t found;
	if (!low) {
		if (window_choose_low(&m->pci, &found))
			return false;
		low = found;
		pmm_reserve(PHYS(low), WINDOW_SIZE / PAGE_SIZE);
		log_line(
			"isolate",
			"functions with 32-bit addresses: theirs begin at 0x%llx, in memory that is not used",
			(ull)low);
	}
	*out = IOVA(low);
	return true;
}

static enum sl_err open_in_window(struct machine *m, struct controller *c, const char **why)
{
	const struct strike_class *class = c->dev.class;
	unsigned bar = bar_of(class, c->fn);
	volatile void *regs;
	*why = "it could not be given a domain and memory";
	enum sl_err e =
		dma_get(c->dom, IOVA(c->window.v + WINDOW_BUFFERS), STRIKE_MEM, DOMAIN_RW, &c->dev.mem);
	if (!e)
		e = function_connect_bar(c->fn, bar, c->dom, &regs);
	if (e)
		return e;
	c->connected = true;
	faults_watch(m, c->fn->bdf);
	c->dev.io = strike_io_mmio(regs, c->fn->bar[bar].size);
	e = class->portal_bar ? open_portal(c) : SL_OK;
	return e ? e : class->open(&c->dev, why);
}

/* In its domain and ready; on an error *why is the reason. */
static enum sl_err open_one(struct machine *m, struct controller *c, const char **why)
{
	const struct strike_class *class = c->dev.class;
	enum sl_err e = class->take ? take(m, c, why) : SL_OK;
	if (e)
		return e;
	*why = "it could not be given a domain and memory";
	c->window = m->window;
	e = make_domain(m, class->name, c->fn->bdf, &c->dom);
	if (!e)
		e = open_in_window(m, c, why);
	if (e == SL_UNSUPPORTED && c->dev.narrow && c->dom && low_window(m, &c->window)) {
		disconnect(c);
		e = open_in_window(m, c, why);
	}
	if (e)
		return e;
	c->open = true;
	*why = "its MSI-X could not be set up";
	return function_msix_open(c->fn, &c->msix);
}

/* The first is called by its class's name, the others have a number too. */
static enum sl_err add(struct machine *m, struct attackers *all, const struct strike_ops *ops,
		       struct controller *c, unsigned nth)
{
	struct attacker by = {
		.fn = c->fn,
		.dom = &c->dom,
		.window = c->window,
		.ops = ops,
		.dev = c,
		.msix = c->msix.vectors ? &c->msix : NULL,
		.own = {{&c->dev.mem, DOMAIN_RW}, {c->dev.more.va ? &c->dev.more : NULL, DOMAIN_RW}}};
	fmt_print(by.name, sizeof by.name, nth ? "%s%u" : "%s", c->dev.class->name, nth);
	return attackers_add(m, all, &by);
}

bool controller_drives(const struct strike_ops *self, const struct pci_func *fn)
{
	const struct strike_class *class = self->class;
	const struct strike_id *id = class->ids;
	if (!id)
		return fn->class == class->class || (class->also && fn->class == class->also);
	while (id->vendor && (id->vendor != fn->vendor || id->device != fn->device))
		id++;
	return id->vendor;
}

enum sl_err controllers_open(struct machine *m, struct attackers *all, const struct strike_ops *self)
{
	const struct strike_class *class = self->class;
	unsigned nth = 0;
	enum sl_err e = SL_OK;
	PCI_EACH(f, &m->pci) {
		if (e || !self->drives(self, f))
			continue;
		const char *why = attackers_barred(m, f, bar_of(class, f), class->take);
		if (!why && controllers == CONTROLLERS_MAX)
			why = "as many controllers attack already as can";
		if (!why) {
			struct controller *c = &controller[controllers++];
			*c = (struct controller){.dev = {.class = class, .fn = f}, .fn = f};
			if (open_one(m, c, &why)) {
				f->past_iommu |= c->dev.past;
				close_one(&controller[--controllers]);
			} else {
				why = NULL;
				e = add(m, all, self, c, nth++);
			}
		}
		if (why)
			attackers_leave_out(all, f, class->name, why);
	}
	return e;
}

/* ---- accesses ---- */

static struct strike_dev *dev_of(const struct attacker *by)
{
	struct controller *c = by->dev;
	return &c->dev;
}

/* What it writes is not of our choice, so it writes no interrupt. A write that has to run out of its mapping
 * has to be long enough for that. */
bool controller_can(const struct attacker *by, const struct attack *a)
{
	const struct strike_class *class = dev_of(by)->class;
	if (a->interrupt || (dev_of(by)->narrow && (a->to >> 32 || a->fault_at >> 32)))
		return false;
	if (!a->write)
		return class->read && IS_ALIGNED(a->to, class->read_align) && a->fault_at < a->to + PAGE_SIZE;
	return class->write && IS_ALIGNED(a->to, class->write_align) &&
	       (a->len >= class->write_most || a->len == by->ops->least) &&
	       a->fault_at < a->to + class->write_most;
}

static bool refused(void *of)
{
	struct machine *m = of;
	return iommu_fault_waits(&m->iommu);
}

enum sl_err controller_strike(struct machine *m, struct attacker *by, const struct attack *a, char *said,
			      size_t n)
{
	struct strike_dev *d = dev_of(by);
	bystanders_turn(m);
	d->io.over = refused;
	d->io.of = m;
	enum sl_err e = a->write ? d->class->write(d, a->to, a->len) : d->class->read(d, a->to);
	d->io.over = NULL; /* what it does next is allowed */
	d->class->said(d, said, n);
	return e;
}

/* An odd offset is the class's own business. */
enum sl_err controller_prepare(struct machine *m, struct attacker *by, const struct attack *a)
{
	struct strike_dev *d = dev_of(by);
	(void)m;
	(void)a;
	for (unsigned i = 0; i < d->class->brings / 8; i++) {
		uint64_t old = strike_old(i);
		memcpy(strike_brought(d) + d->class->brings_at + 8 * i, &old, sizeof old);
	}
	return SL_OK;
}

uint32_t controller_leaked(struct machine *m, struct attacker *by, const struct attack *a, uint64_t *words)
{
	const struct strike_dev *d = dev_of(by);
	(void)m;
	(void)a;
	memcpy(words, strike_brought(d) + d->class->brings_at, d->class->brings);
	return d->class->brings;
}

void controller_bait(const struct attacker *by, const struct attack *a, void *place)
{
	(void)a;
	dev_of(by)->class->bait(dev_of(by), place);
}

bool controller_obeyed(const struct attacker *by)
{
	return dev_of(by)->class->obeyed(dev_of(by));
}

/* It brings something to its own memory. */
bool controller_healthy(struct machine *m, struct attacker *by)
{
	struct strike_dev *d = dev_of(by);
	(void)m;
	memset(strike_brought(d), 0, PAGE_SIZE);
	if (!d->class->write) {
		d->class->bait(d, strike_brought(d));
		return d->class->read(d, d->mem.iova.v + PAGE_SIZE) == SL_OK && d->class->obeyed(d);
	}
	return d->class->write(d, d->mem.iova.v + PAGE_SIZE, d->class->write_most) == SL_OK &&
	       !pattern_is_zero(strike_brought(d), PAGE_SIZE);
}

enum sl_err controller_kick(struct machine *m, struct attacker *by)
{
	(void)m;
	return dev_of(by)->class->kick(dev_of(by));
}

/* ---- without a domain ---- */

static bool bare_can(const struct attacker *by, const struct attack *a)
{
	(void)by;
	return !a->write && IS_ALIGNED(a->to, PAGE_SIZE);
}

static void bare_bait(const struct attacker *by, const struct attack *a, void *place)
{
	dev_of(by)->class->lay(dev_of(by), place, a->to);
}

struct fetching {
	struct machine *m;
	struct place_seen seen;
};

static bool fetch_over(void *of)
{
	const struct fetching *f = of;
	return place_changed(&f->seen) || iommu_fault_waits(&f->m->iommu);
}

/* What it writes where it is allowed goes to the second page. */
static enum sl_err bare_strike(struct machine *m, struct attacker *by, const struct attack *a, char *said,
			       size_t n)
{
	struct strike_dev *d = dev_of(by);
	struct fetching f = {m, place_look(a->place ? (uint8_t *)a->place + PAGE_SIZE : NULL, PAGE_SIZE)};
	d->io.over = fetch_over;
	d->io.of = &f;
	enum sl_err e = d->class->fetch(d, a->to);
	d->io.over = NULL;
	d->class->said(d, said, n);
	return e;
}

static const struct strike_ops strike_bare = {.how = "fetches what it does",
					      .either_way = true,
					      .can = bare_can,
					      .bait = bare_bait,
					      .strike = bare_strike};

enum sl_err controller_release(struct machine *m, struct attacker *by, struct attacker *bare)
{
	(void)m;
	*bare = *by;
	bare->ops = &strike_bare;
	bare->along = dev_of(by)->more.va ? &dev_of(by)->more : NULL;
	return SL_OK;
}

enum sl_err controller_restore(struct machine *m, struct attacker *by)
{
	struct strike_dev *d = dev_of(by);
	const char *why;
	(void)m;
	enum sl_err e = d->class->open(d, &why);
	if (e)
		log_warn("isolate", "%s: after its cases without a domain %s", by->name, why);
	return e;
}
