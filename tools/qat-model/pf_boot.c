// Bring-up of the PF. SPDX-License-Identifier: GPL-2.0-or-later
#include <nettle/sha2.h>
#include "fw.h"
#include "fw_key.h"
#include "fw_verify.h"
#include "qat.h"

enum { ENGINES_MAX = 16, FUSED_ACCELERATORS = 16, LEGACY_FUSES = 0x4c };

struct boot_kind {
	unsigned engines;
	uint32_t engine_base;
	uint32_t reset_bits; /* all units */
	uint32_t reset, clocks;
	uint32_t fcu_control, fcu_status, fcu_low, fcu_high;
	uint32_t fcu_loaded, loaded_at; /* engines that are loaded, from that bit on */
	uint32_t fcu_mask;              /* engines to be loaded together; 0: there is no such thing */
	uint32_t admin_high, admin_low, threads;
	int admin_engine; /* the one that takes constants; -1: each for itself */
	uint16_t fuses, straps;
	bool maps; /* threads are mapped to functions */
	bool power;
	struct fw_rules firmware;
};

const struct boot_kind boot_gen2 = {.engines = 10,
				    .engine_base = 0x20000,
				    .reset_bits = 0x1f003ff,
				    .reset = 0x30a0c,
				    .clocks = 0x30a50,
				    .fcu_control = 0x308c0,
				    .fcu_status = 0x308c4,
				    .fcu_low = 0x308cc,
				    .fcu_high = 0x308d0,
				    .fcu_loaded = 0x308c4,
				    .loaded_at = 22,
				    .admin_high = 0x3a574,
				    .admin_low = 0x3a578,
				    .threads = 0x180,
				    .admin_engine = -1,
				    .fuses = 0x40,
				    .straps = 0x2ec,
				    .maps = true,
				    .firmware = {0x01000000, 256, FW_KEY_2}};
const struct boot_kind boot_gen4 = {.engines = 9,
				    .engine_base = 0x600000,
				    .reset_bits = 0x100015,
				    .reset = 0x640938,
				    .clocks = 0x640964,
				    .fcu_control = 0x641000,
				    .fcu_status = 0x641004,
				    .fcu_low = 0x641014,
				    .fcu_high = 0x641018,
				    .fcu_loaded = 0x641010,
				    .fcu_mask = 0x641008,
				    .admin_high = 0x500574,
				    .admin_low = 0x500578,
				    .threads = 0x400,
				    .admin_engine = 8,
				    .fuses = 0x2c8,
				    .power = true,
				    .firmware = {0x08000000, 384, FW_KEY_4}};

/* Engines: 4 KiB each; transfer registers, and from 800 on control registers. */
enum { ENGINE_STRIDE = 0x1000, ENGINE_CSR = 0x800 };
enum {
	CTX_ENABLES = 0x018,
	ACTIVE_CTX_STATUS = 0x044,
	PROFILE_COUNT = 0x144,
	DOORBELL = 0x170,
	CSR_STATUS = 0x180
};
enum { CTX_ALL = 0xff << 8, ACTIVE = 1u << 31 };

/* The unit that authenticates and loads firmware. */
enum { AUTHENTICATE = 1, LOAD = 2, START = 3, ONE_ENGINE = 1u << 4 };
enum {
	VERIFIED = 1,
	LOADED = 2,
	VERIFY_FAILED = 3,
	LOAD_FAILED = 4,
	BUSY = 5,
	STATUS = 7,
	AUTHENTICATED = 1u << 8,
	STARTED = 1u << 9
};
#define FCU_NS   2000000 /* an authentication takes a card some milliseconds */
#define ADMIN_NS 20000
#define MHZ      685

enum { PM_STATUS = 0x50a00c, PM_INTERRUPT = 0x50a028, DRIVER_ACTIVE = 1u << 20, POWERED = 1u << 21 };

enum { ADMIN_BYTES = 32 };
enum { INIT_AE = 0, CONSTANTS = 3, STATUS_GET = 4, COMP_CAPABILITY = 9, CAPABILITIES = 10, TIMER_GET = 19 };
enum {
	ADMIN_COMMAND = 3,
	ADMIN_SIZE = 0,
	ADMIN_POINTER = 16,
	ADMIN_STATUS = 2,
	ADMIN_OPAQUE = 8,
	ADMIN_DATA = 16
};
enum { CONSTANTS_BYTES = 1024 };

enum { MAP_A = 0x3a590, MAP_B = 0x3a710, THREADS = 8, MAP_VALID = 1u << 7 };
#define ARBITER_ON 0x80000041u

static struct pf_boot *of(struct qat_pf *pf)
{
	return &pf->boot;
}

