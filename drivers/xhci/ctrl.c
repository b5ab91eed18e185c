/* Start and end of a controller: xHCI §4.2. */
#include "drivers/xhci/port.h"
#include "drivers/xhci/regs.h"
#include "drivers/xhci/xhci.h"
#include "kernel/log.h"
#include "kernel/str.h"
#include "kernel/time.h"

#define HANDOFF_US      1000000u /* for the firmware to let go; Linux waits as long */
#define HALT_US         100000u  /* §5.4.1.1: 16 ms */
#define RESET_US        5000000u
#define QUIET_US        1000u /* Intel's controllers may hang when a register is read right after HCRST */
#define COMMAND_ENTRIES 64u
#define EVENT_ENTRIES   256u
#define CAPS_MAX        64u
#define ALL_ONES        0xffffffffu

_Static_assert(COMMAND_ENTRIES * sizeof(struct xhci_trb) <= XHCI_MEM_EVENTS - XHCI_MEM_COMMAND, "memory");
_Static_assert(EVENT_ENTRIES * sizeof(struct xhci_trb) <= XHCI_MEM_ARRAY - XHCI_MEM_EVENTS, "memory");
_Static_assert(8 * XHCI_SCRATCH_MAX <= PAGE_SIZE, "memory");
_Static_assert(XHCI_MEM_SIZE <= XHCI_MEM_SCRATCH, "memory");
_Static_assert(XHCI_MEM_SCRATCH + XHCI_SCRATCH_MAX * PAGE_SIZE <= XHCI_WINDOW, "memory");

/* Extended capabilities: a bounded walk. NULL, or the reason why the controller is left alone. */
static const char *read_extended(struct xhci *x, uint32_t hcc1)
{
	uint64_t at = 4 * FGET(hcc1, HCC1_XECP);
	for (unsigned i = 0; at && i < CAPS_MAX; i++) {
		if (at + DCCTRL + 4 > x->io.len)
			return NULL;
		uint32_t cap = xhci_rd32(x, (uint32_t)at);
		if (cap == ALL_ONES)
			return NULL;
		if (FGET(cap, XECP_ID) == XECP_LEGACY && !x->legacy)
			x->legacy = (uint32_t)at;
		if (FGET(cap, XECP_ID) == XECP_DEBUG &&
		    xhci_rd32(x, (uint32_t)at + DCCTRL) & (DCCTRL_DCR | DCCTRL_DCE))
			return "its debug capability is in use";
		at = FGET(cap, XECP_NEXT) ? at + 4 * FGET(cap, XECP_NEXT) : 0;
	}
	return NULL;
}

const char *xhci_read(struct xhci *x, const struct xhci_io *io, bdf_t fn)
{
	*x = (struct xhci){.io = *io, .fn = fn};
	if (io->len < 0x20)
		return "its BAR 0 is too small";
	uint32_t cap = xhci_rd32(x, XHCI_CAPLENGTH), hcs1 = xhci_rd32(x, XHCI_HCSPARAMS1);
	uint32_t hcs2 = xhci_rd32(x, XHCI_HCSPARAMS2), hcc1 = xhci_rd32(x, XHCI_HCCPARAMS1);
	if (cap == ALL_ONES || hcs1 == ALL_ONES)
		return "its registers do not answer";
	uint64_t slots = FGET(hcs1, HCS1_MAXSLOTS);
	x->version = (uint16_t)FGET(cap, CAP_HCIVERSION);
	x->op = (uint32_t)FGET(cap, CAP_CAPLENGTH);
	x->rt = xhci_rd32(x, XHCI_RTSOFF) & ~31u;
	x->db = xhci_rd32(x, XHCI_DBOFF) & ~3u;
	x->ports = (uint8_t)FGET(hcs1, HCS1_MAXPORTS);
	x->slots = (uint8_t)(slots < XHCI_SLOTS ? slots : XHCI_SLOTS);
	x->context = hcc1 & HCC1_CSZ ? 64 : 32;
	x->scratch_pages = (uint16_t)(FGET(hcs2, HCS2_SCRATCH_HI) << 5 | FGET(hcs2, HCS2_SCRATCH_LO));
	uint64_t op_end = (uint64_t)x->op + XHCI_PORTSC + XHCI_PORT * x->ports;
	if (x->op < 0x20 || x->op % 4 || !slots || !x->ports || op_end > io->len ||
	    (uint64_t)x->rt + XHCI_RT_END > io->len || (uint64_t)x->db + 4 * (x->slots + 1u) > io->len)
		return "its capability registers make no sense";
	if (!(hcc1 & HCC1_AC64))
		return "it has 32-bit addresses only (HCCPARAMS1.AC64 is 0), and its window is above 4 GiB";
	if (!(xhci_rd32(x, x->op + XHCI_PAGESIZE) & PAGESIZE_4K))
		return "it has no pages of 4 KiB";
	if (x->scratch_pages > XHCI_SCRATCH_MAX)
		return "it wants more than 256 scratchpad pages";
	return read_extended(x, hcc1);
}

