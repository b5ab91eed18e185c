/* Stage keyboards: USB keyboards for the shell at a screen. Each xHCI controller is taken from the firmware
 * and put into a domain of its own, like every device that Sluice drives. */
#include "apps/bringup/faults.h"
#include "apps/shell/stage.h"
#include "apps/vf/domain.h"
#include "drivers/usb/device.h"
#include "kernel/console.h"
#include "kernel/log.h"
#include "kernel/time.h"
#include "pci/path.h"

#define CLASS_XHCI  0x0c0330u
#define CONTROLLERS 4u
#define SEARCH_US   5000000u /* for what is plugged in at the start, at most */
#define QUIET_US    300000u

static struct controller {
	struct usb usb;
	struct pci_func *fn;
	struct domain *dom;
	bool rmrr; /* dom is that of its RMRRs, and stays */
	bool lent; /* to the proof: only fn is valid */
} controllers[CONTROLLERS];
static unsigned count;

static void left_alone(const struct pci_func *fn, const char *why)
{
	log_line("usb", BDF_FMT " is left alone, and so are the keyboards on it: %s", BDF_ARG(fn->bdf), why);
}

/* Another function that has the same domain: by its RMRRs, in the same group. */
static bool shares(struct machine *m, const struct pci_func *fn, const struct domain *dom)
{
	PCI_EACH(f, &m->pci)
		if (f != fn && iommu_domain_of(&m->iommu, f->bdf) == dom)
			return true;
	return false;
}

/* NULL, or why the function must not be driven. */
static const char *refuse(struct machine *m, const struct pci_func *fn)
{
	const char *why;
	const struct domain *held = iommu_domain_of(&m->iommu, fn->bdf);
	if (!iommu_covered(&m->iommu, fn->bdf, &why))
		return why;
	if (held && shares(m, fn, held))
		return "an RMRR of its group ties other functions to the same domain";
	if (!fn->bar[0].addr || fn->bar[0].io || pci_path_stop(fn, &fn->bar[0]))
		return "its registers have no address that can be reached";
	return NULL;
}

static enum sl_err begin(struct machine *m, struct controller *c)
{
	volatile void *regs;
	struct xhci *x = &c->usb.x;
	iova_t at = window_at(m, (uint64_t)(c - controllers) * XHCI_WINDOW);
	enum sl_err e = function_reach(c->fn, c->dom, &regs);
	if (e)
		return e;
	struct xhci_io io = xhci_io_mmio(regs, c->fn->bar[0].size);
	const char *why = xhci_read(x, &io, c->fn->bdf);
	if (why) {
		left_alone(c->fn, why);
		return SL_UNSUPPORTED;
	}
	log_line(
		"usb",
		BDF_FMT
		" xHCI %x.%x with %u ports is used for keyboards, in domain %u; the firmware does not use it any more",
		BDF_ARG(c->fn->bdf), x->version >> 8, x->version >> 4 & 0xf, x->ports, domain_id(c->dom));
	e = xhci_take_over(x);
	if (e)
		return e;
	faults_watch(m, c->fn->bdf);
	pci_bus_master(c->fn, true);
	e = xhci_start(x, c->dom, at);
	if (!e)
		usb_start(&c->usb);
	return e;
}

static void end(struct controller *c)
{
	struct domain *own = c->rmrr ? NULL : c->dom;
	if (!c->fn || c->lent)
		return;
	if (c->usb.x.mem.va)
		xhci_halt(&c->usb.x);
	function_disconnect(c->fn, own);
	if (xhci_close(&c->usb.x))
		log_warn("usb", BDF_FMT ": its memory could not be taken back", BDF_ARG(c->fn->bdf));
	drop_domain(&own);
	*c = (struct controller){0};
}

