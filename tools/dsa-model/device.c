// The function: configuration space, registers, commands, portals, interrupts.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "memory.h"

#define TYPE_DSA "dsa"

enum { RESET_BAR = 0, PORTAL_BAR = 2, MSIX_BAR = 4, PASID_BITS = 20, REQUESTS = 512 };
enum { COMMAND = 4, COMMAND_BUS_MASTER = 4 };

enum command {
	ENABLE_DEVICE = 1,
	DISABLE_DEVICE,
	DRAIN_ALL,
	ABORT_ALL,
	RESET_DEVICE,
	ENABLE_WQ,
	DISABLE_WQ,
	DRAIN_WQ,
	ABORT_WQ,
	RESET_WQ,
	DRAIN_PASID,
	ABORT_PASID,
};
#define COMMANDS          0x1ffe /* a bit each */
#define COMMAND_INTERRUPT (1u << 31)
#define STATUS_ACTIVE     (1u << 31)

enum command_error {
	BAD_COMMAND = 1,
	BAD_WQ = 2,
	IS_ENABLED = 0x10,
	NO_BUS_MASTER = 0x12,
	SIZES_TOO_LARGE = 0x14,
	WQ_IN_TWO_GROUPS = 0x15,
	NO_ENGINE = 0x16,
	NOT_ENABLED = 0x20,
	WQ_IS_ENABLED = 0x21,
	NO_SIZE = 0x22,
	NO_PRIORITY = 0x23,
	NO_SHARED_MODE = 0x24,
	NO_PASID_ENABLE = 0x26,
	BATCH_TOO_LARGE = 0x27,
	TRANSFER_TOO_LARGE = 0x28,
};

/* --- errors and interrupts */

static void cause(struct dsa *d, uint32_t what)
{
	d->r[INTCAUSE / 4] |= what;
	if (msix_enabled(d->fn.dev))
		msix_notify(d->fn.dev, 0);
}

/* SWERR: the first error stays until it is acknowledged, a second one counts as overflow. */
void dsa_error(struct dsa *d, const struct job *j, uint8_t error, uint64_t addr, bool write)
{
	enum { VALID = 1, OVERFLOW = 2, DESCRIPTOR = 4, QUEUE = 8, BATCH = 16, RW = 32, INTERRUPT = 1 };
	uint32_t *r = &d->r[SWERR / 4];
	const struct desc *q = j->in_item ? &j->item : &j->whole;
	say(d, "wq %u: error %x at %llx\n", j->wq, error, (unsigned long long)addr);
	if (r[0] & VALID) {
		r[0] |= OVERFLOW;
		return;
	}
	r[0] = VALID | DESCRIPTOR | QUEUE | (j->in_item ? BATCH : 0) | (write ? RW : 0) |
	       (uint32_t)error << 8 | j->wq << 16;
	r[1] = desc_op(q) | (j->pasid == NO_PASID ? 0 : j->pasid << 8);
	r[2] = j->in_item ? j->next : 0;
	r[3] = 0;
	r[4] = (uint32_t)addr;
	r[5] = (uint32_t)(addr >> 32);
	if (d->r[GENCTRL / 4] & INTERRUPT)
		cause(d, CAUSE_ERROR);
}

/* --- commands */

static uint32_t group_wqs(struct dsa *d, unsigned group)
{
	return d->r[(GRPCFG + group * GROUP_BYTES) / 4] & ((1u << DSA_WQS) - 1);
}

static uint32_t group_engines(struct dsa *d, unsigned group)
{
	return d->r[(GRPCFG + group * GROUP_BYTES + GROUP_ENGINES) / 4] & ((1u << DSA_ENGINES) - 1);
}

