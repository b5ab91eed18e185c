/* Virtio devices as attackers, by one request at a time on queue 0. The entropy device writes random bytes to
 * any address. The block device is asked to read a sector far beyond its medium: it fetches the sector's
 * number from any address, and writes one byte, the status of that request, to any address. No request has
 * another type, whatever is fetched, so none writes the medium. Virtio 1.2 §2.7, §3.1, §4.1, §5.2, §5.4
 *
 * A device that does not offer VIRTIO_F_ACCESS_PLATFORM accesses memory past the IOMMU (§6): it is left out
 * where there is one. */
#include "drivers/strike/strike.h"
#include "kernel/fmt.h"
#include "kernel/str.h"
#include "kernel/time.h"

#define CAP_VENDOR 0x09u
#define CAP_LEN    16u
#define CAP_MORE   20u /* of notifications */
enum { CFG_TYPE = 3, CFG_BAR = 4, CFG_OFFSET = 8, CFG_LENGTH = 12, CFG_MULTIPLIER = 16 };
enum { TYPE_COMMON = 1, TYPE_NOTIFY = 2 };

/* struct virtio_pci_common_cfg: §4.1.4.3 */
enum { FEATURE_SELECT = 0x00, FEATURE = 0x04, DRIVER_SELECT = 0x08, DRIVER_FEATURE = 0x0c };
enum { CONFIG_VECTOR = 0x10, STATUS = 0x14, QUEUE_SELECT = 0x16, QUEUE_SIZE = 0x18, QUEUE_VECTOR = 0x1a };
enum { QUEUE_ENABLE = 0x1c, NOTIFY_OFF = 0x1e, DESC = 0x20, AVAIL = 0x28, USED = 0x30, COMMON_LEN = 0x38 };
#define ACKNOWLEDGE    1u
#define DRIVER         2u
#define DRIVER_OK      4u
#define FEATURES_OK    8u
#define NEEDS_RESET    0x40u
#define HIGH           1u /* features 63:32 */
#define HIGH_VERSION_1 1u
#define HIGH_PLATFORM  2u
#define NO_VECTOR      0xffffu
#define SLOTS          8u
#define NEXT           1u /* of a descriptor */
#define WRITES         2u
#define NO_INTERRUPT   1u /* of the available ring */

/* In the first page: descriptors, available ring, used ring, the head of a request to the block device. */
#define AVAIL_AT  128u
#define USED_AT   256u
#define HEAD_AT   512u
/* In the second: the status at its beginning, the sector. */
#define SECTOR_AT 1024u
#define SECTOR    512u
#define TYPE_LEN  4u
#define REST_LEN  12u
#define IN        0u
#define BEYOND    (1ull << 54) /* a sector that no medium has */
#define IOERR     1u
#define RNG_MOST  256u
#define RNG_LEAST 4u /* one random byte could be what was there before */

#define RESET_US  100000u
#define ANSWER_US 200000u /* an emulator answers when it has time */
#define FETCH_US  100000u /* where the answer cannot be looked at, and nothing says that it is over */

static uint32_t rd(const struct strike_dev *d, uint32_t reg, unsigned bytes)
{
	return strike_rd(&d->io, d->unit + reg, bytes);
}

static void wr(const struct strike_dev *d, uint32_t reg, unsigned bytes, uint32_t v)
{
	strike_wr(&d->io, d->unit + reg, bytes, v);
}

/* ---- where its registers are ---- */

/* A capability of that type that lies in its BAR, with len bytes at least; 0: there is none. */
static uint16_t structure(const struct pci_func *fn, uint8_t type, uint32_t len)
{
	unsigned room = type == TYPE_NOTIFY ? CAP_MORE : CAP_LEN;
	struct pci_cap cap = {0};
	while (pci_cap_next(fn, &cap) == SL_OK) {
		if (cap.id != CAP_VENDOR || cap.off + room > 0x100 || fn_rd8(fn, cap.off + CFG_TYPE) != type)
			continue;
		uint8_t bar = fn_rd8(fn, cap.off + CFG_BAR);
		uint64_t end = (uint64_t)fn_rd32(fn, cap.off + CFG_OFFSET) + len;
		if (bar < PCI_BARS && fn_rd32(fn, cap.off + CFG_LENGTH) >= len && end <= fn->bar[bar].size)
			return cap.off;
	}
	return 0;
}

static unsigned bar_of(const struct pci_func *fn)
{
	uint16_t cap = structure(fn, TYPE_COMMON, COMMON_LEN);
	return cap ? fn_rd8(fn, cap + CFG_BAR) : 0;
}

