/* VFs of a network card as attackers, on the model of the card: each access works where it is allowed; where
 * it is not, it is refused at the address in question and in its direction; and if nothing refuses it, its
 * effect is seen. */
#include <string.h>
#include "apps/proof/attackers.h"
#include "apps/proof/strike_packet.h"
#include "apps/vf/igb.h"
#include "apps/vf/msix.h"
#include "apps/vf/workers.h"
#include "apps/work/packets.h"
#include "apps/work/pattern.h"
#include "tests/model/igb_model.h"
#include "tests/unit/support.h"
#include "tests/unit/support_stages.h"
#include "tests/unit/test.h"

#define M       (&igb_model)
#define VFS     IGB_MODEL_VFS
#define ALLOWED (WINDOW + IGB_WINDOW_SPARE)
#define HOLE    (WINDOW + WINDOW_HOLE)
#define PLACE   (WINDOW + PAGE_PASSING)

static struct igb_pf card;
static struct igb_own own[VFS];
static struct {
	struct igb_desc rx[PACKET_RING], tx[PACKET_RING];
	uint32_t head[1024];
	uint8_t receive[PACKET_HALF], send[PACKET_HALF];
} mem[VFS];
static _Alignas(PAGE_SIZE) uint8_t allowed[ALLOWED_PAGES * PAGE_SIZE], outside[PAGE_SIZE];
static struct attacker by;
static _Alignas(PAGE_SIZE) uint8_t place[2 * PAGE_SIZE];
static bool refused; /* the PF takes the VF no more */
static bool broken;  /* the VF cannot be set up any more */
static struct attackers all;
static unsigned left_out, msix_opened, set_up[VFS];

struct igb_pf *igb_card(void)
{
	return &card;
}

enum sl_err igb_admit(struct vf *vf, uint8_t mac[6])
{
	struct igb_io io = igb_model_of(vf->index);
	if (refused)
		return SL_DEVICE;
	igb_vf_reset(&io);
	(void)igb_pf_poll(&card);
	igb_pf_mac_of(&card, vf->index, mac);
	return igb_pf_admit(&card, vf->index);
}

enum sl_err igb_rings(struct vf *vf, const struct igb_memory *m)
{
	struct igb_io io = igb_model_of(vf->index);
	set_up[vf->index]++;
	struct igb_vf_cfg cfg = {.chip = card.chip,
				 .io = io,
				 .regs = (volatile uint8_t *)M->vf[vf->index].reg,
				 .regs_len = VF_BYTES,
				 .mem = *m};
	enum sl_err e = broken ? SL_DEVICE : igb_admit(vf, cfg.mac);
	return e ? e : igb_vf_open(igb_of(vf), &cfg);
}

struct igb_io igb_mmio(volatile void *regs)
{
	unsigned v = 0;
	while (regs != M->vf[v].reg)
		v++;
	return igb_model_of(v);
}

enum sl_err attackers_add(struct machine *m, struct attackers *a, const struct attacker *who)
{
	assert_ptr_equal(m, &mach);
	a->one[a->n++] = *who;
	return SL_OK;
}

void attackers_leave_out(const struct attackers *a, const struct pci_func *fn, const char *class,
			 const char *why)
{
	assert_true(a == &all && fn == mach.vf[0].fn && class && strstr(why, "no other VF"));
	left_out++;
}

enum sl_err vf_msix_open(struct vf *vf)
{
	vf->msix.vectors = 3;
	msix_opened++;
	return SL_OK;
}

static unsigned memory(const struct vf *vf, struct table_range *out)
{
	*out = (struct table_range){&own[vf->index].mem.rx_ring, DOMAIN_RW};
	return 1;
}

static const struct vf_kind kind = {.name = "igb", .service = VF_NETWORKS, .memory = memory};

enum sl_err igb_join(struct vf *vf, unsigned vid)
{
	(void)vf;
	(void)vid;
	return SL_OK;
}

enum sl_err igb_group(struct vf *vf, const uint8_t mac[6])
{
	(void)vf;
	(void)mac;
	return SL_OK;
}

enum sl_err workers_run(struct machine *m, core_fn *fn, uint64_t limit_us)
{
	(void)m;
	(void)fn;
	(void)limit_us;
	return SL_OK;
}