static uint8_t enable_device(struct dsa *d)
{
	uint32_t seen = 0, entries = 0;
	if (d->r[GENSTS / 4] & 3)
		return IS_ENABLED;
	if (!(pci_default_read_config(d->fn.dev, COMMAND, 2) & COMMAND_BUS_MASTER))
		return NO_BUS_MASTER;
	for (unsigned i = 0; i < DSA_GROUPS; i++) {
		if (group_wqs(d, i) & seen)
			return WQ_IN_TWO_GROUPS;
		if (group_wqs(d, i) && !group_engines(d, i))
			return NO_ENGINE;
		seen |= group_wqs(d, i);
	}
	for (unsigned i = 0; i < DSA_WQS; i++)
		entries += wqcfg(d, i)[WQ_SIZE] & 0xffff;
	if (entries > DSA_ENTRIES)
		return SIZES_TOO_LARGE;
	d->r[GENSTS / 4] = STATE_ENABLED;
	return 0;
}

static uint8_t enable_wq(struct dsa *d, uint32_t wq)
{
	if (wq >= DSA_WQS)
		return BAD_WQ;
	uint32_t *w = wqcfg(d, wq), mode = w[WQ_MODE];
	if ((d->r[GENSTS / 4] & 3) != STATE_ENABLED)
		return NOT_ENABLED;
	if (w[WQ_STATE] & WQ_ENABLED)
		return WQ_IS_ENABLED;
	if (!(w[WQ_SIZE] & 0xffff))
		return NO_SIZE;
	if (!WQ_PRIORITY(mode))
		return NO_PRIORITY;
	if (!(mode & WQ_DEDICATED))
		return NO_SHARED_MODE;
	if (mode & WQ_PASID_ON && !dsa_pasid_is_on(d))
		return NO_PASID_ENABLE;
	if ((w[WQ_LIMITS] >> 5 & 15) > MAX_BATCH)
		return BATCH_TOO_LARGE;
	if ((w[WQ_LIMITS] & 31) > MAX_TRANSFER)
		return TRANSFER_TOO_LARGE;
	w[WQ_STATE] |= WQ_ENABLED;
	say(d, "wq %u enabled: size %u mode %08x limits %x\n", wq, w[WQ_SIZE], mode, w[WQ_LIMITS]);
	return 0;
}

/* The queues that a command is about; a mask of 16 and the number of the mask, or all. */
static uint32_t queues(uint32_t v)
{
	unsigned cmd = v >> 20 & 31;
	if (cmd < DISABLE_WQ || cmd > RESET_WQ)
		return UINT32_MAX;
	return v >> 16 & 15 ? 0 : v & 0xffff;
}

static uint32_t pasid_meant(uint32_t v)
{
	unsigned cmd = v >> 20 & 31;
	return cmd == DRAIN_PASID || cmd == ABORT_PASID ? v & 0xfffff : NO_PASID;
}

static void stop_wqs(struct dsa *d, uint32_t wqs)
{
	for (unsigned i = 0; i < DSA_WQS; i++)
		if (wqs >> i & 1)
			wqcfg(d, i)[WQ_STATE] &= ~WQ_ENABLED;
}

static void reset_device(struct dsa *d)
{
	job_abort(d, UINT32_MAX, NO_PASID);
	memset(&d->r[GRPCFG / 4], 0, REGS_END - GRPCFG);
	memset(&d->r[SWERR / 4], 0, 32);
	d->r[GENCFG / 4] = d->r[GENCTRL / 4] = d->r[GENSTS / 4] = d->r[INTCAUSE / 4] = 0;
	dsa_memory_forget(d);
}

static void command_ends(struct dsa *d, uint32_t v, uint8_t error)
{
	say(d, "command %u operand %x: %x\n", v >> 20 & 31, v & 0xfffff, error);
	d->r[CMDSTATUS / 4] = error;
	if (v & COMMAND_INTERRUPT)
		cause(d, CAUSE_COMMAND);
}

