// Bring-up of the PF. SPDX-License-Identifier: GPL-2.0-or-later
#include <nettle/sha2.h>
#include "fw.h"
#include "fw_verify.h"
#include "qat.h"

enum { ENGINES = 10, ENGINE_MASK = 0x3ff, ACCELERATOR_MASK = 0x1f, FUSED_ACCELERATORS = 16, RESET_ACCELERATORS = 20 };
enum { FUSES = 0x40, LEGACY_FUSES = 0x4c, STRAPS = 0x2ec }; /* configuration space */

/* Engines: 4 KiB each from here on; transfer registers, and from 800 on control registers. */
enum { ENGINE_BASE = 0x20000, ENGINE_STRIDE = 0x1000, ENGINE_CSR = 0x800 };
enum { CTX_ENABLES = 0x018, ACTIVE_CTX_STATUS = 0x044, PROFILE_COUNT = 0x144, DOORBELL = 0x170, CSR_STATUS = 0x180 };
enum { CTX_ALL = 0xff << 8, ACTIVE = 1u << 31 };

/* The CAP block: reset, clocks, and the unit that authenticates and loads firmware. */
enum { CAP = 0x30000, RESET = CAP + 0xa0c, CLOCKS = CAP + 0xa50 };
enum { FCU_CONTROL = CAP + 0x8c0, FCU_STATUS = CAP + 0x8c4, FCU_ADDRESS_LOW = CAP + 0x8cc, FCU_ADDRESS_HIGH = CAP + 0x8d0 };
enum { AUTHENTICATE = 1, LOAD = 2, START = 3 };
enum { VERIFIED = 1, LOADED = 2, VERIFY_FAILED = 3, LOAD_FAILED = 4, BUSY = 5, STATUS = 7, AUTHENTICATED = 1u << 8,
       STARTED = 1u << 9, LOADED_AT = 22 };
#define FCU_NS   2000000 /* an authentication takes a card some milliseconds */
#define ADMIN_NS 20000
#define MHZ      685

enum { ADMIN_HIGH = 0x3a574, ADMIN_LOW = 0x3a578, ADMIN_BYTES = 32 };
enum { INIT_AE = 0, CONSTANTS = 3, STATUS_GET = 4, COMP_CAPABILITY = 9, TIMER_GET = 19 };
enum { ADMIN_COMMAND = 3, ADMIN_SIZE = 0, ADMIN_POINTER = 16, ADMIN_STATUS = 2, ADMIN_OPAQUE = 8, ADMIN_DATA = 16 };
enum { CONSTANTS_BYTES = 1024 };

enum { MAP_A = 0x3a590, MAP_B = 0x3a710, THREADS = 8, MAP_VALID = 1u << 7 };
#define ARBITER_ON 0x80000041u
enum { ARBITER_THREADS = 0x180 };

static struct pf_boot *of(struct qat_pf *pf)
{
	return &pf->boot;
}

static bool dma(void *fn, uint64_t addr, void *buf, size_t len, bool write)
{
	struct qat_pf *pf = fn;
	return pci_dma_rw(&pf->dev, addr, buf, len, write ? DMA_DIRECTION_FROM_DEVICE : DMA_DIRECTION_TO_DEVICE,
			  MEMTXATTRS_UNSPECIFIED) == MEMTX_OK;
}

static struct mem memory(struct qat_pf *pf)
{
	return (struct mem){pf, dma};
}

static uint32_t accelerators(const struct pf_boot *b)
{
	return ~(b->fuses | b->straps) >> FUSED_ACCELERATORS & ACCELERATOR_MASK;
}

// Without its accelerator an engine is off too: two belong to each.
static uint32_t engines(const struct pf_boot *b)
{
	uint32_t on = ~(b->fuses | b->straps) & ENGINE_MASK;
	for (unsigned i = 0; i < ENGINES; i++)
		if (!(accelerators(b) >> i / 2 & 1))
			on &= ~(1u << i);
	return on;
}

static uint32_t awake(const struct pf_boot *b)
{
	return engines(b) & ~b->reset & b->clocks;
}

// Something changed that may let rings go on.
static void kick_all(struct qat_pf *pf)
{
	for (unsigned i = 0; i < QAT_VFS; i++) {
		PCIDevice *vf = pcie_sriov_get_vf_at_index(&pf->dev, (int)i);
		if (vf)
			bank_kick(&vf_of(vf)->bank);
	}
}

