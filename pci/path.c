#include "pci/path.h"
#include "kernel/log.h"
#include "kernel/time.h"
#include "pci/acs.h"
#include "pci/priv.h"
#include "pci/regs.h"

#define D3_US    10000u  /* from and to D3hot: PCIe §5.9 */
#define D2_US    200u    /* from and to D2 */
#define STATE_US 100000u /* after which the state must read as written */
#define RESET_US 100000u /* a bridge that starts anew resets what is below it: PCIe §6.6.1 */
#define LINK_US  1000000u
#define KEPT_MAX 32u
#define CAP_END  0x100u

unsigned pci_power_state(const struct pci_func *fn)
{
	return fn->cap_pm ? (unsigned)FGET(fn_rd16(fn, fn->cap_pm + PM_CSR), PM_STATE) : 0;
}

const char *pci_power_name(unsigned state)
{
	static const char *const names[] = {"D0", "D1", "D2", "D3hot"};
	return names[state % ARRAY_LEN(names)];
}

/* ---- configuration space over a change of power ---- */

/* Leaving D3hot a function may reset (No_Soft_Reset clear: PCIe §5.3.1.4.1). */
struct kept {
	struct {
		uint16_t off, bytes;
		uint32_t v;
	} reg[KEPT_MAX];
	unsigned n;
};

static uint32_t read(const struct pci_func *fn, unsigned off, unsigned bytes)
{
	return bytes == 4 ? fn_rd32(fn, off) : fn_rd16(fn, off);
}

static void keep(const struct pci_func *fn, struct kept *k, unsigned off, unsigned bytes)
{
	k->reg[k->n].off = (uint16_t)off;
	k->reg[k->n].bytes = (uint16_t)bytes;
	k->reg[k->n++].v = read(fn, off, bytes);
}

static void keep_pcie(const struct pci_func *fn, struct kept *k)
{
	static const uint8_t v1[] = {PCIE_DEVCTL, PCIE_LNKCTL, PCIE_SLTCTL, PCIE_RTCTL};
	for (unsigned i = 0; fn->cap_pcie && i < ARRAY_LEN(v1) && fn->cap_pcie + v1[i] + 2u <= CAP_END; i++)
		keep(fn, k, fn->cap_pcie + v1[i], 2);
	if (caps_has_devctl2(fn))
		keep(fn, k, fn->cap_pcie + PCIE_DEVCTL2, 2);
}

/* The sizes of VF BARs follow System Page Size: PCIe §9.3.3.13. */
static void keep_sriov(const struct pci_func *fn, struct kept *k)
{
	keep(fn, k, fn->cap_sriov + SRIOV_PGSIZE, 4);
	for (unsigned i = 0; i < PCI_BARS; i++)
		keep(fn, k, fn->cap_sriov + SRIOV_BAR + 4 * i, 4);
	keep(fn, k, fn->cap_sriov + SRIOV_NUM, 2);
	keep(fn, k, fn->cap_sriov + SRIOV_CTL, 2);
}

/* Command comes last: nothing is decoded while addresses are written. I/O Limit and the Secondary Status
 * behind it are left as they come. */
static void keep_all(const struct pci_func *fn, struct kept *k)
{
	k->n = 0;
	keep(fn, k, CFG_CACHE_LINE, 2);
	for (unsigned off = CFG_BAR; off < CFG_CAP_PTR; off += 4)
		keep(fn, k, off, fn->hdr_type == 1 && off == CFG_IO_BASE ? 2 : 4);
	keep(fn, k, CFG_ROM1, 4);
	keep(fn, k, CFG_INTERRUPT, 4);
	keep_pcie(fn, k);
	if (fn->cap_acs)
		keep(fn, k, acs_control(fn), 2);
	if (fn->cap_sriov)
		keep_sriov(fn, k);
	keep(fn, k, CFG_CMD, 2);
}

/* True when something had to be restored. */
static bool put_back(const struct pci_func *fn, const struct kept *k)
{
	bool lost = false;
	for (unsigned i = 0; i < k->n; i++)
		lost |= read(fn, k->reg[i].off, k->reg[i].bytes) != k->reg[i].v;
	if (!lost)
		return false;
	fn_wr16(fn, CFG_CMD, 0);
	for (unsigned i = 0; i < k->n; i++)
		if (read(fn, k->reg[i].off, k->reg[i].bytes) == k->reg[i].v)
			continue;
		else if (k->reg[i].bytes == 4)
			fn_wr32(fn, k->reg[i].off, k->reg[i].v);
		else
			fn_wr16(fn, k->reg[i].off, k->reg[i].v);
	return true;
}

/* ---- power ---- */

/* The bit that clears when written stays. True when the state reads as written. */
static bool set_state(const struct pci_func *fn, unsigned state)
{
	unsigned at = fn->cap_pm + PM_CSR, from = pci_power_state(fn);
	uint64_t v = fn_rd16(fn, at) & ~(PM_STATE | PM_PME_STATUS);
	fn_wr16(fn, at, v | state);
	delay_us(from == 3 || state == 3 ? D3_US : D2_US);
	struct deadline d = deadline_in(STATE_US);
	while (deadline_look(&d)) {
		if (fn_rd32(fn, CFG_CMD) != UINT32_MAX && pci_power_state(fn) == state)
			return true;
		delay_us(1000);
	}
	return false;
}