/* A command that waits for descriptors. */
static void drain(struct dsa *d, uint32_t v)
{
	if (job_any(d, queues(v), pasid_meant(v))) {
		d->draining = v;
		d->r[CMDSTATUS / 4] = STATUS_ACTIVE;
		return;
	}
	d->draining = 0;
	if ((v >> 20 & 31) == DISABLE_WQ)
		stop_wqs(d, queues(v));
	if ((v >> 20 & 31) == DISABLE_DEVICE) {
		stop_wqs(d, UINT32_MAX);
		d->r[GENSTS / 4] = STATE_DISABLED;
	}
	command_ends(d, v, 0);
}

void dsa_drained(struct dsa *d)
{
	if (d->draining)
		drain(d, d->draining);
}

static void command(struct dsa *d, uint32_t v)
{
	if (d->draining)
		return; /* one at a time */
	switch (v >> 20 & 31) {
	case ENABLE_DEVICE:
		command_ends(d, v, enable_device(d));
		break;
	case ENABLE_WQ:
		command_ends(d, v, enable_wq(d, v & 0xfffff));
		break;
	case DISABLE_DEVICE:
	case DRAIN_ALL:
	case DISABLE_WQ:
	case DRAIN_WQ:
	case DRAIN_PASID:
		drain(d, v);
		break;
	case RESET_DEVICE:
		reset_device(d);
		command_ends(d, v, 0);
		break;
	case ABORT_ALL:
	case ABORT_WQ:
	case ABORT_PASID:
	case RESET_WQ:
		job_abort(d, queues(v), pasid_meant(v));
		if ((v >> 20 & 31) == RESET_WQ)
			stop_wqs(d, queues(v));
		command_ends(d, v, 0);
		break;
	default:
		command_ends(d, v, BAD_COMMAND);
	}
}

/* --- registers */

static uint32_t reg_read(void *fn, uint32_t off)
{
	struct dsa *d = fn;
	return off < REGS_END ? d->r[off / 4] : 0;
}

/* An enabled queue's configuration stands, PASID included; so does a group's of an enabled device. */
static bool is_writable(struct dsa *d, uint32_t off)
{
	if (off >= WQCFG && off < MSIXPERM) {
		unsigned word = off % WQ_BYTES / 4;
		return word != WQ_STATE && !(wqcfg(d, (off - WQCFG) / WQ_BYTES)[WQ_STATE] & WQ_ENABLED) &&
		       (word != WQ_SIZE || !d->r[GENSTS / 4]);
	}
	if (off >= GRPCFG && off < WQCFG)
		return !d->r[GENSTS / 4];
	return off == GENCFG || off == GENCTRL || (off >= MSIXPERM && off < REGS_END);
}

static void reg_write(void *fn, uint32_t off, uint32_t value)
{
	struct dsa *d = fn;
	if (off == CMD)
		command(d, value);
	else if (off == INTCAUSE || off == SWERR)
		d->r[off / 4] &= ~value;
	else if (off < REGS_END && is_writable(d, off))
		d->r[off / 4] = value;
}

static uint32_t portal_read(void *fn, uint32_t off)
{
	(void)fn, (void)off;
	return UINT32_MAX;
}

/* What MOVDIR64B writes at once arrives in order, eight bytes at a time, and nothing comes between. */
static void portal_write(void *fn, uint32_t off, uint64_t value)
{
	struct dsa *d = fn;
	unsigned portal = off / PAGE, word = off / 8 % 8;
	d->portal[portal][word] = value;
	if (word == 7)
		job_submit(d, portal / PORTALS, d->portal[portal]);
}

static const struct region_ops reg_ops = {.read = reg_read, .write = reg_write};
static const struct region_ops portal_ops = {.read = portal_read, .write64 = portal_write};

static void set64(struct dsa *d, uint32_t reg, uint64_t v)
{
	d->r[reg / 4] = (uint32_t)v;
	d->r[reg / 4 + 1] = (uint32_t)(v >> 32);
}