void core_progress(void) {}

static struct dma_buf at(void *va, uint64_t iova, uint64_t len)
{
	return (struct dma_buf){.va = va, .iova = IOVA(WINDOW + iova), .len = len};
}

static void lay_out(unsigned i)
{
	struct igb_memory *d = &own[i].mem;
	*d = (struct igb_memory){.rx_ring = at(mem[i].rx, IGB_WINDOW_RX_RING, sizeof mem[i].rx),
				 .tx_ring = at(mem[i].tx, IGB_WINDOW_TX_RING, sizeof mem[i].tx),
				 .head = at(mem[i].head, IGB_WINDOW_HEAD, sizeof mem[i].head),
				 .receive = at(mem[i].receive, IGB_WINDOW_RECEIVE, PACKET_HALF),
				 .again = at(mem[i].receive, IGB_WINDOW_AGAIN, PACKET_HALF),
				 .send = at(mem[i].send, IGB_WINDOW_SEND, PACKET_HALF)};
	igb_model_map(i, d->rx_ring, DOMAIN_RW);
	igb_model_map(i, d->tx_ring, DOMAIN_R);
	igb_model_map(i, d->head, DOMAIN_W);
	igb_model_map(i, d->receive, DOMAIN_W);
	igb_model_map(i, d->again, DOMAIN_R);
	igb_model_map(i, d->send, DOMAIN_R);
}

static int setup(void **state)
{
	(void)state;
	support_clock_step = 500;
	support_meanwhile = NULL;
	broken = false;
	stages_start(VFS, NULL);
	mach.kind = &kind;
	memset(&all, 0, sizeof all);
	left_out = msix_opened = 0;
	igb_model_start();
	card = (struct igb_pf){.chip = igb_chip_of_pf(0x10c9), .io = igb_model_pf()};
	assert_int_equal(igb_pf_open(&card), SL_OK);
	for (unsigned i = 0; i < VFS; i++) {
		lay_out(i);
		mach.vf[i].own = &own[i];
		mach.vf[i].regs = M->vf[i].reg;
		assert_int_equal(igb_rings(&mach.vf[i], &own[i].mem), SL_OK);
		vf_networks(&mach.vf[i], &own[i].vf.packet);
	}
	by = (struct attacker){.fn = mach.vf[0].fn,
			       .dev = &mach.vf[0],
			       .ops = &strike_packet,
			       .others = &bystanders_packet,
			       .allowed = {.va = allowed, .iova = IOVA(ALLOWED), .len = sizeof allowed}};
	igb_model_map(0, by.allowed, DOMAIN_RW);
	support_meanwhile = igb_model_run;
	return 0;
}

static struct attack attack(enum packet_part part, uint64_t to)
{
	bool write = part == PACKET_RECEIVE_BUFFER || part == PACKET_HEAD;
	return (struct attack){.part = (uint8_t)part,
			       .to = to,
			       .write = write,
			       .len = part == PACKET_HEAD ? 4 : PACKET_STRIKE_LEN};
}

static void strike(const struct attack *a)
{
	char words[48];
	assert_true(strike_packet.can(&by, a));
	assert_int_equal(strike_packet.prepare(&mach, &by, a), SL_OK);
	assert_int_equal(strike_packet.strike(&mach, &by, a, words, sizeof words), SL_OK);
	igb_model_run();
}

static bool brought(const struct attack *a, const void *what)
{
	uint64_t words[PACKET_STRIKE_LEN / 8];
	assert_int_equal(strike_packet.leaked(&mach, &by, a, words), PACKET_STRIKE_LEN);
	return memcmp(words, what, sizeof words) == 0;
}

static bool nothing_came(const struct attack *a)
{
	uint64_t old[PACKET_STRIKE_LEN / 8];
	for (unsigned i = 0; i < PACKET_STRIKE_LEN / 8; i++)
		old[i] = strike_old(i);
	return brought(a, old);
}

