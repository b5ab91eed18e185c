#include "drivers/qat/mailbox.h"
#include "kernel/mmio.h"
#include "kernel/str.h"
#include "kernel/time.h"

/* Registers of the VF's BAR2, one for each direction. Who sends sets INT; who takes clears it. */
#define PF2VM      0x1008u
#define VM2PF      0x100cu
#define MSG_INT    BIT(0)
#define MSG_ORIGIN BIT(1) /* always set */
#define MSG_TYPE   BITS(7, 2)
#define MSG_DATA   BITS(31, 8)
#define ANSWER_US  500000u

/* A block is read byte by byte: version, bytes of payload, payload. */
#define ASK_BLOCK  9u
#define ASK_NUMBER BITS(3, 0)
#define ASK_BYTE   BITS(8, 4)
#define ASK_CRC    BIT(9) /* of the bytes up to this one */
#define SAY_BLOCK  3u
#define SAY_KIND   BITS(1, 0)
enum { SAY_DATA = 0, SAY_CRC = 1 };
#define SAY_BYTE    BITS(9, 2)
#define BLOCK_RINGS 3u
#define RINGS_BYTES 4u

enum { MAP_COMP = 2, MAP_SYM = 3 }; /* three bits a bank */

static uint32_t mmio_rd(void *ctx, uint32_t off)
{
	return mmio_rd32((volatile uint8_t *)ctx + off);
}

static void mmio_wr(void *ctx, uint32_t off, uint32_t v)
{
	mmio_wr32((volatile uint8_t *)ctx + off, v);
}

struct qat_mailbox_io qat_mailbox_mmio(volatile uint8_t *regs)
{
	return (struct qat_mailbox_io){.rd = mmio_rd, .wr = mmio_wr, .ctx = (void *)(uintptr_t)regs};
}

/* Waits until INT of a register is what is wanted. */
static enum sl_err wait_int(const struct qat_mailbox_io *io, uint32_t off, uint64_t want, uint32_t *v)
{
	struct deadline d = deadline_in(ANSWER_US);
	while (deadline_look(&d)) {
		*v = io->rd(io->ctx, off);
		if ((*v & MSG_INT) == want)
			return SL_OK;
	}
	return SL_TIMEOUT;
}

/* One byte of a block, or the CRC of what has been read. */
static enum sl_err ask(const struct qat_mailbox_io *io, uint64_t what, unsigned kind, uint8_t *byte)
{
	uint32_t v;
	io->wr(io->ctx, PF2VM, 0); /* what came before is of no use */
	io->wr(io->ctx, VM2PF,
	       (uint32_t)(FPUT(MSG_DATA, what) | FPUT(MSG_TYPE, ASK_BLOCK) | MSG_ORIGIN | MSG_INT));
	enum sl_err e = wait_int(io, VM2PF, 0, &v);
	if (!e)
		e = wait_int(io, PF2VM, MSG_INT, &v);
	if (e)
		return e;
	io->wr(io->ctx, PF2VM, (uint32_t)(v & ~MSG_INT));
	uint64_t said = FGET(v, MSG_DATA);
	if (!(v & MSG_ORIGIN) || FGET(v, MSG_TYPE) != SAY_BLOCK || FGET(said, SAY_KIND) != kind)
		return SL_BADVAL;
	*byte = (uint8_t)FGET(said, SAY_BYTE);
	return SL_OK;
}

/* Polynomial 97h, most significant bit first. */
static uint8_t crc8(const uint8_t *p, unsigned n)
{
	uint8_t c = 0xff;
	while (n--) {
		c ^= *p++;
		for (unsigned i = 0; i < 8; i++)
			c = (uint8_t)(c << 1 ^ (c & 0x80 ? 0x97 : 0));
	}
	return c;
}

enum sl_err qat_mailbox_pairs(const struct qat_mailbox_io *io, const struct qat_gen *gen,
			      struct qat_pair pair[QAT_SERVICES])
{
	uint8_t b[RINGS_BYTES], crc = 0;
	uint64_t block = FPUT(ASK_NUMBER, BLOCK_RINGS);
	enum sl_err e = SL_OK;
	memset(pair, 0, QAT_SERVICES * sizeof pair[0]);
	for (unsigned i = 0; i < RINGS_BYTES && !e; i++)
		e = ask(io, block | FPUT(ASK_BYTE, i), SAY_DATA, &b[i]);
	if (!e)
		e = ask(io, block | FPUT(ASK_BYTE, RINGS_BYTES - 1) | ASK_CRC, SAY_CRC, &crc);
	if (e)
		return e;
	if (!b[0] || b[1] < 2 || crc != crc8(b, RINGS_BYTES))
		return SL_BADVAL;
	unsigned map = b[2] | (unsigned)b[3] << 8;
	for (uint8_t bank = 0; bank < gen->banks; bank++, map >>= 3) {
		unsigned s = (map & 7) == MAP_SYM ? QAT_SYM : (map & 7) == MAP_COMP ? QAT_DC : QAT_SERVICES;
		if (s < QAT_SERVICES && !pair[s].there)
			pair[s] = (struct qat_pair){.there = true, .bank = bank, .tx = 0, .rx = 1};
	}
	return SL_OK;
}