/* .unit: the common configuration; .word: the register that notifies queue 0, §4.1.4.4. */
static bool locate(struct strike_dev *d)
{
	uint16_t common = structure(d->fn, TYPE_COMMON, COMMON_LEN);
	uint16_t notify = structure(d->fn, TYPE_NOTIFY, 2);
	if (!common || !notify || fn_rd8(d->fn, common + CFG_BAR) != fn_rd8(d->fn, notify + CFG_BAR))
		return false;
	d->unit = fn_rd32(d->fn, common + CFG_OFFSET);
	wr(d, QUEUE_SELECT, 2, 0);
	uint64_t at = fn_rd32(d->fn, notify + CFG_OFFSET) +
		      (uint64_t)rd(d, NOTIFY_OFF, 2) * fn_rd32(d->fn, notify + CFG_MULTIPLIER);
	d->word = (uint32_t)at;
	return at + 2 <= d->io.len;
}

/* ---- a request ---- */

static bool reset(const struct strike_dev *d)
{
	wr(d, STATUS, 1, 0);
	return strike_wait(&d->io, d->unit + STATUS, 1, 0xff, 0, RESET_US);
}

static uint32_t offered(const struct strike_dev *d)
{
	wr(d, FEATURE_SELECT, 4, HIGH);
	return rd(d, FEATURE, 4);
}

/* §3.1.1, with queue 0 at base. Nothing but the two features is taken. */
static bool start(const struct strike_dev *d, uint64_t base, uint32_t vector)
{
	if (!reset(d))
		return false;
	wr(d, STATUS, 1, ACKNOWLEDGE);
	wr(d, STATUS, 1, ACKNOWLEDGE | DRIVER);
	wr(d, DRIVER_SELECT, 4, 0);
	wr(d, DRIVER_FEATURE, 4, 0);
	wr(d, DRIVER_SELECT, 4, HIGH);
	wr(d, DRIVER_FEATURE, 4, offered(d) & (HIGH_VERSION_1 | HIGH_PLATFORM));
	wr(d, STATUS, 1, ACKNOWLEDGE | DRIVER | FEATURES_OK);
	if (!(rd(d, STATUS, 1) & FEATURES_OK))
		return false;
	wr(d, CONFIG_VECTOR, 2, NO_VECTOR);
	wr(d, QUEUE_SELECT, 2, 0);
	wr(d, QUEUE_SIZE, 2, SLOTS);
	wr(d, QUEUE_VECTOR, 2, vector);
	strike_wr_addr(&d->io, d->unit + DESC, base);
	strike_wr_addr(&d->io, d->unit + AVAIL, base + AVAIL_AT);
	strike_wr_addr(&d->io, d->unit + USED, base + USED_AT);
	wr(d, QUEUE_ENABLE, 2, 1);
	wr(d, STATUS, 1, ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK);
	return true;
}

static void put_desc(uint8_t *page, unsigned i, uint64_t at, uint32_t len, uint32_t flags)
{
	uint64_t *desc = (uint64_t *)(void *)(page + 16 * i);
	desc[0] = at;
	desc[1] = len | (uint64_t)flags << 32 | (flags & NEXT ? (uint64_t)(i + 1) << 48 : 0);
}

static void put_rest(void *place)
{
	static const uint64_t beyond = BEYOND;
	memset(place, 0, TYPE_LEN);
	memcpy((uint8_t *)place + TYPE_LEN, &beyond, sizeof beyond);
}

/* Everything in a page that the device has at base. rest: where the block device finds the rest of the
 * request's head; status: where it writes, as the entropy device does. */
static void put_request(const struct strike_dev *d, uint8_t *page, uint64_t base, uint64_t rest,
			uint64_t status, uint32_t len, bool interrupts)
{
	uint16_t *avail = (uint16_t *)(void *)(page + AVAIL_AT);
	memset(page, 0, HEAD_AT + TYPE_LEN + REST_LEN);
	avail[0] = (uint16_t)(interrupts ? 0 : NO_INTERRUPT);
	avail[1] = 1;
	if (d->class == &strike_class_vrng) {
		put_desc(page, 0, status, len, WRITES);
		return;
	}
	page[HEAD_AT] = IN;
	put_rest(page + HEAD_AT + TYPE_LEN);
	put_desc(page, 0, base + HEAD_AT, TYPE_LEN, NEXT);
	put_desc(page, 1, rest ? rest : base + HEAD_AT + TYPE_LEN, REST_LEN, NEXT);
	put_desc(page, 2, base + PAGE_SIZE + SECTOR_AT, SECTOR, NEXT | WRITES);
	put_desc(page, 3, status, 1, WRITES);
}

static bool used(const uint8_t *page)
{
	return page && ((const volatile uint16_t *)(const void *)(page + USED_AT))[1];
}