static void test_allowed(void **state)
{
	(void)state;
	struct attack a = attack(PACKET_SEND_BUFFER, ALLOWED);
	pattern_fill(allowed, sizeof allowed, 77);
	strike(&a);
	assert_true(brought(&a, allowed));
	a = attack(PACKET_RECEIVE_BUFFER, ALLOWED + PAGE_SIZE);
	memset(allowed, 0xa5, sizeof allowed);
	strike(&a);
	assert_int_equal(allowed[PAGE_SIZE - 1], 0xa5);
	assert_true(allowed[PAGE_SIZE] != 0xa5 && allowed[PAGE_SIZE + PACKET_STRIKE_LEN - 8] != 0xa5);
	assert_int_equal(allowed[PAGE_SIZE + PACKET_STRIKE_LEN], 0xa5);
	a = attack(PACKET_HEAD, ALLOWED + 8);
	strike(&a);
	assert_true(allowed[8] == 2 && !allowed[9] && allowed[12] == 0xa5);
	a = attack(PACKET_SEND_RING, HOLE);
	assert_true(strike_packet.control(&mach, &by, &a));
	a = attack(PACKET_RECEIVE_RING, HOLE);
	assert_true(strike_packet.control(&mach, &by, &a));
	assert_int_equal(M->faults, 0);
	assert_true(strike_packet.healthy(&mach, &by));
}

/* Each part at an address that nothing maps: one fault there, in its direction; no data; and all works again.
 */
static void test_refused(void **state)
{
	(void)state;
	for (int part = PACKET_SEND_BUFFER; part <= PACKET_RECEIVE_RING; part++) {
		struct attack a = attack((enum packet_part)part, HOLE);
		M->faults = 0;
		strike(&a);
		assert_true(mach.vf[0].provoked);
		assert_true(M->faults >= 1);
		assert_int_equal(ALIGN_DOWN(M->fault_at, PAGE_SIZE), HOLE);
		assert_int_equal(M->fault_write, a.write);
		assert_true(nothing_came(&a));
		assert_true(strike_packet.healthy(&mach, &by));
		assert_false(mach.vf[0].provoked);
	}
}

/* Memory that it may use the other way round. */
static void test_wrong_direction(void **state)
{
	(void)state;
	struct attack a = attack(PACKET_SEND_BUFFER, WINDOW + IGB_WINDOW_RECEIVE + PACKET_HALF - PAGE_SIZE);
	strike(&a);
	assert_true(M->faults && !M->fault_write && nothing_came(&a));
	assert_true(strike_packet.healthy(&mach, &by));
	M->faults = 0;
	a = attack(PACKET_RECEIVE_BUFFER, WINDOW + IGB_WINDOW_SEND + PACKET_HALF - PAGE_SIZE);
	strike(&a);
	assert_true(M->faults && M->fault_write);
	assert_true(strike_packet.healthy(&mach, &by));
}

/* Without isolation the secret comes back, and memory is overwritten: the proof would say so. */
static void test_nothing_isolates(void **state)
{
	(void)state;
	M->outside = (struct dma_buf){.va = outside, .iova = IOVA(HOLE), .len = sizeof outside};
	pattern_fill(outside, sizeof outside, 99);
	struct attack a = attack(PACKET_SEND_BUFFER, HOLE);
	strike(&a);
	assert_true(brought(&a, outside));
	a = attack(PACKET_RECEIVE_BUFFER, HOLE);
	strike(&a);
	assert_false(pattern_check(outside, sizeof outside, 99));
	pattern_fill(outside, sizeof outside, 99);
	a = attack(PACKET_HEAD, HOLE);
	strike(&a);
	assert_int_equal(outside[0], 2);
	assert_int_equal(M->faults, 0);
}

static void test_unhealthy(void **state)
{
	(void)state;
	broken = true;
	assert_false(strike_packet.healthy(&mach, &by));
	broken = false;
	M->vf[1].reg[0x2828 / 4] = 0; /* the peer's receive queue is off */
	assert_false(strike_packet.healthy(&mach, &by));
}

/* All but the attacker and its peer work meanwhile. With three VFs that is one, which has nobody. */
static void test_bystanders(void **state)
{
	(void)state;
	uint64_t before = mach.vf[2].packet->received;
	bystanders_packet.begin(&mach, &by);
	assert_true(bystanders_packet.end(&mach, &by));
	assert_int_equal(mach.vf[2].packet->received, before);
	assert_ptr_equal(packet_peer(&mach, &mach.vf[0]), &mach.vf[1]);
	assert_ptr_equal(packet_peer(&mach, &mach.vf[2]), &mach.vf[0]);
}

