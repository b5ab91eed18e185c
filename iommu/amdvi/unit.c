#include "iommu/amdvi/unit.h"
#include "iommu/amdvi/cmd.h"
#include "iommu/amdvi/log.h"
#include "kernel/fmt.h"
#include "kernel/log.h"
#include "kernel/pmm.h"

/* IVHD flags that Control repeats: AMD IOMMU, IVHD */
#define IVHD_HT_TUN  BIT(0)
#define IVHD_PASS_PW BIT(1)
#define IVHD_RES_PW  BIT(2)
#define IVHD_ISOC    BIT(3)
#define INV_TIME_1S  4

enum sl_err amdvi_wait(struct amdvi_unit *u, uint32_t reg, uint64_t mask, uint64_t want, const char *what)
{
	uint64_t v = 0;
	struct deadline d = amdvi_deadline(&u->io, AMDVI_DEADLINE_US);
	while (amdvi_look(&u->io, &d)) {
		v = amdvi_rd(&u->io, reg);
		if ((v & mask) == want)
			return SL_OK;
	}
	fmt_print(u->reason, sizeof(u->reason), "%s did not complete within %u ms", what,
		  AMDVI_DEADLINE_US / 1000);
	amdvi_trouble(u, AMDVI_BROKEN, "%s (register 0x%x reads 0x%llx)", u->reason, reg, (ull)v);
	return SL_TIMEOUT;
}

static enum sl_err unusable(struct amdvi_unit *u, enum sl_err e, const char *why)
{
	u->unusable = why;
	return e;
}

enum sl_err amdvi_unit_probe(struct amdvi_unit *u)
{
	u->control_found = amdvi_rd(&u->io, AMDVI_CONTROL);
	u->efr = amdvi_rd(&u->io, AMDVI_EFR);
	if (u->control_found == UINT64_MAX || u->efr == UINT64_MAX)
		return unusable(u, SL_DEVICE, "its registers read all ones");
	if (FGET(u->efr, EFR_HATS) == HATS_NONE ||
	    (u->ivhd.type != IVRS_IVHD_10 && u->ivhd.features & IVRS_HAT_DIS))
		return unusable(u, SL_UNSUPPORTED, "it has no host page tables (EFR.HATS, HATDis)");
	return SL_OK;
}

enum sl_err amdvi_unit_init(struct amdvi_unit *u)
{
	phys_t log;
	u->queue = pmm_page();
	u->status = pmm_keep(sizeof(*u->status));
	if (!u->queue || !u->status || pmm_alloc(AMDVI_LOG_BYTES / PAGE_SIZE, PAGE_SIZE, &log) != SL_OK)
		return SL_NOMEM;
	u->log = phys_va(log);
	return SL_OK;
}

/* What the firmware left on ends, with everything that this unit writes or reads by itself: commands, event
 * log, page request and guest logs, exclusion range. */
static enum sl_err take_over(struct amdvi_unit *u)
{
	amdvi_wr(&u->io, AMDVI_CONTROL, 0);
	u->on = false;
	enum sl_err e = amdvi_wait(u, AMDVI_STATUS, STS_CMD_RUN | STS_LOG_RUN, 0,
				   "ending the firmware's command buffer and event log");
	if (!e) {
		amdvi_wr(&u->io, AMDVI_EXCL_BASE, 0);
		amdvi_wr(&u->io, AMDVI_EXCL_LIMIT, 0);
	}
	return e;
}

static uint64_t control_of(const struct amdvi_unit *u)
{
	uint8_t f = u->ivhd.flags;
	return (f & IVHD_HT_TUN ? CTL_HT_TUN : 0) | (f & IVHD_PASS_PW ? CTL_PASS_PW : 0) |
	       (f & IVHD_RES_PW ? CTL_RES_PW : 0) | (f & IVHD_ISOC ? CTL_ISOC : 0) | CTL_COHERENT |
	       FPUT(CTL_INV_TIME, INV_TIME_1S) | (u->remaps && u->efr & EFR_GA ? CTL_GA : 0) |
	       (u->x2apic ? CTL_XT : 0);
}

