/* clang-format off */
/* QAT: one response of any content, in every state of a ring of ENTRIES responses
 * CHECKS: nothing outside is read or written; only a request in flight on this ring is answered, and once; the head stays in the ring
 * SOURCES:
 * UNWIND: 10
 * SEED: drivers/qat/ring.h | id >= r->depth || r->flight | r->flight | a tag that no request has is looked up
 * SEED: drivers/qat/ring.h | r->flight[id] = 0; | ; | a request may be answered twice
 * SEED: drivers/qat/ring.h | ((answer[1] ^ r->serial) & OPAQUE_RING) | 0 | a response to another ring's request is taken
 */
/* clang-format on */
#include "tests/prove/prove.h"
#include "drivers/qat/ring.h"

#define ENTRIES 8
#define DEPTH   3

static bool sound(const struct qat_ring *r)
{
	return r->rx_mask == ENTRIES * QAT_RESPONSE - 1 && r->rx_head <= r->rx_mask &&
	       r->rx_head % QAT_RESPONSE == 0 && r->rx_told <= r->rx_mask && r->rx_told % QAT_RESPONSE == 0 &&
	       r->depth == DEPTH && r->rx_late == (ENTRIES - DEPTH) * QAT_RESPONSE;
}

int main(void)
{
	struct qat_ring r;
	uint64_t rx[ENTRIES * QAT_RESPONSE / 8]; /* whatever the device writes */
	uint64_t flight[DEPTH], before[DEPTH], answer[4], any = any_u64();
	uint32_t head, tag;
	r.rx = (uint8_t *)rx;
	r.flight = flight;
	r.head = &head;
	assume(sound(&r) && any < DEPTH);
	for (unsigned i = 0; i < DEPTH; i++)
		before[i] = flight[i];
	uint64_t bad = r.bad;
	uint32_t at = r.rx_head;
	enum qat_took took = qat_ring_take(&r, &tag, answer);
	assert(sound(&r) && r.bad - bad == (took == QAT_BAD));
	assert(r.rx_head == (took == QAT_NONE ? at : (at + QAT_RESPONSE) % sizeof rx));
	if (took == QAT_TOOK) {
		assert(tag < DEPTH && flight[tag] == 0 && before[tag] == answer[1]);
		assert(FGET(before[tag], OPAQUE_RING) == FGET(r.serial, OPAQUE_RING));
	}
	if (took != QAT_TOOK || any != tag)
		assert(flight[any] == before[any]);
	if (took != QAT_NONE)
		assert((uint32_t)rx[at / 8] == QAT_SIGNATURE);
	qat_ring_release(&r);
	assert(sound(&r) && ((r.rx_head - r.rx_told) & r.rx_mask) < r.rx_late);
	return 0;
}