/* SL_OK also when nothing came of it. page: the rings, NULL where they are not ours to look at. */
static enum sl_err run(const struct strike_dev *d, uint64_t base, const uint8_t *page, uint32_t vector)
{
	if (!start(d, base, vector))
		return SL_TIMEOUT;
	strike_wr(&d->io, d->word, 2, 0);
	for (struct deadline end = deadline_in(page ? ANSWER_US : FETCH_US); deadline_look(&end);)
		if (used(page) || rd(d, STATUS, 1) & NEEDS_RESET || (!page && strike_over(&d->io)))
			break;
	return reset(d) ? SL_OK : SL_TIMEOUT;
}

static uint64_t brought_at(const struct strike_dev *d)
{
	return d->mem.iova.v + PAGE_SIZE;
}

static enum sl_err request(const struct strike_dev *d, uint64_t rest, uint64_t status, uint32_t len,
			   uint32_t vector)
{
	put_request(d, d->mem.va, d->mem.iova.v, rest, status, len, vector != NO_VECTOR);
	return run(d, d->mem.iova.v, d->mem.va, vector);
}

static enum sl_err write(struct strike_dev *d, uint64_t at, uint32_t len)
{
	return request(d, 0, at, len < d->class->write_most ? len : d->class->write_most, NO_VECTOR);
}

static void bait(const struct strike_dev *d, void *place)
{
	(void)d;
	put_rest(place);
}

/* Zeros would be the number of a sector that there is. */
static enum sl_err read(struct strike_dev *d, uint64_t at)
{
	*strike_brought(d) = 0;
	return request(d, at, brought_at(d), 1, NO_VECTOR);
}

static bool obeyed(const struct strike_dev *d)
{
	return *(volatile uint8_t *)strike_brought(d) == IOERR;
}

static void lay(const struct strike_dev *d, void *place, uint64_t at)
{
	put_request(d, place, at, 0, at + PAGE_SIZE, d->class->write_most, false);
}

static enum sl_err fetch(struct strike_dev *d, uint64_t at)
{
	return run(d, at, NULL, NO_VECTOR);
}

static enum sl_err kick(struct strike_dev *d)
{
	return request(d, 0, brought_at(d), d->class->write_most, 0);
}

static bool is_zero(const volatile uint8_t *p, uint32_t n)
{
	while (n && !p[n - 1])
		n--;
	return !n;
}

static enum sl_err open(struct strike_dev *d, const char **why)
{
	*why = "it has no registers of virtio 1.0 in one BAR";
	if (!locate(d))
		return SL_UNSUPPORTED;
	*why = "it does not come out of its reset";
	if (!reset(d))
		return SL_TIMEOUT;
	uint32_t high = offered(d);
	*why = "it has no registers of virtio 1.0 in one BAR";
	if (!(high & HIGH_VERSION_1))
		return SL_UNSUPPORTED;
	*why = "it accesses memory past the IOMMU (no VIRTIO_F_ACCESS_PLATFORM): nothing restricts its DMA";
	d->past = !(high & HIGH_PLATFORM) && d->mem.dom;
	if (d->past)
		return SL_UNSUPPORTED;
	*why = "it does not answer a request";
	memset(strike_brought(d), 0, d->class->write_most);
	enum sl_err e = write(d, brought_at(d), d->class->write_most);
	return e ? e : is_zero(strike_brought(d), d->class->write_most) ? SL_DEVICE : SL_OK;
}

static void close(struct strike_dev *d)
{
	(void)reset(d);
}

static void said(const struct strike_dev *d, char *buf, size_t n)
{
	fmt_print(buf, n, "len %x",
		  ((const volatile uint32_t *)(const void *)((uint8_t *)d->mem.va + USED_AT))[2]);
}

#define VIRTIO                                                                                               \
	.bar_of = bar_of, .write_align = 1, .read_align = 1, .open = open, .close = close, .write = write,   \
	.lay = lay, .fetch = fetch, .kick = kick, .said = said

#define REDHAT 0x1af4u

/* Both with their ids in transitional devices, too: §4.1.2.1. */
const struct strike_class strike_class_vrng = {
	.name = "vrng",
	.ids = (const struct strike_id[]){{REDHAT, 0x1005}, {REDHAT, 0x1044}, {0}},
	.write_most = RNG_MOST,
	VIRTIO};
const struct strike_class strike_class_vblk = {
	.name = "vblk",
	.ids = (const struct strike_id[]){{REDHAT, 0x1001}, {REDHAT, 0x1042}, {0}},
	.write_most = 1,
	.bait = bait,
	.read = read,
	.obeyed = obeyed,
	VIRTIO};