/* Every entry of the device table: QEMU uses one only after this command for its id, and a unit may have
 * cached the firmware's. Then all translations: where there is no command for all, the firmware's domains are
 * unknown, so each possible one. */
static enum sl_err invalidate_all(struct amdvi_unit *u)
{
	struct amdvi_cmd c[64];
	enum sl_err e = SL_OK;
	for (uint32_t id = 0; !e && id < AMDVI_IDS; id += ARRAY_LEN(c)) {
		for (uint32_t i = 0; i < ARRAY_LEN(c); i++)
			c[i] = amdvi_cmd_devtab((uint16_t)(id + i));
		e = amdvi_cmd_run(u, c, ARRAY_LEN(c));
	}
	c[0] = amdvi_cmd_all();
	if (!e && u->efr & EFR_IA)
		return amdvi_cmd_run(u, c, 1);
	for (uint32_t id = 0; !e && id < AMDVI_IDS; id += ARRAY_LEN(c) / 2) {
		for (uint32_t i = 0; i < ARRAY_LEN(c); i += 2) {
			c[i] = amdvi_cmd_domain((uint16_t)(id + i / 2));
			c[i + 1] = amdvi_cmd_interrupts((uint16_t)(id + i / 2));
		}
		e = amdvi_cmd_run(u, c, ARRAY_LEN(c));
	}
	return e;
}

/* Under a hypervisor: a command that does not exist has to leave an event. QEMU's unit before version 11
 * leaves none that can be seen, and translates DMA behind a bridge by the entries of functions on bus 0. A
 * unit that stops its commands for it, as the specification has it, is started again. */
static enum sl_err try_log(struct amdvi_unit *u, uint64_t control)
{
	const struct amdvi_cmd bad = amdvi_cmd_unknown();
	enum sl_err e = amdvi_cmd_run(u, &bad, 1);
	bool recorded = amdvi_rd(&u->io, AMDVI_LOG_TAIL) != 0;
	if (e == SL_TIMEOUT)
		return e;
	amdvi_wr(&u->io, AMDVI_CONTROL, control & ~(CTL_CMD | CTL_LOG));
	e = amdvi_wait(u, AMDVI_STATUS, STS_CMD_RUN | STS_LOG_RUN, 0, "ending command buffer and event log");
	if (e)
		return e;
	amdvi_cmd_reset(u);
	amdvi_log_reset(u);
	if (!recorded) {
		amdvi_wr(&u->io, AMDVI_CONTROL, 0);
		u->on = false;
		fmt_print(u->reason, sizeof(u->reason), "%s",
			  "its event log records nothing: QEMU's unit before version 11");
		log_line(
			u->name,
			"QEMU before 11 translates DMA of functions behind a bridge, such as VFs, by entries of others: use QEMU 11 with amd-iommu,dma-remap=on; here app=audit is all that makes sense");
		return SL_UNSUPPORTED;
	}
	amdvi_wr(&u->io, AMDVI_CONTROL, control);
	return SL_OK;
}

enum sl_err amdvi_unit_enable(struct amdvi_unit *u)
{
	enum sl_err e = take_over(u);
	if (e)
		return e;
	amdvi_wr(&u->io, AMDVI_DEVTAB,
		 (va_phys(u->devtab->entry).v & TABLE_ADDR) |
			 FPUT(DEVTAB_SIZE, AMDVI_IDS * sizeof(struct amdvi_dte) / PAGE_SIZE - 1));
	amdvi_cmd_reset(u);
	amdvi_log_reset(u);
	uint64_t control = control_of(u);
	amdvi_wr(&u->io, AMDVI_CONTROL, control);
	u->on = true; /* from here on it may use our tables even if it does not answer */
	control |= CTL_IOMMU | CTL_CMD | CTL_LOG | (u->event ? CTL_LOG_INT : 0);
	amdvi_wr(&u->io, AMDVI_CONTROL, control);
	e = amdvi_wait(u, AMDVI_STATUS, STS_CMD_RUN, STS_CMD_RUN, "starting the command buffer");
	if (!e && u->emulated)
		e = try_log(u, control);
	return e ? e : invalidate_all(u);
}