static void capabilities(struct dsa *d)
{
	enum { BLOCK_ON_FAULT = 1, OVERLAP_COPY = 2, COMMANDS_TOLD = 16 };
	d->r[VERSION / 4] = 0x100;
	set64(d, GENCAP,
	      BLOCK_ON_FAULT | OVERLAP_COPY | COMMANDS_TOLD | MAX_TRANSFER << 16 | MAX_BATCH << 21 |
		      1ull << 31);
	set64(d, WQCAP,
	      DSA_ENTRIES | DSA_WQS << 16 | 1ull << 49 /* dedicated */ | 1ull << 50 /* ATS */ | 1ull << 51);
	set64(d, GRPCAP, DSA_GROUPS | 96 << 8);
	set64(d, ENGCAP, DSA_ENGINES);
	set64(d, OPCAP,
	      1ull << OP_NOOP | 1ull << OP_BATCH | 1ull << OP_DRAIN | 1ull << OP_MOVE | 1ull << OP_FILL |
		      1ull << OP_COMPARE | 1ull << OP_COMPARE_PATTERN | 1ull << OP_DELTA | 1ull << OP_APPLY |
		      1ull << OP_DUALCAST | 1ull << OP_CRC | 1ull << OP_COPY_CRC | 1ull << OP_FLUSH);
	set64(d, OFFSETS, GRPCFG / 256 | (uint64_t)WQCFG / 256 << 16 | (uint64_t)MSIXPERM / 256 << 32);
	d->r[CMDCAP / 4] = COMMANDS;
}

/* --- the function */

/* Of 11.1 alone; QEMU itself keeps the PASID capability there. */
void pcie_pasid_init(PCIDevice *dev, uint16_t at, uint8_t bits, bool execute, bool privileged)
	__attribute__((weak));
void pcie_pri_init(PCIDevice *dev, uint16_t at, uint32_t requests, bool pasid) __attribute__((weak));
void pcie_ats_init(PCIDevice *dev, uint16_t at, bool aligned) __attribute__((weak));
void pcie_add_capability(PCIDevice *dev, uint16_t id, uint8_t version, uint16_t at, uint16_t bytes)
	__attribute__((weak));
int msix_init_exclusive_bar(PCIDevice *dev, unsigned short vectors, uint8_t bar, Error **errp)
	__attribute__((weak));
void msix_uninit_exclusive_bar(PCIDevice *dev) __attribute__((weak));

enum { PASID_ID = 0x1b, PASID_LEN = 8, PASID_CAP = CAP_PASID + 4, PASID_CONTROL = CAP_PASID + 6 };

static void extended_capabilities(struct dsa *d)
{
	pcie_ats_init(d->fn.dev, CAP_ATS, true);
	if (dsa_has_ats()) {
		pcie_pasid_init(d->fn.dev, CAP_PASID, PASID_BITS, false, true);
		pcie_pri_init(d->fn.dev, CAP_PRI, REQUESTS, true);
	} else {
		pcie_add_capability(d->fn.dev, PASID_ID, 1, CAP_PASID, PASID_LEN);
	}
}

static void realize(PCIDevice *dev, Error **errp)
{
	struct dsa *d = fn_of(dev);
	if (!fault_parse(&d->fault)) {
		qemu_fail(errp, "no fault %s: pasid, flip, stale, lost, late, lie", d->fault.name);
		return;
	}
	if (msix_init_exclusive_bar(dev, DSA_VECTORS, MSIX_BAR, errp) < 0)
		return;
	for (unsigned i = 0; i < DSA_VECTORS; i++)
		msix_vector_use(dev, i);
	region_init(&d->regs, &d->fn, &reg_ops, "dsa-regs", BAR0_BYTES);
	region_init(&d->portals, &d->fn, &portal_ops, "dsa-portals", DSA_WQS * PORTALS * PAGE);
	pci_register_bar(dev, RESET_BAR, BAR_64, region_of_qemu(&d->regs));
	pci_register_bar(dev, PORTAL_BAR, BAR_64, region_of_qemu(&d->portals));
	pcie_endpoint_cap_init(dev, CAP_EXPRESS);
	pcie_cap_flr_init(dev);
	extended_capabilities(d);
	capabilities(d);
	d->again = work_make(job_again, d);
	dsa_memory_init(d);
}