/* False, and said why, when it is not used. */
static bool take(struct machine *m, struct pci_func *fn, struct controller *c)
{
	const char *why = refuse(m, fn);
	if (why || c == controllers + CONTROLLERS) {
		left_alone(fn, why ? why : "four controllers are enough");
		return false;
	}
	*c = (struct controller){.fn = fn, .dom = iommu_domain_of(&m->iommu, fn->bdf)};
	c->rmrr = c->dom != NULL;
	enum sl_err e = c->rmrr ? SL_OK : make_domain(m, "usb", fn->bdf, &c->dom);
	if (!e)
		e = begin(m, c);
	if (e)
		end(c);
	return !e;
}

/* Until nothing has come for a while: a device shows up some 100 ms after its port has power. */
static unsigned search(void)
{
	struct deadline all = deadline_in(SEARCH_US), quiet = deadline_in(QUIET_US);
	unsigned found = 0;
	while (deadline_look(&quiet) && deadline_look(&all))
		for (unsigned i = 0; i < count; i++)
			if (usb_poll(&controllers[i].usb))
				quiet = deadline_in(QUIET_US);
	for (unsigned i = 0; i < count; i++) {
		controllers[i].usb.keys = (struct usb_keys){0}; /* typed before there was a prompt */
		found += usb_keyboards(&controllers[i].usb);
	}
	return found;
}

/* ---- for the proof ---- */

static void lend(struct machine *m, const struct pci_func *fn)
{
	char path[USB_PATH];
	(void)m;
	for (unsigned i = 0; i < count; i++) {
		struct controller *c = &controllers[i];
		struct pci_func *mine = c->fn;
		if (mine != fn || c->lent)
			continue;
		for (unsigned s = 1; s <= XHCI_SLOTS; s++)
			if (c->usb.dev[s].kind == USB_KEYBOARD)
				log_line(
					"usb",
					BDF_FMT
					" %s: this keyboard is silent while its controller attacks, for Ctrl-C too",
					BDF_ARG(mine->bdf), usb_path(&c->usb.x.slot[s].at, path));
		end(c);
		c->fn = mine;
		c->lent = true;
		c->usb.x.dead = "it is lent";
	}
}

/* One that is not used any more keeps its place, and nothing is read from it. */
static void back(struct machine *m)
{
	bool any = false;
	for (unsigned i = 0; i < count; i++) {
		struct controller *c = &controllers[i];
		struct pci_func *fn = c->fn;
		if (!c->lent)
			continue;
		any = true;
		if (take(m, fn, c))
			continue;
		*c = (struct controller){.usb.x.dead = "it is not used any more"};
		log_line("usb", BDF_FMT " has attacked, and its keyboards stay silent: see the lines above",
			 BDF_ARG(fn->bdf));
	}
	if (any)
		log_line("usb", "USB keyboards work again: %u", search());
}

/* The next byte typed on any USB keyboard; finds what is plugged in or out, too. */
static int read_keyboards(void)
{
	int c = -1;
	for (unsigned i = 0; i < count && c < 0; i++)
		c = usb_read(&controllers[i].usb);
	return c;
}

static bool wanted(const struct machine *m)
{
	return m->cfg->usb == USB_ON || (m->cfg->usb == USB_AUTO && console_outputs() > 1);
}

/* Without translation a controller would reach all memory, for the sake of a keyboard. */
enum sl_err stage_keyboards(struct machine *m)
{
	if (!wanted(m))
		return SL_OK;
	if (!m->translating || !translated(m)) {
		log_line(
			"usb",
			"USB keyboards are not used: without translation their controller reaches all memory");
		return SL_OK;
	}
	PCI_EACH(f, &m->pci)
		if (f->class == CLASS_XHCI)
			count += take(m, f, &controllers[count]);
	if (!count)
		return SL_OK;
	unsigned n = search();
	console_add_input(read_keyboards);
	m->keyboards_lend = lend;
	m->keyboards_back = back;
	log_line("usb", "USB keyboards: %u; one that is plugged in later is found too", n);
	return SL_OK;
}

void undo_keyboards(struct machine *m)
{
	m->keyboards_lend = NULL;
	m->keyboards_back = NULL;
	while (count)
		end(&controllers[--count]);
}