/* Waits until the bits of a register have the wanted value. *gone: it reads all ones. */
static enum sl_err wait_for(struct xhci *x, uint32_t off, uint64_t mask, uint64_t want, uint64_t us)
{
	struct deadline d = deadline_in(us);
	while (deadline_look(&d)) {
		uint32_t v = xhci_rd32(x, off);
		if (v == ALL_ONES)
			return SL_DEVICE;
		if ((v & mask) == want)
			return SL_OK;
	}
	return SL_TIMEOUT;
}

static void end_smis(struct xhci *x)
{
	uint32_t sts = xhci_rd32(x, x->legacy + USBLEGCTLSTS);
	xhci_wr32(x, x->legacy + USBLEGCTLSTS, (sts & LEGCTL_KEEP) | LEGCTL_EVENTS);
}

/* The firmware's System Management Mode may have driven keyboards until now: §4.22.1. */
bool xhci_ask(struct xhci *x)
{
	if (!x->legacy)
		return true;
	uint32_t v = xhci_rd32(x, x->legacy);
	if (v & USBLEGSUP_BIOS) {
		xhci_wr32(x, x->legacy, v | USBLEGSUP_OS);
		if (wait_for(x, x->legacy, USBLEGSUP_BIOS, 0, HANDOFF_US)) {
			xhci_wr32(x, x->legacy, v);
			return false;
		}
	}
	end_smis(x);
	return true;
}

/* Firmware that does not let go keeps no SMI either. */
static void take(struct xhci *x)
{
	uint32_t v = xhci_rd32(x, x->legacy);
	log_warn("usb", BDF_FMT ": the firmware does not let go of it (USBLEGSUP 0x%x); it is taken",
		 BDF_ARG(x->fn), v);
	xhci_wr32(x, x->legacy, (v & ~USBLEGSUP_BIOS) | USBLEGSUP_OS);
	end_smis(x);
}

/* RS = 0, then HCRST: §5.4.1. */
enum sl_err xhci_reset(struct xhci *x, const char **what)
{
	*what = "it does not halt";
	xhci_wr32(x, x->op + XHCI_USBCMD, xhci_rd32(x, x->op + XHCI_USBCMD) & ~USBCMD_RS);
	enum sl_err e = wait_for(x, x->op + XHCI_USBSTS, USBSTS_HCH, USBSTS_HCH, HALT_US);
	if (e)
		return e;
	*what = "it does not come out of its reset";
	xhci_wr32(x, x->op + XHCI_USBCMD, USBCMD_HCRST);
	delay_us(QUIET_US);
	e = wait_for(x, x->op + XHCI_USBCMD, USBCMD_HCRST, 0, RESET_US);
	return e ? e : wait_for(x, x->op + XHCI_USBSTS, USBSTS_CNR, 0, RESET_US);
}