static void leave(PCIDevice *dev)
{
	struct dsa *d = fn_of(dev);
	job_abort(d, UINT32_MAX, NO_PASID);
	qemu_bh_delete(d->again);
	pcie_cap_exit(dev);
	msix_uninit_exclusive_bar(dev);
}

/* Before 11.1 the PASID capability's registers are the model's. */
static uint32_t config_read(PCIDevice *dev, uint32_t addr, int len)
{
	enum { PRIVILEGED = 4 };
	struct dsa *d = fn_of(dev);
	uint32_t v = pci_default_read_config(dev, addr, len);
	uint8_t bytes[4] = {PRIVILEGED, PASID_BITS, (uint8_t)d->pasid_control, 0};
	for (int i = 0; i < len && !dsa_has_ats(); i++)
		if (addr + (uint32_t)i >= PASID_CAP && addr + (uint32_t)i < PASID_CAP + 4)
			v = (v & ~(0xffu << 8 * i)) | (uint32_t)bytes[addr + (uint32_t)i - PASID_CAP]
							      << 8 * i;
	return v;
}

static void config_write(PCIDevice *dev, uint32_t addr, uint32_t value, int len)
{
	enum { WRITABLE = 5 };
	struct dsa *d = fn_of(dev);
	pci_default_write_config(dev, addr, value, len);
	pcie_cap_flr_write_config(dev, addr, value, len);
	if (!dsa_has_ats() && addr <= PASID_CONTROL && addr + (uint32_t)len > PASID_CONTROL)
		d->pasid_control = (uint16_t)(value >> 8 * (PASID_CONTROL - addr)) & WRITABLE;
}

static void reset(DeviceState *s)
{
	struct dsa *d = fn_of(s);
	d->pasid_control = 0;
	d->draining = 0;
	d->r[CMDSTATUS / 4] = 0;
	reset_device(d);
}

static const struct property properties[] = {
	{"fault", PROPERTY_STRING, offsetof(struct dsa, fault.name)},
	{"fault-wq", PROPERTY_U32, offsetof(struct dsa, fault.wq)},
	{"fault-after", PROPERTY_U32, offsetof(struct dsa, fault.after)},
	{"fault-count", PROPERTY_U32, offsetof(struct dsa, fault.count)},
	{"fault-ms", PROPERTY_U32, offsetof(struct dsa, fault.ms)},
	{"log", PROPERTY_BOOL, offsetof(struct dsa, log)},
	{"smpwc", PROPERTY_BOOL, offsetof(struct dsa, smpwc)},
};

static void come(Object *obj)
{
	struct dsa *d = fn_new(obj, sizeof *d);
	d->fault.wq = FAULT_ALL_WQS;
	d->fault.count = 1;
	d->fault.ms = 1000;
}

static void go(Object *obj)
{
	struct dsa *d = fn_of(obj);
	g_free(d->fault.name);
	fn_free(obj);
}

static void class_init(ObjectClass *klass, const void *data)
{
	static const struct fn_class class = {.name = "Intel Data Streaming Accelerator (model)",
					      .device = 0x0b25,
					      .class = 0x0880,
					      .user_creatable = true,
					      .realize = realize,
					      .exit = leave,
					      .config_read = config_read,
					      .config_write = config_write,
					      .reset = reset,
					      .properties = properties,
					      .n = ARRAY_SIZE(properties)};
	(void)data;
	fn_class_init(klass, &class);
}

void dsa_register(void)
{
	fn_register(TYPE_DSA, come, go, class_init, NULL);
}
