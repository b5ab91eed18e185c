/* A USB controller and devices that do anything: descriptors, reports, events, plugs and faults in any order.
 * The driver comes to an end with each of them, and gives its memory back. */
#include <string.h>
#include "drivers/usb/usb.h"
#include "kernel/pmm.h"
#include "kernel/time.h"
#include "tests/model/xhci_model.h"
#include "tests/unit/support.h"

#define RAM     0x40000000ull
#define DEVICES 4u

static struct xhci_model m;
static struct usb u;
static struct xm_device device[DEVICES];
static struct span in;

static uint8_t byte(void)
{
	uint8_t v = span_u8(in, 0);
	in = span_sub(in, 1, in.n);
	return v;
}

static uint64_t word(void)
{
	uint64_t v = span_u64(in, 0);
	in = span_sub(in, 8, in.n);
	return v;
}

static void *reach(void *ctx, uint64_t iova, uint64_t len)
{
	(void)ctx;
	const struct dma_buf *b = &u.x.mem;
	bool inside = b->va && iova >= b->iova.v && iova - b->iova.v <= b->len &&
		      len <= b->len - (iova - b->iova.v);
	return inside ? (uint8_t *)b->va + (iova - b->iova.v) : NULL;
}

/* Addresses in events are near the rings, or anything. */
static void event(void)
{
	uint8_t how = byte();
	uint64_t param = word();
	uint32_t control = (uint32_t)word();
	if (how & 1)
		param = u.x.mem.iova.v + (param & 0x3fff0);
	if (how & 2)
		param = how & 4 ? u.x.slot[1].posted : u.x.control_last;
	xm_event(&m, param, (uint32_t)how << 24 | (uint32_t)(control & 0xff), control);
}

static void fault(void)
{
	struct xm_device *d = &device[byte() % DEVICES];
	uint8_t what = byte(), value = byte();
	switch (what % 7) {
	case 0:
		d->stalls = value % 16 - 1;
		break;
	case 1:
		d->bad_bits = value % 8;
		break;
	case 2:
		d->mute = value & 1;
		break;
	case 3:
		m.deaf_to = value & 0x3f;
		m.deaf_to_abort = value & 0x40;
		break;
	case 4:
		m.slot_says = value - 1;
		break;
	case 5:
		m.sts = value & 1 ? m.sts | BIT(value % 16) : m.sts;
		m.gone = value == 0xfe;
		break;
	default:
		m.flood = value & 1;
	}
}

static void step(void)
{
	uint8_t report[8];
	uint8_t op = byte();
	struct xm_device *d = &device[op >> 6], *other = &device[op >> 4 & 3];
	switch (op & 7) {
	case 0:
		event();
		break;
	case 1:
		for (unsigned i = 0; i < sizeof report; i++)
			report[i] = byte();
		xm_report(&m, d, report, op >> 2 & 8);
		break;
	case 2:
		xm_plug(&m, 1 + byte() % XM_PORTS, op & 8 ? d : NULL);
		break;
	case 3:
		d->config[byte() % 64] = byte();
		d->device[byte() % 18] = byte();
		d->hub[byte() % 9] = byte();
		break;
	case 4:
		xm_hub_plug(&m, d, 1 + byte() % 15, op & 8 ? other : NULL);
		break;
	case 5:
		fault();
		break;
	default:
		delay_us(byte() * 1000u);
		if (usb_poll(&u) && usb_read(&u) > 255)
			__builtin_trap();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static bool ready;
	support_clock_step = 100000;
	if (!ready && pmm_add(support_ram(PAGE_2M, RAM), PAGE_2M / PAGE_SIZE))
		__builtin_trap();
	ready = true;
	in = (struct span){p, n};
	xm_init(&m, reach, NULL);
	xm_keyboard(&device[0], 3);
	xm_keyboard(&device[1], 1);
	xm_hub(&device[2], 3, 15);
	xm_hub(&device[3], 1, 4);
	if (xhci_read(&u.x, &m.io, bdf_make(0, 0, 4, 0)) || xhci_take_over(&u.x) ||
	    xhci_start(&u.x, NULL, IOVA(0)))
		__builtin_trap();
	usb_start(&u);
	for (unsigned i = 0; in.n && i < 120; i++)
		step();
	if (xhci_close(&u.x) || pmm_used_pages())
		__builtin_trap();
	return 0;
}