/* So do all of them while another function attacks. */
static void test_all_stand_by(void **state)
{
	(void)state;
	struct pci_func other = {0};
	struct attacker someone = {.fn = &other};
	uint64_t before = bystanders_frames();
	bystanders_packet.begin(&mach, &someone);
	assert_true(bystanders_packet.end(&mach, &someone));
	assert_int_equal(bystanders_frames() - before, 8 * VFS);
	bystanders_packet.begin(&mach, &someone);
	M->vf[2].reg[0x2828 / 4] = 0; /* what is sent to it does not come */
	mach.vf[2].packet->ops->release(mach.vf[2].packet, 0);
	for (unsigned i = 0; i < PACKET_RING; i++)
		own[2].vf.rx.ring[i].word = 0;
	assert_false(bystanders_packet.end(&mach, &someone));
	for (unsigned i = 0; i < VFS; i++)
		vf_networks(&mach.vf[i], NULL);
	bystanders_packet.begin(&mach, &someone); /* nobody is open */
	assert_true(bystanders_packet.end(&mach, &someone));
}

/* A VF behind the last one of the machine neither sends nor receives. */
static void test_fewer_stand_by(void **state)
{
	(void)state;
	static uint8_t bytes[FRAME_MOST];
	struct pci_func other = {0};
	struct attacker someone = {.fn = &other};
	uint64_t before = bystanders_frames();
	mach.vfs = 2;
	mach.vf[2].fn = &other; /* nor has it a peer */
	bystanders_packet.begin(&mach, &someone);
	assert_true(bystanders_packet.end(&mach, &someone));
	assert_int_equal(bystanders_frames() - before, 8 * 2);
	for (unsigned v = 0; v < VFS; v++)
		assert_int_equal(packets_take(&mach.vf[v], bytes), 0);
}

/* Stage isolate names no part: it follows from direction and length. */
static void test_parts(void **state)
{
	(void)state;
	struct attack a = {.write = true, .len = 4, .to = ALLOWED + 2};
	assert_false(strike_packet.can(&by, &a));
	a.to = ALLOWED + PAGE_SIZE - 4;
	memset(allowed, 0xa5, sizeof allowed);
	strike(&a);
	assert_true(allowed[PAGE_SIZE - 4] == 2 && allowed[PAGE_SIZE - 5] == 0xa5 &&
		    allowed[PAGE_SIZE] == 0xa5);
	a = (struct attack){.write = true, .len = 2 * CHUNK, .to = ALLOWED};
	strike(&a);
	assert_true(allowed[PAGE_SIZE] != 0xa5 && allowed[2 * PAGE_SIZE - 8] != 0xa5);
	a = (struct attack){.len = CHUNK, .to = ALLOWED};
	pattern_fill(allowed, sizeof allowed, 78);
	strike(&a);
	assert_true(brought(&a, allowed));
	a = (struct attack){.write = true, .len = FRAME_MOST + 1, .to = ALLOWED};
	assert_false(strike_packet.can(&by, &a));
	a.len = FRAME_MOST;
	assert_true(strike_packet.can(&by, &a));
	a.len = FRAME_LEAST;
	assert_true(strike_packet.can(&by, &a));
	a.len = FRAME_LEAST - 1;
	assert_false(strike_packet.can(&by, &a));
	assert_int_equal(M->faults, 0);
}