void xhci_halt(struct xhci *x)
{
	const char *what;
	if (!x->dead && xhci_reset(x, &what))
		log_warn("usb", BDF_FMT ": %s", BDF_ARG(x->fn), what);
}

void xhci_lost(struct xhci *x, const char *what)
{
	const char *why;
	if (x->dead)
		return;
	x->dead = what;
	log_warn("usb", BDF_FMT " is not used any more: %s (USBSTS 0x%x)", BDF_ARG(x->fn), what,
		 xhci_rd32(x, x->op + XHCI_USBSTS));
	if (xhci_reset(x, &why))
		log_debug("usb", BDF_FMT ": %s", BDF_ARG(x->fn), why);
}

enum sl_err xhci_take_over(struct xhci *x)
{
	const char *what;
	if (!xhci_ask(x))
		take(x);
	enum sl_err e = xhci_reset(x, &what);
	if (e)
		xhci_lost(x, e == SL_DEVICE ? "its registers read all ones" : what);
	return e;
}

static enum sl_err get_memory(struct xhci *x, struct domain *dom, iova_t at)
{
	enum sl_err e = dma_get(dom, at, XHCI_MEM_SIZE, DOMAIN_RW, &x->mem);
	if (!e && x->scratch_pages)
		e = dma_get(dom, IOVA(at.v + XHCI_MEM_SCRATCH), x->scratch_pages * PAGE_SIZE, DOMAIN_RW,
			    &x->scratch);
	if (e)
		return e;
	uint64_t *dcbaa = xhci_va(x, XHCI_MEM_DCBAA), *array = xhci_va(x, XHCI_MEM_ARRAY);
	for (unsigned i = 0; i < x->scratch_pages; i++)
		array[i] = x->scratch.iova.v + i * PAGE_SIZE;
	dcbaa[0] = x->scratch_pages ? xhci_iova(x, XHCI_MEM_ARRAY) : 0;
	return SL_OK;
}

enum sl_err xhci_run(struct xhci *x, const struct xhci_rings *at)
{
	xhci_wr32(x, x->op + XHCI_CONFIG, x->slots);
	xhci_wr64(x, x->op + XHCI_DCBAAP, at->contexts);
	xhci_wr64(x, x->op + XHCI_CRCR, at->commands | CRCR_RCS);
	xhci_wr32(x, x->rt + XHCI_ERSTSZ, 1);
	xhci_wr64(x, x->rt + XHCI_ERDP, at->events);
	xhci_wr64(x, x->rt + XHCI_ERSTBA, at->segments); /* last: it is read now, §4.9.3 */
	xhci_wr32(x, x->op + XHCI_USBCMD, USBCMD_RS);
	return wait_for(x, x->op + XHCI_USBSTS, USBSTS_HCH, 0, HALT_US);
}

enum sl_err xhci_start(struct xhci *x, struct domain *dom, iova_t at)
{
	enum sl_err e = get_memory(x, dom, at);
	if (e)
		return e;
	uint64_t *erst = xhci_va(x, XHCI_MEM_ERST);
	xhci_ring_init(&x->command, xhci_va(x, XHCI_MEM_COMMAND), xhci_iova(x, XHCI_MEM_COMMAND),
		       COMMAND_ENTRIES);
	xhci_ring_init(&x->events, xhci_va(x, XHCI_MEM_EVENTS), xhci_iova(x, XHCI_MEM_EVENTS), EVENT_ENTRIES);
	erst[0] = x->events.iova;
	erst[1] = EVENT_ENTRIES;
	e = xhci_run(x, &(struct xhci_rings){xhci_iova(x, XHCI_MEM_DCBAA), xhci_iova(x, XHCI_MEM_ERST),
					     x->events.iova, x->command.iova});
	if (e) {
		xhci_lost(x, "it does not start");
		return e;
	}
	xhci_ports_start(x);
	return SL_OK;
}

enum sl_err xhci_close(struct xhci *x)
{
	enum sl_err e = dma_put(&x->mem), other = dma_put(&x->scratch);
	return e ? e : other;
}