static bool dma(void *fn, uint64_t addr, void *buf, size_t len, bool write)
{
	return fn_dma(fn, addr, buf, len, write);
}

static struct mem memory(struct qat_pf *pf)
{
	return (struct mem){pf, dma};
}

static const struct boot_kind *kind(const struct qat_pf *pf)
{
	return pf->kind->boot;
}

static bool is_gen2(const struct qat_pf *pf)
{
	return kind(pf) == &boot_gen2;
}

// Bits of the reset register: on C62x an engine and, from bit 20 on, the accelerator that it shares with its
// neighbour; on 4xxx four engines, and the accelerators. Which bit is whose on 4xxx is a guess.
static uint32_t unit_of(const struct qat_pf *pf, unsigned engine)
{
	return is_gen2(pf) ? 1u << engine : 1u << engine / 4 * 2;
}

static uint32_t accelerator_of(const struct qat_pf *pf, unsigned engine)
{
	return 1u << (20 + (is_gen2(pf) ? engine / 2 : 0));
}

// Without its accelerator an engine is off too.
static uint32_t engines(const struct qat_pf *pf)
{
	const struct pf_boot *b = &pf->boot;
	uint32_t off = b->fuses | b->straps, on = 0;
	for (unsigned i = 0; i < kind(pf)->engines; i++)
		if (!(off >> i & 1) && !(is_gen2(pf) && off >> (FUSED_ACCELERATORS + i / 2) & 1))
			on |= 1u << i;
	return on;
}

static uint32_t awake(const struct qat_pf *pf)
{
	const struct pf_boot *b = &pf->boot;
	uint32_t on = engines(pf), up = ~b->reset & b->clocks;
	for (unsigned i = 0; i < kind(pf)->engines; i++)
		if (!(up & unit_of(pf, i)) || !b->powered)
			on &= ~(1u << i);
	return on;
}

