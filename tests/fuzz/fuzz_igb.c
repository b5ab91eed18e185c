/* An igb card whose every word is made up: messages of a VF to its PF, answers of a PF to its VF, descriptors
 * and heads. A VF changes nothing of another; a wait ends; a frame that is taken lies in the buffer of its
 * slot; and no more sends come back than were in flight. */
#include <string.h>
#include "drivers/igb/pf.h"
#include "drivers/igb/regs.h"
#include "drivers/igb/vf.h"
#include "tests/model/igb_model.h"
#include "tests/unit/support.h"

#define M (&igb_model)

static struct {
	const uint8_t *p;
	size_t n;
} in;

static uint32_t word(void)
{
	uint32_t v = 0;
	size_t n = in.n < sizeof v ? in.n : sizeof v;
	memcpy(&v, in.p, n);
	in.p += n;
	in.n -= n;
	return v;
}

static void must(bool what)
{
	if (!what)
		__builtin_trap();
}

static struct igb_pf pf;

/* What VF 1 may do, as the PF's registers say it. */
static uint64_t rights_of_1(void)
{
	uint64_t sum = M->reg[VFRE / 4] & 2;
	sum = sum * 31 + (M->reg[VFTE / 4] & 2);
	sum = sum * 31 + M->reg[RAL(22u) / 4];
	sum = sum * 31 + M->reg[RAH(22u) / 4];
	sum = sum * 31 + M->reg[VMOLR(1u) / 4];
	for (unsigned i = 0; i < VLVF_ENTRIES; i++) {
		uint32_t v = M->reg[VLVF(i) / 4];
		if (v & VLVF_EN && FGET(v, VLVF_POOLS) & 2)
			sum = sum * 31 + FGET(v, VLVF_VID) +
			      (M->reg[VFTA(FGET(v, VLVF_VID) / 32) / 4] >> FGET(v, VLVF_VID) % 32 & 1);
	}
	return sum;
}

static void messages(void)
{
	igb_model_start();
	pf = (struct igb_pf){.chip = igb_chip_of_pf(0x10c9), .io = igb_model_pf()};
	if (igb_pf_open(&pf) || igb_pf_admit(&pf, 0) || igb_pf_admit(&pf, 1) || igb_pf_vlan(&pf, 1, 7, true))
		__builtin_trap();
	uint64_t rights = rights_of_1();
	while (in.n) {
		uint32_t how = word();
		for (unsigned i = 0; i < IGB_MBX_DWORDS && how >> (16 + i) & 1; i++)
			M->vf[0].mem[i] = word();
		M->vf_holds_lock = (how & 15) == 1;
		if ((how & 15) == 2)
			M->reg[VFLRE / 4] |= 1;
		M->reg[MBVFICR / 4] |= 1;
		(void)igb_pf_poll(&pf);
		must(rights_of_1() == rights);
		must(!(M->reg[MBVFICR / 4] & 1));
		must(strnlen(pf.why, sizeof pf.why) < sizeof pf.why);
		must(!(M->reg[VFRE / 4] & ~3u) && !(M->reg[VFTE / 4] & ~3u));
	}
}

static uint32_t any_rd(void *ctx, uint32_t off)
{
	(void)ctx;
	(void)off;
	return word();
}

static void any_wr(void *ctx, uint32_t off, uint32_t v)
{
	(void)ctx;
	(void)v;
	must(off < VF_BYTES);
}

static void answers(void)
{
	struct igb_mbx_vf m = {.io = {.rd = any_rd, .wr = any_wr}};
	uint8_t mac[6];
	if (igb_vf_introduce(&m, mac) == SL_OK)
		must(!(mac[0] & 1));
	if (m.dead)
		must(igb_vf_ask_vlan(&m, 7) == SL_TIMEOUT);
	(void)igb_vf_ask_group(&m, 9);
}

static void rings(void)
{
	static struct igb_desc rx[PACKET_RING], tx[PACKET_RING];
	static uint32_t head;
	static uint8_t receive[PACKET_HALF], send[PACKET_HALF];
	static struct igb_vf vf;
	static volatile uint8_t regs[VF_BYTES];
	struct packet_frame f[PACKET_RING];
	struct queue_done done[PACKET_RING];
	igb_model_start();
	struct igb_vf_cfg cfg = {.chip = igb_chip_of_pf(0x10c9),
				 .io = igb_model_of(0),
				 .regs = regs,
				 .regs_len = VF_BYTES,
				 .mem = {{.va = rx, .iova = IOVA(0x1000), .len = sizeof rx},
					 {.va = tx, .iova = IOVA(0x2000), .len = sizeof tx},
					 {.va = &head, .iova = IOVA(0x3000), .len = sizeof head},
					 {.va = receive, .iova = IOVA(0x800000), .len = sizeof receive},
					 {.va = receive, .iova = IOVA(0xc00000), .len = sizeof receive},
					 {.va = send, .iova = IOVA(0x1000000), .len = sizeof send}}};
	if (igb_vf_open(&vf, &cfg))
		__builtin_trap();
	struct packet *p = &vf.packet;
	unsigned held = 0, flying = 0;
	while (in.n) {
		uint32_t how = word();
		if (how & 1)
			rx[how >> 8 & IGB_MASK].word = word() | (uint64_t)word() << 32;
		if (how & 2)
			head = word();
		if (how & 4) {
			unsigned n = p->ops->receive(p, f, PACKET_RING);
			for (unsigned i = 0; i < n; i++)
				must(f[i].index < PACKET_RING && f[i].len < PACKET_ROOM);
			held += n;
			must(held < PACKET_RING);
		}
		if (how & 8) {
			p->ops->release(p, held);
			held = 0;
		}
		if (how & 16) {
			f[0] = (struct packet_frame){.len = (uint16_t)(how >> 16), .index = (uint8_t)how};
			flying += p->ops->send(p, f, 1);
		}
		p->q.ops->ring(&p->q);
		unsigned n = p->q.ops->poll(&p->q, done, PACKET_RING);
		must(n <= flying);
		flying -= n;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	if (!n)
		return 0;
	support_clock_step = 5000;
	in.p = p + 1;
	in.n = n - 1;
	if (p[0] % 3 == 0)
		messages();
	else if (p[0] % 3 == 1)
		answers();
	else
		rings();
	return 0;
}
