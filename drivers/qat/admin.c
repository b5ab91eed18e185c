/* Messages to the firmware of a PF's engines: 64 bytes for each engine in one page, the request and behind it
 * the reply; a doorbell that reads 1 until the reply is there. */
#include "drivers/crypto/sha.h"
#include "drivers/qat/pf_io.h"
#include "drivers/qat/pf_steps.h"
#include "kernel/fmt.h"
#include "kernel/str.h"

#define ADMIN_US 5000000u

#define MESSAGE      32u
/* Request; all else is zero. */
#define REQ_SIZE     0u
#define REQ_COMMAND  3u
#define REQ_POINTER  16u
/* Reply. */
#define RSP_STATUS   2u
#define RSP_FEATURES 4u

enum command { INIT_AE = 0, CONSTANTS_CFG = 3, COMP_CAPABILITY_GET = 9 };

static void put(uint8_t *p, uint64_t v, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

void qat_admin_open(struct qat_pf *pf)
{
	pf_wr(pf, pf->chip->admin_high, pf->admin.iova.v >> 32);
	pf_wr(pf, pf->chip->admin_low, pf->admin.iova.v);
}

void qat_admin_close(struct qat_pf *pf)
{
	pf_wr(pf, pf->chip->admin_high, 0);
	pf_wr(pf, pf->chip->admin_low, 0);
}

static enum sl_err send(struct qat_pf *pf, unsigned ae, enum command command, uint8_t reply[MESSAGE])
{
	uint8_t *req = (uint8_t *)pf->admin.va + 2 * MESSAGE * ae;
	uint32_t bell;
	memset(req, 0, 2 * MESSAGE);
	req[REQ_COMMAND] = (uint8_t)command;
	if (command == CONSTANTS_CFG) {
		put(req + REQ_SIZE, QAT_CONSTANTS, 2);
		put(req + REQ_POINTER, pf->admin.iova.v + PAGE_SIZE, 8);
	}
	__atomic_thread_fence(__ATOMIC_RELEASE);
	pf_wr(pf, pf_csr(pf, ae, AE_ADMIN), 1);
	enum sl_err e = pf_wait(pf, pf_csr(pf, ae, AE_ADMIN), UINT32_MAX, 0, ADMIN_US, &bell);
	if (e) {
		fmt_print(pf->why, sizeof pf->why, "firmware of engine %u does not answer (message %u)", ae,
			  (unsigned)command);
		return e;
	}
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	memcpy(reply, req + MESSAGE, MESSAGE);
	if (!reply[RSP_STATUS])
		return SL_OK;
	fmt_print(pf->why, sizeof pf->why, "firmware of engine %u answers message %u with status %u", ae,
		  (unsigned)command, reply[RSP_STATUS]);
	return SL_DEVICE;
}

enum sl_err qat_admin_start(struct qat_pf *pf)
{
	/* Where some engines are only for messages, these need the constants, and the others report the
	 * capabilities. */
	uint32_t admin = pf->chip->admin, all = pf->engines;
	const struct {
		enum command command;
		uint32_t engines;
	} order[] = {{CONSTANTS_CFG, all & admin},
		     {COMP_CAPABILITY_GET, all & ~admin ? all & ~admin : all},
		     {INIT_AE, all}};
	uint8_t reply[MESSAGE];
	enum sl_err e = SL_OK;
	qat_constants((uint8_t *)pf->admin.va + PAGE_SIZE);
	pf->capabilities = 0;
	for (unsigned i = 0; i < ARRAY_LEN(order); i++)
		for (unsigned ae = 0; !e && pf_next(order[i].engines, &ae); ae++) {
			e = send(pf, ae, order[i].command, reply);
			if (!e && order[i].command == COMP_CAPABILITY_GET)
				pf->capabilities |= span_u32((struct span){reply, MESSAGE}, RSP_FEATURES);
		}
	return e;
}

/* Configuration words of the slices: the algorithm in bits 0..3, the mode in bits 4..7. */
static const struct {
	uint16_t at;
	uint8_t n;
	uint16_t word[24];
} words[] = {
	{0x048,
	 17,
	 {0x001, 0x101, 0x011, 0x111, 0x021, 0x003, 0x203, 0x103, 0x303, 0x013, 0x213, 0x113, 0x313, 0x023,
	  0x033, 0x006, 0x206}},
	{0x128, 1, {0x002}},
	{0x2c0, 23, {0x014, 0x114, 0x015, 0x115, 0x214, 0x314, 0x215, 0x315, 0x024, 0x025, 0x224, 0x225,
		     0x012, 0x112, 0x043, 0x143, 0x045, 0x145, 0x044, 0x144, 0x02b, 0x12b, 0x020}},
	{0x398, 1, {0x010}},
};

/* Hashes: the configuration word, at +8 the block size of an HMAC, at +16 where a digest starts from. */
static const struct {
	uint16_t at, word;
	uint8_t block; /* 0: none */
} hashes[] = {
	{0x148, 0x01, 0},  {0x170, 0x11, 64}, {0x180, 0x03, 0},   {0x1b0, 0x04, 0},
	{0x1e0, 0x05, 0},  {0x230, 0x06, 0},  {0x280, 0x14, 64},  {0x290, 0x16, 128},
	{0x2a0, 0x12, 64}, {0x2b0, 0x18, 0},  {0x378, 0x15, 128}, {0x388, 0x17, 0},
};

/* MD5's initial value: RFC 1321 §3.3. Those of SHA come from drivers/crypto/. */
static const uint8_t md5[16] = {0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef,
				0xfe, 0xdc, 0xba, 0x98, 0x76, 0x54, 0x32, 0x10};

void qat_constants(uint8_t table[QAT_CONSTANTS])
{
	static const struct {
		uint16_t at;
		enum sha kind;
	} known[] = {{0x158, SHA_1}, {0x190, SHA_224}, {0x1c0, SHA_256}, {0x1f0, SHA_384}, {0x240, SHA_512}};
	memset(table, 0, QAT_CONSTANTS);
	for (unsigned i = 0; i < ARRAY_LEN(words); i++)
		for (unsigned k = 0; k < words[i].n; k++)
			put(table + words[i].at + 8 * k, words[i].word[k], 2);
	for (unsigned i = 0; i < ARRAY_LEN(hashes); i++) {
		put(table + hashes[i].at, hashes[i].word, 2);
		table[hashes[i].at + 11] = hashes[i].block;
	}
	for (unsigned i = 0; i < ARRAY_LEN(known); i++) {
		struct sha_state s;
		sha_init(&s, known[i].kind);
		sha_save(&s, table + known[i].at);
	}
	memcpy(table + 0x138, md5, sizeof md5);
}