/* --- firmware */

static void fail(struct pf_boot *b, uint32_t status, const char *why)
{
	b->fcu_status = (b->fcu_status & ~(uint32_t)STATUS) | status;
	warn_report("qat: firmware refused: %s", why);
}

static void authenticate(struct qat_pf *pf)
{
	struct pf_boot *b = of(pf);
	struct mem m = memory(pf);
	struct fw_image image;
	uint64_t at = (uint64_t)b->plain[FCU_ADDRESS_HIGH / 4] << 32 | b->plain[FCU_ADDRESS_LOW / 4];
	b->authenticated = 0;
	b->fcu_status &= ~(uint32_t)AUTHENTICATED;
	const char *why = pf->fault.kind == FAULT_VERIFY ? "as ordered (fault=verify)" : fw_verify(&m, at, &image);
	if (why) {
		fail(b, VERIFY_FAILED, why);
		return;
	}
	b->mmp |= image.mmp;
	b->authenticated = image.engines;
	b->fcu_status = (b->fcu_status & ~(uint32_t)STATUS) | AUTHENTICATED | VERIFIED;
}

static void load(struct pf_boot *b, unsigned engine)
{
	uint32_t bit = engine < ENGINES ? 1u << engine : 0;
	if (!(b->authenticated & bit))
		fail(b, LOAD_FAILED, "no image that was authenticated is for this engine");
	else if (!(awake(b) & bit) || b->running & bit)
		fail(b, LOAD_FAILED, "the engine is in reset, has no clock, or runs");
	else {
		b->loaded |= bit;
		b->fcu_status = (b->fcu_status & ~(uint32_t)STATUS) | LOADED | bit << LOADED_AT;
	}
}

static void fcu_done(void *opaque)
{
	struct qat_pf *pf = opaque;
	struct pf_boot *b = of(pf);
	uint32_t command = b->command;
	b->command = 0;
	switch (command & 15) {
	case AUTHENTICATE:
		authenticate(pf);
		break;
	case LOAD:
		load(b, command >> 8 & 31);
		break;
	case START:
		b->running |= b->loaded & awake(b);
		if (b->running)
			b->fcu_status |= STARTED;
		break;
	default:
		break;
	}
}

static void fcu_command(struct pf_boot *b, uint32_t v)
{
	if (b->command || !(v & 15) || (v & 15) > START)
		return;
	b->command = v;
	if ((v & 15) != START)
		b->fcu_status = (b->fcu_status & ~(uint32_t)STATUS) | BUSY;
	timer_mod(b->fcu, qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) + FCU_NS);
}

/* --- admin messages */

// The table of cipher and hash set-ups that firmware wants in host memory, by its SHA-256.
static bool constants_good(struct qat_pf *pf, const uint8_t *req)
{
	static const uint8_t want[32] = {0xd5, 0xa6, 0x06, 0x6c, 0xac, 0x41, 0x96, 0x79, 0xcb, 0xca, 0x0d,
					 0x6e, 0xa4, 0xc6, 0x5a, 0x96, 0x7a, 0xa2, 0xd2, 0xcf, 0xba, 0x9a,
					 0xc4, 0xac, 0x56, 0x02, 0x84, 0x51, 0x94, 0xc0, 0x1f, 0x68};
	uint8_t table[CONSTANTS_BYTES], hash[32];
	struct mem m = memory(pf);
	struct sha256_ctx sha;
	if (get16(req + ADMIN_SIZE) != CONSTANTS_BYTES ||
	    mem_read(&m, get64(req + ADMIN_POINTER), table, sizeof table) != DONE)
		return false;
	sha256_init(&sha);
	sha256_update(&sha, sizeof table, table);
	sha256_digest(&sha, sizeof hash, hash);
	return !memcmp(hash, want, sizeof hash);
}

static bool admin_run(struct qat_pf *pf, unsigned engine, const uint8_t *req, uint8_t *resp)
{
	struct pf_boot *b = of(pf);
	uint32_t bit = 1u << engine;
	switch (req[ADMIN_COMMAND]) {
	case CONSTANTS:
		if (!constants_good(pf, req))
			return false;
		b->constants |= bit;
		return true;
	case INIT_AE:
		if (!(b->constants & bit))
			return false;
		b->ready |= bit;
		kick_all(pf);
		return true;
	case STATUS_GET:
	case COMP_CAPABILITY:
		return true;
	case TIMER_GET: /* counts every sixteenth clock */
		put64(resp + ADMIN_DATA, (uint64_t)qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) * MHZ / 16000);
		return true;
	default:
		return false;
	}
}