/* What one without rings does with what it finds: it writes its head into the next page. */
static void test_fetch(void **state)
{
	(void)state;
	struct attacker bare;
	char words[48];
	struct attack a = {.to = PLACE, .len = CHUNK};
	const struct dma_buf two = {.va = place, .iova = IOVA(PLACE), .len = sizeof place};
	memset(place, 0, sizeof place);
	assert_int_equal(strike_packet.release(&mach, &by, &bare), SL_OK);
	assert_true(!mach.vf[0].queue && bare.ops == &strike_packet_fetch && bare.fn == by.fn);
	assert_true(bare.ops->can(&bare, &a));
	bare.ops->bait(&bare, &a, place);
	assert_int_equal(bare.ops->strike(&mach, &bare, &a, words, sizeof words), SL_OK);
	igb_model_run();
	assert_true(M->faults == 1 && M->fault_at == PLACE && !M->fault_write && mach.vf[0].provoked);
	assert_true(pattern_is_zero(place + PAGE_SIZE, PAGE_SIZE));
	igb_model_map(0, two, DOMAIN_RW);
	assert_int_equal(bare.ops->strike(&mach, &bare, &a, words, sizeof words), SL_OK);
	igb_model_run();
	assert_int_equal(M->faults, 1);
	assert_int_equal(place[PAGE_SIZE], 1);
	refused = true;
	assert_int_equal(bare.ops->strike(&mach, &bare, &a, words, sizeof words), SL_DEVICE);
	refused = false;
	a.write = true;
	assert_false(bare.ops->can(&bare, &a));
	assert_int_equal(strike_packet.restore(&mach, &by), SL_OK);
	assert_true(mach.vf[0].queue && !mach.vf[0].provoked);
	broken = true;
	assert_int_equal(strike_packet.restore(&mach, &by), SL_DEVICE);
}

static void test_gather(void **state)
{
	(void)state;
	mach.irqs_remapped = true;
	memset(set_up, 0, sizeof set_up);
	assert_int_equal(strike_packet.open(&mach, &all, &strike_packet), SL_OK);
	for (unsigned i = 0; i < VFS; i++)
		assert_int_equal(set_up[i],
				 2); /* what any of them began to send has ended before one is tried */
	assert_true(all.n == VFS && msix_opened == VFS && !left_out);
	for (unsigned i = 0; i < VFS; i++)
		assert_true(all.one[i].fn == mach.vf[i].fn && all.one[i].dom == &mach.vf[i].dom &&
			    all.one[i].own[0].buf == &own[i].mem.rx_ring && !all.one[i].own[1].buf);
	assert_string_equal(all.one[2].name, "VF2");
	all.n = 0; /* in the next pass their vectors are there */
	assert_int_equal(strike_packet.open(&mach, &all, &strike_packet), SL_OK);
	assert_int_equal(msix_opened, VFS);
	mach.vf[0].msix.vectors = 0; /* and without remapping they are not needed */
	mach.irqs_remapped = false;
	all.n = 0;
	assert_int_equal(strike_packet.open(&mach, &all, &strike_packet), SL_OK);
	assert_int_equal(msix_opened, VFS);
	mach.vfs = 1;
	assert_int_equal(strike_packet.open(&mach, &all, &strike_packet), SL_OK);
	assert_true(all.n == VFS && left_out == 1);
	vf_networks(&mach.vf[0], NULL); /* VFs of another kind */
	assert_int_equal(strike_packet.open(&mach, &all, &strike_packet), SL_OK);
	mach.vfs = 0;
	assert_int_equal(strike_packet.open(&mach, &all, &strike_packet), SL_OK);
	assert_true(all.n == VFS && left_out == 1);
}

static void test_gather_broken(void **state)
{
	(void)state;
	broken = true;
	assert_int_equal(strike_packet.open(&mach, &all, &strike_packet), SL_DEVICE);
	assert_int_equal(all.n, 0);
}

/* Its vector is enabled, and then asked for. 82576EB §8.26 */
static void test_kick(void **state)
{
	(void)state;
	assert_int_equal(strike_packet.kick(&mach, &by), SL_OK);
	assert_true(M->vf[0].reg[0x1524 / 4] == 1 && M->vf[0].reg[0x1520 / 4] == 1);
	assert_int_equal(M->reg[0x1514 / 4], 0x10); /* the PF's GPIE */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_all_stand_by, setup),
		cmocka_unit_test_setup(test_fewer_stand_by, setup),
		cmocka_unit_test_setup(test_parts, setup),
		cmocka_unit_test_setup(test_fetch, setup),
		cmocka_unit_test_setup(test_gather, setup),
		cmocka_unit_test_setup(test_gather_broken, setup),
		cmocka_unit_test_setup(test_kick, setup),
		cmocka_unit_test_setup(test_allowed, setup),
		cmocka_unit_test_setup(test_refused, setup),
		cmocka_unit_test_setup(test_wrong_direction, setup),
		cmocka_unit_test_setup(test_nothing_isolates, setup),
		cmocka_unit_test_setup(test_unhealthy, setup),
		cmocka_unit_test_setup(test_bystanders, setup),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
