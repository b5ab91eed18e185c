#include "apps/work/frame.h"
#include "apps/work/pattern.h"
#include "kernel/str.h"

#define TYPE_HI 0x88u /* local experimental: IEEE 802 §9.2.3 */
#define TYPE_LO 0xb5u
#define VLAN_HI 0x81u /* IEEE 802.1Q §9.6 */
#define SHORT   1514u
#define LONG_OF 16u /* one of so many frames is longer than SHORT */
#define VLAN_OF 4u  /* one of so many is tagged */

struct frame frame_of(unsigned from, unsigned to, uint64_t number)
{
	uint64_t seed = pattern_seed(from << 8 | to, 0x5ac, number);
	uint32_t most = seed >> 8 & (LONG_OF - 1) ? SHORT : FRAME_MOST;
	return (struct frame){.from = from,
			      .to = to,
			      .number = number,
			      .len = FRAME_LEAST +
				     (uint32_t)((seed >> 16 & 0xffffff) % (most - FRAME_LEAST + 1)),
			      .vlan = seed >> 40 & (VLAN_OF - 1) ? 0 : FRAME_VLAN,
			      .seed = seed};
}

/* Addresses, tag, type, zeros. */
static void head(uint8_t h[FRAME_HEAD], const struct frame *f, const uint8_t to[6], const uint8_t from[6])
{
	unsigned at = 12;
	memset(h, 0, FRAME_HEAD);
	memcpy(h, to, 6);
	memcpy(h + 6, from, 6);
	if (f->vlan) {
		h[at++] = VLAN_HI;
		h[at++] = 0;
		h[at++] = (uint8_t)(f->vlan >> 8);
		h[at++] = (uint8_t)f->vlan;
	}
	h[at++] = TYPE_HI;
	h[at] = TYPE_LO;
}

/* The buffer has room for the pattern's last 8 bytes as a whole. */
void frame_fill(uint8_t *p, const struct frame *f, const uint8_t to[6], const uint8_t from[6])
{
	head(p, f, to, from);
	pattern_fill(p + FRAME_HEAD, ALIGN_UP(f->len - FRAME_HEAD, 8), f->seed);
}

bool frame_is(const uint8_t *p, uint32_t len, const struct frame *f, const uint8_t to[6],
	      const uint8_t from[6])
{
	uint8_t h[FRAME_HEAD];
	uint64_t last, whole = ALIGN_DOWN(len - FRAME_HEAD, 8);
	if (len != f->len)
		return false;
	head(h, f, to, from);
	if (memcmp(p, h, sizeof h) != 0 || !pattern_check(p + FRAME_HEAD, whole, f->seed))
		return false;
	last = f->seed * (2 * (whole / 8) + 1); /* the pattern's next word */
	return memcmp(p + FRAME_HEAD + whole, &last, len - FRAME_HEAD - whole) == 0;
}