// An engine's request is at 64 * engine in the area, and its reply 32 bytes behind it.
static void admin_done(void *opaque)
{
	struct qat_pf *pf = opaque;
	struct pf_boot *b = of(pf);
	struct mem m = memory(pf);
	uint64_t area = (uint64_t)b->plain[ADMIN_HIGH / 4] << 32 | b->plain[ADMIN_LOW / 4];
	for (unsigned i = 0; i < ENGINES; i++) {
		uint8_t req[ADMIN_BYTES], resp[ADMIN_BYTES] = {0};
		if (!(b->asked & b->running & 1u << i))
			continue;
		uint64_t at = area + 2 * ADMIN_BYTES * i;
		if (mem_read(&m, at, req, sizeof req) != DONE)
			continue; /* never answered */
		resp[ADMIN_COMMAND] = req[ADMIN_COMMAND];
		resp[ADMIN_STATUS] = !admin_run(pf, i, req, resp);
		memcpy(resp + ADMIN_OPAQUE, req + ADMIN_OPAQUE, 8);
		if (mem_write(&m, at + ADMIN_BYTES, resp, sizeof resp) == DONE)
			b->asked &= ~(1u << i);
	}
}

static void doorbell(struct pf_boot *b, unsigned engine, uint32_t v)
{
	b->asked &= ~(1u << engine);
	if (v != 1)
		return;
	b->asked |= 1u << engine;
	timer_mod(b->admin, qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) + ADMIN_NS);
}

/* --- registers */

// Engines that go into reset forget everything.
static void set_reset(struct pf_boot *b, uint32_t v)
{
	b->reset = v;
	uint32_t left = ~v & ENGINE_MASK;
	b->loaded &= left;
	b->running &= left;
	b->asked &= left;
	b->constants &= left;
	b->ready &= left;
	b->fcu_status &= ~((v & ENGINE_MASK) << LOADED_AT);
	if (!left) {
		b->fcu_status = 0;
		b->authenticated = 0;
		b->mmp = false;
	}
}

static uint32_t engine_read(const struct pf_boot *b, unsigned engine, uint32_t off)
{
	uint32_t bit = 1u << engine, v = b->plain[(ENGINE_BASE + engine * ENGINE_STRIDE + off) / 4];
	if (off == ENGINE_CSR + DOORBELL)
		return b->asked >> engine & 1;
	if (!(awake(b) & bit))
		return 0;
	if (off == ENGINE_CSR + PROFILE_COUNT)
		return (uint64_t)qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) * MHZ / 1000 & 0xffff;
	if (off == ENGINE_CSR + CTX_ENABLES)
		return v | (b->running & bit ? CTX_ALL : 0);
	if (off == ENGINE_CSR + ACTIVE_CTX_STATUS)
		return v | (b->running & bit ? ACTIVE : 0);
	return off == ENGINE_CSR + CSR_STATUS ? 0 : v;
}

static int engine_of(uint32_t off)
{
	return off >= ENGINE_BASE && off < ENGINE_BASE + ENGINES * ENGINE_STRIDE
		       ? (int)((off - ENGINE_BASE) / ENGINE_STRIDE)
		       : -1;
}

uint32_t boot_read(struct qat_pf *pf, uint32_t off)
{
	struct pf_boot *b = of(pf);
	int engine = engine_of(off);
	if (engine >= 0)
		return engine_read(b, (unsigned)engine, off % ENGINE_STRIDE);
	switch (off) {
	case RESET:
		return b->reset;
	case CLOCKS:
		return b->clocks;
	case FCU_STATUS:
		return b->fcu_status;
	default:
		return off < BOOT_PMISC_BYTES ? b->plain[off / 4] : 0;
	}
}