/* Where the port says whether its link is up: PCIe §7.5.3.6. */
static void wait_for_link(const struct pci_func *port)
{
	delay_us(RESET_US);
	if (!caps_is_downstream(port) || port->cap_pcie + PCIE_LNKSTA + 2u > CAP_END ||
	    !(fn_rd32(port, port->cap_pcie + PCIE_LNKCAP) & LNKCAP_DLLLARC))
		return;
	for (uint64_t end = now_us() + LINK_US; now_us() < end; delay_us(10000))
		if (fn_rd16(port, port->cap_pcie + PCIE_LNKSTA) & LNKSTA_DLLLA) {
			delay_us(RESET_US);
			return;
		}
}

enum sl_err pci_power_on(struct pci_func *fn)
{
	struct kept kept;
	unsigned state = pci_power_state(fn);
	if (!state)
		return SL_OK;
	if (fn->cfg->read_only)
		return SL_UNSUPPORTED;
	keep_all(fn, &kept);
	if (!set_state(fn, 0)) {
		log_fail("pci", "cut the machine's power for a moment; if this persists, update the firmware",
			 BDF_FMT " stays in %s (PMCSR %04x): its registers do not answer", BDF_ARG(fn->bdf),
			 pci_power_name(state), fn_rd16(fn, fn->cap_pm + PM_CSR));
		return SL_DEVICE;
	}
	bool lost = put_back(fn, &kept);
	if (lost && fn->is_bridge)
		wait_for_link(fn);
	log_line("pci", BDF_FMT " was in %s: it is in D0 until the end of the run%s", BDF_ARG(fn->bdf),
		 pci_power_name(state),
		 lost ? "; it was reset on the way, and its registers are restored" : "");
	fn->found_power = (uint8_t)state;
	return SL_OK;
}

/* ---- the path to a function ---- */

static void command_add(struct pci_func *f, uint64_t bits, const struct pci_func *to)
{
	uint16_t was = fn_rd16(f, CFG_CMD);
	uint64_t more = bits & ~(uint64_t)was;
	if (!more)
		return;
	fn_wr16(f, CFG_CMD, was | more);
	f->command_set |= (uint16_t)more;
	uint16_t now = fn_rd16(f, CFG_CMD);
	if (f == to)
		return;
	log_line("pci",
		 BDF_FMT " had %s off (Command %04x): on until the end of the run, for " BDF_FMT " below it",
		 BDF_ARG(f->bdf),
		 more == bits     ? "memory decoding and bus mastering"
		 : more & CMD_MSE ? "memory decoding"
				  : "bus mastering",
		 was, BDF_ARG(to->bdf));
	if (~now & bits)
		log_warn("pci",
			 BDF_FMT " does not take them (Command %04x): " BDF_FMT
				 " may not answer, or its DMA may end there",
			 BDF_ARG(f->bdf), now, BDF_ARG(to->bdf));
}

/* The bridge above f that is below stop; stop NULL: the one on the root bus. */
static struct pci_func *next_below(const struct pci_func *f, const struct pci_func *stop)
{
	struct pci_func *up = f->parent;
	while (up && up->parent != stop)
		up = up->parent;
	return up;
}

enum sl_err pci_path_open(struct pci_func *fn)
{
	for (struct pci_func *port = next_below(fn, NULL); port;
	     port = port == fn->parent ? NULL : next_below(fn, port)) {
		enum sl_err e = pci_power_on(port);
		if (e)
			return e;
		command_add(port, CMD_MSE | CMD_BME, fn);
	}
	enum sl_err e = pci_power_on(fn);
	if (!e)
		command_add(fn, CMD_MSE, fn);
	return e;
}

static bool passes(const struct pci_func *bridge, const struct pci_bar *bar)
{
	const struct pci_window *w[] = {&bridge->mem, &bridge->pref};
	if ((bridge->class & 0xff) == 1)
		return true;
	for (unsigned i = 0; i < ARRAY_LEN(w); i++)
		if (bar->addr >= w[i]->base && bar->size <= w[i]->size &&
		    bar->addr - w[i]->base <= w[i]->size - bar->size)
			return true;
	return false;
}

const struct pci_func *pci_path_stop(const struct pci_func *fn, const struct pci_bar *bar)
{
	for (const struct pci_func *up = fn->parent; up; up = up->parent)
		if (!passes(up, bar))
			return up;
	return NULL;
}

void pci_paths_restore(struct pci *pci)
{
	unsigned commands = 0, states = 0;
	if (!pci->cfg)
		return; /* nothing was scanned */
	for (struct pci_func *f = TAILQ_LAST(&pci->funcs, pci_list); f; f = TAILQ_PREV(f, pci_list, link)) {
		if (f->command_set)
			fn_wr16(f, CFG_CMD, fn_rd16(f, CFG_CMD) & (uint16_t)~f->command_set);
		if (f->found_power && !set_state(f, f->found_power))
			log_warn("pci", BDF_FMT " does not go back to %s", BDF_ARG(f->bdf),
				 pci_power_name(f->found_power));
		commands += f->command_set != 0;
		states += f->found_power != 0;
		f->command_set = f->found_power = 0;
	}
	if (commands || states)
		log_line("pci", "put back as found: Command registers: %u, power states: %u", commands,
			 states);
}
