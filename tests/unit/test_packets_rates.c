/* Sending alone and receiving alone, on the model of the card: what is counted, and that a frame that is
 * damaged or does not come ends the stage. */
#include <string.h>
#include "apps/vf/igb.h"
#include "apps/work/flow.h"
#include "apps/work/packets_timed.h"
#include "tests/model/igb_model.h"
#include "tests/unit/support.h"
#include "tests/unit/support_said.h"
#include "tests/unit/support_stages.h"
#include "tests/unit/test.h"

#define M   (&igb_model)
#define VFS IGB_MODEL_VFS

static struct igb_pf card;
static struct igb_own own[VFS];
static struct {
	struct igb_desc rx[PACKET_RING], tx[PACKET_RING];
	uint32_t head[1024];
	uint8_t receive[PACKET_HALF], send[PACKET_HALF];
} mem[VFS];
static struct tsc_info tsc = {.hz = 1000000};
static unsigned looks;
static bool damage, lose;

const struct tsc_info *tsc_info(void)
{
	return &tsc;
}

void core_progress(void)
{
	igb_model_run();
	if (damage)
		memset(mem[1].receive + 30, 0x5a, 4);
}

uint64_t flow_look(struct machine *m, uint64_t now)
{
	assert_ptr_equal(m, &mach);
	looks++;
	return now;
}

bool flow_stopped(void)
{
	return false;
}

struct frame packets_fill(const struct machine *m, unsigned to)
{
	struct frame f = {.len = FRAME_LEAST, .seed = 7};
	for (unsigned i = 0; i < PACKET_RING; i++)
		frame_fill(packet_buffer(m->vf[0].packet, (uint8_t)(PACKET_RING + i)), &f,
			   m->vf[to].packet->mac, m->vf[0].packet->mac);
	return f;
}

static void meanwhile(void)
{
	if (lose)
		M->vf[1].reg[0x2828 / 4] = 0; /* its receive queue is off */
	igb_model_run();
	if (damage)
		memset(mem[1].receive + 30, 0x5a, 4);
}

static struct dma_buf at(void *va, uint64_t iova, uint64_t len)
{
	return (struct dma_buf){.va = va, .iova = IOVA(WINDOW + iova), .len = len};
}

static void open_vf(unsigned i)
{
	struct igb_memory *d = &own[i].mem;
	*d = (struct igb_memory){.rx_ring = at(mem[i].rx, IGB_WINDOW_RX_RING, sizeof mem[i].rx),
				 .tx_ring = at(mem[i].tx, IGB_WINDOW_TX_RING, sizeof mem[i].tx),
				 .head = at(mem[i].head, IGB_WINDOW_HEAD, sizeof mem[i].head),
				 .receive = at(mem[i].receive, IGB_WINDOW_RECEIVE, PACKET_HALF),
				 .again = at(mem[i].receive, IGB_WINDOW_AGAIN, PACKET_HALF),
				 .send = at(mem[i].send, IGB_WINDOW_SEND, PACKET_HALF)};
	struct igb_vf_cfg cfg = {.chip = card.chip,
				 .io = igb_model_of(i),
				 .regs = (volatile uint8_t *)M->vf[i].reg,
				 .regs_len = VF_BYTES,
				 .mem = *d};
	igb_model_map(i, d->rx_ring, DOMAIN_RW);
	igb_model_map(i, d->tx_ring, DOMAIN_R);
	igb_model_map(i, d->head, DOMAIN_W);
	igb_model_map(i, d->receive, DOMAIN_W);
	igb_model_map(i, d->send, DOMAIN_R);
	igb_vf_reset(&cfg.io);
	(void)igb_pf_poll(&card);
	igb_pf_mac_of(&card, i, cfg.mac);
	assert_int_equal(igb_pf_admit(&card, i), SL_OK);
	assert_int_equal(igb_vf_open(&own[i].vf, &cfg), SL_OK);
	mach.vf[i].own = &own[i];
	vf_networks(&mach.vf[i], &own[i].vf.packet);
}

static int setup(void **state)
{
	(void)state;
	support_clock_step = 5;
	support_meanwhile = NULL;
	damage = lose = false;
	looks = 0;
	stages_start(VFS, NULL);
	igb_model_start();
	card = (struct igb_pf){.chip = igb_chip_of_pf(0x10c9), .io = igb_model_pf()};
	assert_int_equal(igb_pf_open(&card), SL_OK);
	for (unsigned i = 0; i < VFS; i++)
		open_vf(i);
	support_meanwhile = meanwhile;
	return 0;
}

static void test_rates(void **state)
{
	(void)state;
	const struct queue_stats *to = &mach.vf[1].queue->stats;
	assert_int_equal(packets_rates(&mach, 20000000), SL_OK);
	assert_true(looks && M->lost && !M->faults); /* the full ring of the first part lost frames */
	assert_true(mach.vf[1].packet->received > PACKET_RING && to->doorbells);
	packets_rates_print();
	assert_said("timed: sent alone: ");
	assert_said("timed: received alone: ");
	assert_not_said(" 0 in a second");
}

static void test_damaged(void **state)
{
	(void)state;
	damage = true;
	assert_int_equal(packets_rates(&mach, 20000000), SL_VERIFY);
}

static void test_lost(void **state)
{
	(void)state;
	lose = true;
	assert_int_equal(packets_rates(&mach, 20000000), SL_TIMEOUT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test_setup(test_rates, setup),
					   cmocka_unit_test_setup(test_damaged, setup),
					   cmocka_unit_test_setup(test_lost, setup)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