void boot_write(struct qat_pf *pf, uint32_t off, uint32_t v)
{
	struct pf_boot *b = of(pf);
	int engine = engine_of(off);
	if (engine >= 0 && off % ENGINE_STRIDE == ENGINE_CSR + DOORBELL) {
		doorbell(b, (unsigned)engine, v);
		return;
	}
	if (off >= BOOT_PMISC_BYTES || (engine >= 0 && !(awake(b) >> engine & 1)))
		return;
	b->plain[off / 4] = v;
	if (off == RESET)
		set_reset(b, v);
	else if (off == CLOCKS)
		b->clocks = v;
	else if (off == FCU_CONTROL)
		fcu_command(b, v);
	if (off == CLOCKS || (off >= MAP_A && off < MAP_B + 4 * ENGINES))
		kick_all(pf);
}

uint32_t boot_arbiter_read(const struct qat_pf *pf, uint32_t off)
{
	const struct pf_boot *b = &pf->boot;
	if (off / 4 < ARRAY_SIZE(b->arbiter))
		return b->arbiter[off / 4];
	uint32_t n = (off - ARBITER_THREADS) / 4;
	return off >= ARBITER_THREADS && n < ARRAY_SIZE(b->threads) ? b->threads[n] : 0;
}

void boot_arbiter_write(struct qat_pf *pf, uint32_t off, uint32_t v)
{
	struct pf_boot *b = of(pf);
	uint32_t n = (off - ARBITER_THREADS) / 4;
	if (off / 4 < ARRAY_SIZE(b->arbiter))
		b->arbiter[off / 4] = v;
	else if (off >= ARBITER_THREADS && n < ARRAY_SIZE(b->threads))
		b->threads[n] = v;
	kick_all(pf);
}

/* --- what comes of it */

// A thread of this engine serves the arbiter of the ring's pair, and is mapped to functions. That nibble n of an
// engine's word is thread n and bit p of it arbiter and ring pair p is read out of the words that drivers write.
static bool engine_serves(const struct pf_boot *b, unsigned engine, unsigned pair)
{
	if (!(b->plain[MAP_B / 4 + engine] & MAP_VALID))
		return false;
	for (unsigned t = 0; t < THREADS; t++)
		if (b->threads[engine] >> 4 * t >> pair & 1 && b->plain[MAP_A / 4 + engine * THREADS + t] & MAP_VALID)
			return true;
	return false;
}

bool boot_serves(struct qat_pf *pf, unsigned ring)
{
	struct pf_boot *b = of(pf);
	unsigned pair = ring / 2;
	if (b->booted)
		return true;
	if (pcie_sriov_num_vfs(&pf->dev) != QAT_VFS || pair >= ARRAY_SIZE(b->arbiter) || b->arbiter[pair] != ARBITER_ON)
		return false;
	if (pair == 0 && !b->mmp)
		return false; /* public keys are for the PKE unit */
	uint32_t up = accelerators(b) & ~b->reset >> RESET_ACCELERATORS & b->clocks >> RESET_ACCELERATORS;
	for (unsigned i = 0; i < ENGINES; i++)
		if (b->ready >> i & 1 && up >> i / 2 & 1 && engine_serves(b, i, pair))
			return true;
	return false;
}

void boot_init(struct qat_pf *pf)
{
	struct pf_boot *b = of(pf);
	pci_set_long(pf->dev.config + FUSES, b->fuses);
	pci_set_long(pf->dev.config + LEGACY_FUSES, 0);
	pci_set_long(pf->dev.config + STRAPS, b->straps);
	b->fcu = timer_new_ns(QEMU_CLOCK_VIRTUAL, fcu_done, pf);
	b->admin = timer_new_ns(QEMU_CLOCK_VIRTUAL, admin_done, pf);
}

void boot_exit(struct qat_pf *pf)
{
	timer_free(pf->boot.fcu);
	timer_free(pf->boot.admin);
}

void boot_reset(struct qat_pf *pf)
{
	struct pf_boot *b = of(pf);
	timer_del(b->fcu);
	timer_del(b->admin);
	memset(b->plain, 0, sizeof b->plain);
	memset(b->arbiter, 0, sizeof b->arbiter);
	memset(b->threads, 0, sizeof b->threads);
	b->command = b->clocks = 0;
	set_reset(b, ENGINE_MASK | (uint32_t)ACCELERATOR_MASK << RESET_ACCELERATORS);
	if (b->booted) /* as it was found: firmware runs */
		b->fcu_status = STARTED | AUTHENTICATED | LOADED | engines(b) << LOADED_AT;
}