// Something changed that may let rings go on.
static void kick_all(struct qat_pf *pf)
{
	for (unsigned i = 0; i < QAT_VFS; i++) {
		struct qat_vf *v = pf_vf(pf, i);
		for (unsigned k = 0; v && k < v->kind->banks; k++)
			bank_kick(&v->bank[k]);
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
	const struct boot_kind *k = kind(pf);
	uint64_t at = (uint64_t)b->plain[k->fcu_high / 4] << 32 | b->plain[k->fcu_low / 4];
	b->authenticated = 0;
	b->fcu_status &= ~(uint32_t)AUTHENTICATED;
	const char *why = fault_verify(&pf->fault) ? "as ordered (fault=verify)"
						   : fw_verify(&m, at, &k->firmware, &image);
	if (why) {
		fail(b, VERIFY_FAILED, why);
		return;
	}
	b->mmp |= image.mmp;
	b->authenticated = image.engines;
	b->service_of_image = !strcmp(image.name, "sym")    ? RING_SYM
			      : !strcmp(image.name, "asym") ? RING_ASYM
			      : !strcmp(image.name, "dc")   ? RING_COMP
							    : RING_UNUSED;
	b->fcu_status = (b->fcu_status & ~(uint32_t)STATUS) | AUTHENTICATED | VERIFIED;
}

static void load(struct qat_pf *pf, uint32_t these)
{
	struct pf_boot *b = of(pf);
	if (!these || these & ~b->authenticated)
		fail(b, LOAD_FAILED, "no image that was authenticated is for this engine");
	else if (these & ~awake(pf) || these & b->running)
		fail(b, LOAD_FAILED, "the engine is in reset, has no clock, or runs");
	else {
		b->loaded |= these;
		b->fcu_status = (b->fcu_status & ~(uint32_t)STATUS) | LOADED;
		for (unsigned i = 0; i < ENGINES_MAX; i++)
			if (these >> i & 1)
				b->service[i] = b->service_of_image;
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
		load(pf, command & ONE_ENGINE ? 1u << (command >> 8 & 31)
			 : kind(pf)->fcu_mask ? b->plain[kind(pf)->fcu_mask / 4]
					      : 0);
		break;
	case START:
		b->running |= b->loaded & awake(pf);
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
	timer_after(b->fcu, FCU_NS);
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
	int admin = kind(pf)->admin_engine;
	uint32_t bit = 1u << engine, tells = admin < 0 ? bit : 1u << admin;
	switch (req[ADMIN_COMMAND]) {
	case CONSTANTS:
		if (bit != tells || !constants_good(pf, req))
			return false;
		b->constants |= bit;
		return true;
	case INIT_AE:
		if (!(b->constants & tells))
			return false;
		b->ready |= bit;
		kick_all(pf);
		return true;
	case STATUS_GET:
	case COMP_CAPABILITY:
	case CAPABILITIES:
		return true;
	case TIMER_GET: /* counts every sixteenth clock */
		put64(resp + ADMIN_DATA, (uint64_t)clock_ns() * MHZ / 16000);
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
	uint64_t area =
		(uint64_t)b->plain[kind(pf)->admin_high / 4] << 32 | b->plain[kind(pf)->admin_low / 4];
	for (unsigned i = 0; i < kind(pf)->engines; i++) {
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
	timer_after(b->admin, ADMIN_NS);
}

/* --- registers */

// Engines that go into reset forget everything.
static void set_reset(struct qat_pf *pf, uint32_t v)
{
	struct pf_boot *b = of(pf);
	uint32_t left = 0;
	b->reset = v;
	for (unsigned i = 0; i < kind(pf)->engines; i++)
		left |= (uint32_t) !(v & unit_of(pf, i)) << i;
	b->loaded &= left;
	b->running &= left;
	b->asked &= left;
	b->constants &= left;
	b->ready &= left;
	if (!left) {
		b->fcu_status = 0;
		b->authenticated = 0;
		b->mmp = false;
	}
}

static uint32_t engine_read(const struct qat_pf *pf, unsigned engine, uint32_t off)
{
	const struct pf_boot *b = &pf->boot;
	uint32_t bit = 1u << engine, v = b->plain[(kind(pf)->engine_base + engine * ENGINE_STRIDE + off) / 4];
	if (off == ENGINE_CSR + DOORBELL)
		return b->asked >> engine & 1;
	if (!(awake(pf) & bit))
		return 0;
	if (off == ENGINE_CSR + PROFILE_COUNT)
		return (uint64_t)clock_ns() * MHZ / 1000 & 0xffff;
	if (off == ENGINE_CSR + CTX_ENABLES)
		return v | (b->running & bit ? CTX_ALL : 0);
	if (off == ENGINE_CSR + ACTIVE_CTX_STATUS)
		return v | (b->running & bit ? ACTIVE : 0);
	return off == ENGINE_CSR + CSR_STATUS ? 0 : v;
}

static int engine_of(const struct qat_pf *pf, uint32_t off)
{
	uint32_t base = kind(pf)->engine_base;
	return off >= base && off < base + kind(pf)->engines * ENGINE_STRIDE
		       ? (int)((off - base) / ENGINE_STRIDE)
		       : -1;
}

static uint32_t loaded_bits(const struct qat_pf *pf)
{
	return pf->boot.loaded << kind(pf)->loaded_at;
}

uint32_t boot_read(struct qat_pf *pf, uint32_t off)
{
	const struct boot_kind *k = kind(pf);
	struct pf_boot *b = of(pf);
	int engine = engine_of(pf, off);
	if (engine >= 0)
		return engine_read(pf, (unsigned)engine, off % ENGINE_STRIDE);
	if (off == k->reset)
		return b->reset;
	if (off == k->clocks)
		return b->clocks;
	if (off == k->fcu_status)
		return b->fcu_status | (k->fcu_loaded == off ? loaded_bits(pf) : 0);
	if (off == k->fcu_loaded)
		return loaded_bits(pf);
	if (k->power && off == PM_STATUS)
		return b->powered ? POWERED : 0;
	return off < pf->kind->pmisc_bytes ? b->plain[off / 4] : 0;
}

void boot_write(struct qat_pf *pf, uint32_t off, uint32_t v)
{
	const struct boot_kind *k = kind(pf);
	struct pf_boot *b = of(pf);
	int engine = engine_of(pf, off);
	if (engine >= 0 && off % ENGINE_STRIDE == ENGINE_CSR + DOORBELL) {
		doorbell(b, (unsigned)engine, v);
		return;
	}
	if (off >= pf->kind->pmisc_bytes || (engine >= 0 && !(awake(pf) >> engine & 1)))
		return;
	b->plain[off / 4] = v;
	if (k->power && off == PM_INTERRUPT)
		b->powered |= v & DRIVER_ACTIVE;
	if (!b->powered)
		return; /* not powered up */
	if (off == k->reset)
		set_reset(pf, v);
	else if (off == k->clocks)
		b->clocks = v;
	else if (off == k->fcu_control)
		fcu_command(b, v);
	if (off == k->clocks || (k->maps && off >= MAP_A && off < MAP_B + 4 * k->engines))
		kick_all(pf);
}

uint32_t boot_arbiter_read(const struct qat_pf *pf, uint32_t off)
{
	const struct pf_boot *b = &pf->boot;
	if (off / 4 < ARRAY_SIZE(b->arbiter))
		return b->arbiter[off / 4];
	uint32_t n = (off - kind(pf)->threads) / 4;
	return off >= kind(pf)->threads && n < ARRAY_SIZE(b->threads) ? b->threads[n] : 0;
}

void boot_arbiter_write(struct qat_pf *pf, uint32_t off, uint32_t v)
{
	struct pf_boot *b = of(pf);
	uint32_t n = (off - kind(pf)->threads) / 4;
	if (off / 4 < ARRAY_SIZE(b->arbiter))
		b->arbiter[off / 4] = v;
	else if (off >= kind(pf)->threads && n < ARRAY_SIZE(b->threads))
		b->threads[n] = v;
	kick_all(pf);
}

/* --- what comes of it */

// A thread of this engine serves the arbiter of the ring pair, and is mapped to functions. That nibble n of
// an engine's word is thread n and bit p of it arbiter and ring pair p is read out of the words that drivers
// write.
static bool engine_serves(const struct qat_pf *pf, unsigned engine, unsigned pair)
{
	const struct pf_boot *b = &pf->boot;
	bool maps = kind(pf)->maps;
	if (maps && !(b->plain[MAP_B / 4 + engine] & MAP_VALID))
		return false;
	for (unsigned t = 0; t < THREADS; t++)
		if (b->threads[engine] >> 4 * t >> pair & 1 &&
		    (!maps || b->plain[MAP_A / 4 + engine * THREADS + t] & MAP_VALID))
			return true;
	return false;
}

bool boot_serves(struct qat_pf *pf, unsigned pair, unsigned service)
{
	struct pf_boot *b = of(pf);
	if (b->booted)
		return true;
	if (pcie_sriov_num_vfs(pf->fn.dev) != QAT_VFS || pair >= ARRAY_SIZE(b->arbiter) ||
	    b->arbiter[pair] != ARBITER_ON)
		return false;
	if (service == RING_ASYM && !b->mmp)
		return false; /* public keys are for the PKE unit */
	uint32_t up = ~b->reset & b->clocks;
	for (unsigned i = 0; i < kind(pf)->engines; i++)
		if (b->ready >> i & 1 && up & accelerator_of(pf, i) && engine_serves(pf, i, pair) &&
		    (is_gen2(pf) || b->service[i] == service))
			return true;
	return false;
}

uint16_t boot_ring_map(const struct qat_pf *pf)
{
	const struct pf_boot *b = &pf->boot;
	uint32_t map = 0;
	for (unsigned pair = 0; pair < 4 && !is_gen2(pf) && !b->booted; pair++)
		for (unsigned i = 0; i < kind(pf)->engines; i++)
			if (b->running >> i & 1 && engine_serves(pf, i, pair) && !(map >> 3 * pair & 7))
				map |= (uint32_t)b->service[i] << 3 * pair;
	return (uint16_t)map;
}

static uint32_t overlay(uint32_t read, uint32_t addr, int len, uint32_t reg, uint32_t value)
{
	for (unsigned i = 0; i < (unsigned)len; i++) {
		unsigned byte = addr + i - reg;
		if (byte < 4)
			read = (read & ~(0xffu << 8 * i)) | (value >> 8 * byte & 0xff) << 8 * i;
	}
	return read;
}

uint32_t boot_config(const struct qat_pf *pf, uint32_t addr, int len, uint32_t read)
{
	const struct boot_kind *k = kind(pf);
	read = overlay(read, addr, len, k->fuses, pf->boot.fuses);
	return k->straps ? overlay(read, addr, len, k->straps, pf->boot.straps) : read;
}

void boot_init(struct qat_pf *pf)
{
	struct pf_boot *b = of(pf);
	b->plain = calloc(1, pf->kind->pmisc_bytes);
	if (!b->plain)
		abort();
	b->fcu = timer_make(fcu_done, pf);
	b->admin = timer_make(admin_done, pf);
}

void boot_exit(struct qat_pf *pf)
{
	timer_drop(pf->boot.fcu);
	timer_drop(pf->boot.admin);
	free(pf->boot.plain);
}

void boot_reset(struct qat_pf *pf)
{
	struct pf_boot *b = of(pf);
	timer_del(b->fcu);
	timer_del(b->admin);
	memset(b->plain, 0, pf->kind->pmisc_bytes);
	memset(b->arbiter, 0, sizeof b->arbiter);
	memset(b->threads, 0, sizeof b->threads);
	b->command = b->clocks = 0;
	b->powered = !kind(pf)->power;
	set_reset(pf, kind(pf)->reset_bits);
	if (b->booted) { /* as it was found: firmware runs */
		b->loaded = engines(pf);
		b->fcu_status = STARTED | AUTHENTICATED | LOADED;
	}
}
