/* drivers/xhci and drivers/usb against a model of a controller and of devices: keyboards, hubs, and what
 * hostile ones do. */
#include <string.h>
#include "drivers/usb/device.h"
#include "drivers/usb/usb.h"
#include "drivers/xhci/port.h"
#include "kernel/pmm.h"
#include "kernel/time.h"
#include "tests/model/xhci_model.h"
#include "tests/unit/support.h"
#include "tests/unit/support_said.h"
#include "tests/unit/test.h"

#define RAM 0x340000000ull /* both halves of an address count */
#define FN  bdf_make(0, 0, 0x14, 0)

static struct xhci_model m;
static struct usb u;
static struct xm_device keyboard, mouse, hub[8];

static void *reach(void *ctx, uint64_t iova, uint64_t len)
{
	struct xhci *x = ctx;
	const struct dma_buf *bufs[] = {&x->mem, &x->scratch};
	for (unsigned i = 0; i < 2; i++)
		if (bufs[i]->va && iova >= bufs[i]->iova.v && iova + len <= bufs[i]->iova.v + bufs[i]->len)
			return (uint8_t *)bufs[i]->va + (iova - bufs[i]->iova.v);
	return NULL;
}

static int group(void **state)
{
	(void)state;
	phys_t ram = support_ram(8 * PAGE_2M, RAM);
	return pmm_add(ram, 8 * PAGE_2M / PAGE_SIZE);
}

static int setup(void **state)
{
	(void)state;
	said_start();
	support_clock_step = 100;
	xm_init(&m, reach, &u.x);
	memset(&u, 0, sizeof u);
	xm_keyboard(&keyboard, 3);
	xm_mouse(&mouse, 1);
	return 0;
}

/* Whatever happened, the driver did nothing that is forbidden, and all memory comes back. */
static int teardown(void **state)
{
	(void)state;
	if (m.errors)
		print_error("the driver's mistake: %s\n", m.error);
	assert_int_equal(m.errors, 0);
	assert_int_equal(xhci_close(&u.x), SL_OK);
	assert_int_equal(pmm_used_pages(), 0);
	return 0;
}

static void settle(void)
{
	unsigned n = 0;
	while (usb_poll(&u))
		assert_true(++n < 2000);
}

static void open_controller(void)
{
	assert_null(xhci_read(&u.x, &m.io, FN));
	assert_int_equal(xhci_take_over(&u.x), SL_OK);
	assert_int_equal(xhci_start(&u.x, NULL, IOVA(0)), SL_OK);
	usb_start(&u);
	settle();
}

/* All that comes in some polls. */
static const char *typed(void)
{
	static char text[2048];
	unsigned n = 0;
	for (unsigned i = 0; i < sizeof text - 1; i++) {
		int c = usb_read(&u);
		if (c >= 0)
			text[n++] = (char)c;
		if (c < 0 && i > 200)
			break;
	}
	text[n] = 0;
	return text;
}

static void press(uint8_t mods, uint8_t key)
{
	const uint8_t down[8] = {mods, 0, key}, up[8] = {0};
	xm_report(&m, &keyboard, down, 8);
	xm_report(&m, &keyboard, up, 8);
}

static void assert_types(void)
{
	press(0x02, 0x0b);
	press(0, 0x0c);
	press(0, 0x52);
	press(0x10, 0x06);
	press(0, 0x28);
	assert_string_equal(typed(), "Hi\x1b[A\x03\r");
}

static void test_keyboard(void **state)
{
	(void)state;
	m.hcs2 = 3u << 27;
	xm_plug(&m, 5, &keyboard);
	open_controller();
	assert_said("port 5: a keyboard, 0627:0001");
	assert_int_equal(keyboard.protocol_sets, 1);
	assert_int_equal(keyboard.idle_sets, 1);
	assert_int_equal(keyboard.configuration, 1);
	assert_int_equal(m.slot[1].interval, 9);
	assert_int_equal(m.slot[1].hub_ports | m.slot[1].ttt, 0);
	assert_types();
	xhci_halt(&u.x);
	assert_int_equal(m.cmd & 1, 0);
	assert_not_said("it does not");
	assert_int_equal(m.slot[1].on, false);
}

/* Contexts of 64 bytes; full speed with an endpoint 0 of 64 bytes, which the controller is told. */
static void test_full_speed(void **state)
{
	(void)state;
	m.hcc1 |= 4;
	xm_keyboard(&keyboard, 1);
	keyboard.device[7] = 64;
	xm_plug(&m, 1, &keyboard);
	open_controller();
	assert_int_equal(m.slot[1].mps0, 64);
	assert_int_equal(m.slot[1].interval, 6);
	assert_types();
}

/* What stood in the driver's memory before counts no more. */
static void test_clean_start(void **state)
{
	(void)state;
	memset(u.dev, 0x11, sizeof u.dev);
	memset(u.tried, 0xff, sizeof u.tried);
	memset(&u.keys, 0x11, sizeof u.keys);
	keyboard.device[9] = 0xab, keyboard.device[11] = 0xcd;
	xm_plug(&m, 8, &keyboard); /* the last port */
	assert_null(xhci_read(&u.x, &m.io, FN));
	assert_int_equal(xhci_take_over(&u.x), SL_OK);
	for (unsigned p = 1; p <= XM_PORTS; p++)
		m.portsc[p] &= ~0x200u;
	assert_int_equal(xhci_start(&u.x, NULL, IOVA(0)), SL_OK);
	for (unsigned p = 1; p <= XM_PORTS; p++)
		assert_int_equal(m.portsc[p] & 0x200, 0x200); /* powered */
	m.portsc[8] &= ~(1u << 17); /* nothing has changed since the firmware looked */
	usb_start(&u);
	settle();
	for (unsigned i = 0; i <= XHCI_SLOTS; i++)
		assert_int_equal(u.dev[i].kind, i == 1 ? USB_KEYBOARD : USB_OTHER);
	assert_said("port 8: a keyboard, ab27:cd01");
	assert_int_equal(u.patience, 511);
	assert_types();
	uint64_t writes = m.writes; /* with nothing to do, nothing is written */
	for (unsigned i = 0; i < 10; i++)
		assert_false(usb_poll(&u));
	assert_int_equal(m.writes, writes);
	xm_plug(&m, 8, NULL);
	settle();
	assert_said("port 8: the keyboard is gone");
	assert_int_equal(u.dev[1].kind, USB_OTHER);
	xm_plug(&m, 8, &keyboard);
	settle();
	assert_int_equal(u.patience, 510);
	assert_types();
	keyboard.mute = true; /* a failure counts as many */
	xm_plug(&m, 8, NULL);
	settle();
	xm_plug(&m, 8, &keyboard);
	settle();
	assert_int_equal(u.patience, 509 - 8);
	assert_false(m.slot[2].on);
	assert_int_equal(u.x.strays, 0);
}

/* As many devices as there are slots; the last one works, one more has no room. */
static void test_all_slots(void **state)
{
	static struct xm_device many[XHCI_SLOTS + 1];
	unsigned n = 0;
	(void)state;
	for (unsigned h = 0; n < XHCI_SLOTS - 2; h++) {
		xm_hub(&hub[h], 3, 15);
		for (unsigned p = 1; p <= 15; p++) {
			xm_keyboard(&many[n], 3);
			xm_hub_plug(&m, &hub[h], p, &many[n++ % ARRAY_LEN(many)]);
			if (n == XHCI_SLOTS)
				break;
		}
		xm_plug(&m, 1 + h, &hub[h]);
	}
	open_controller();
	unsigned hubs = 0;
	for (unsigned i = 1; i <= XHCI_SLOTS; i++) {
		assert_true(m.slot[i].on);
		hubs += u.dev[i].kind == USB_HUB;
	}
	assert_int_equal(usb_keyboards(&u), XHCI_SLOTS - hubs);
	assert_said("the device is left out: no room left");
	assert_int_equal(u.dev[XHCI_SLOTS].kind, USB_KEYBOARD);
	const uint8_t down[8] = {0, 0, 0x04}, up[8] = {0};
	xm_report(&m, m.slot[XHCI_SLOTS].dev, down, 8);
	xm_report(&m, m.slot[XHCI_SLOTS].dev, up, 8);
	assert_string_equal(typed(), "a");
}

/* How often an endpoint is asked, by its descriptor and its speed: §6.2.3.6. */
static void test_intervals(void **state)
{
	static const struct {
		unsigned speed, b, want;
	} rows[] = {{3, 0, 0},  {3, 1, 0},  {3, 4, 3},   {3, 16, 15},  {3, 17, 15}, {3, 255, 15}, {1, 0, 3},
		    {1, 1, 3},  {1, 2, 4},  {1, 3, 4},   {1, 4, 5},    {1, 7, 5},   {2, 8, 6},    {2, 16, 7},
		    {2, 63, 8}, {2, 64, 9}, {2, 127, 9}, {1, 128, 10}, {1, 255, 10}};
	(void)state;
	open_controller();
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		xm_keyboard(&keyboard, rows[i].speed);
		keyboard.config[29] = i % 2 ? 0x8f : 0x81; /* the last endpoint number, and the first */
		keyboard.config[33] = (uint8_t)rows[i].b;
		xm_plug(&m, 2, &keyboard);
		settle();
		assert_true(m.slot[1].on);
		assert_int_equal(m.slot[1].interval, rows[i].want);
		assert_int_equal(m.slot[1].dci, i % 2 ? 31 : 3);
		assert_int_equal(keyboard.configuration, keyboard.config[5]);
		assert_types();
		xm_plug(&m, 2, NULL);
		settle();
	}
}

/* A command that fails while a device is set up: it is left out, and its slot is free. */
static void test_failed_commands(void **state)
{
	static const unsigned types[] = {11, 12, 14, 16};
	(void)state;
	open_controller();
	for (unsigned i = 0; i < 2 * ARRAY_LEN(types); i++) {
		struct xm_device *d = i % 2 ? &hub[0] : &keyboard;
		xm_keyboard(&keyboard, 3);
		xm_hub(&hub[0], 3, 4);
		said_clear();
		d->stalls = i >= 4 ? 9 : -1; /* a stall needs 14 and 16 */
		m.fail_command = types[i / 2];
		m.fail_code = 17;
		xm_plug(&m, 2, d);
		settle();
		assert_said("port 2: the device is left out: device reported an error");
		for (unsigned k = 1; k <= XM_SLOTS; k++)
			assert_false(m.slot[k].on);
		assert_int_equal(usb_keyboards(&u), 0);
		m.fail_command = 0;
		xm_plug(&m, 2, NULL);
		settle();
	}
	assert_null(u.x.dead);
	for (unsigned bad = 2; bad <= 3; bad++) { /* transactions that end in an error: two more tries */
		xm_keyboard(&keyboard, 3);
		keyboard.bad_bits = bad;
		said_clear();
		xm_plug(&m, 2, &keyboard);
		settle();
		assert_int_equal(usb_keyboards(&u), bad == 2);
		if (bad == 3)
			assert_said("port 2: the device is left out: device reported an error");
		xm_plug(&m, 2, NULL);
		settle();
	}
	/* What no descriptor can ask for. */
	xm_keyboard(&keyboard, 3);
	xm_plug(&m, 2, &keyboard);
	settle();
	static const struct xhci_endpoint wrong[] = {{0, 8, 1}, {16, 8, 1}, {1, 0, 1}, {1, 513, 1}};
	for (unsigned i = 0; i < ARRAY_LEN(wrong); i++)
		assert_int_equal(xhci_slot_configure(&u.x, 1, &wrong[i], 0, 0), SL_BADVAL);
	static uint8_t buf[PAGE_SIZE + 1];
	const struct xhci_request longer = {0x80, 6, 0x200, 0, PAGE_SIZE + 1};
	assert_int_equal(xhci_control(&u.x, 1, &longer, buf), SL_RANGE);
	assert_types();
	/* A line says when the last attempt is used up. */
	xm_plug(&m, 2, NULL);
	settle();
	said_clear();
	u.patience = 9;
	keyboard.mute = true;
	xm_plug(&m, 2, &keyboard);
	settle();
	assert_said("too many devices have come and gone or failed");
	assert_int_equal(u.patience, 0);
}

static void test_no_memory(void **state)
{
	static phys_t page[8 * 512];
	unsigned n = 0;
	(void)state;
	assert_null(xhci_read(&u.x, &m.io, FN));
	assert_int_equal(xhci_take_over(&u.x), SL_OK);
	while (n < ARRAY_LEN(page) && pmm_alloc(1, PAGE_SIZE, &page[n]) == SL_OK)
		n++;
	assert_int_equal(xhci_start(&u.x, NULL, IOVA(0)), SL_NOMEM);
	while (n)
		pmm_free(page[--n], 1);
	assert_int_equal(m.cmd & 1, 0);
}

/* A port whose reset ends and which is not enabled then. */
static void test_port_stays_off(void **state)
{
	(void)state;
	m.never_enables = true;
	xm_plug(&m, 2, &keyboard);
	open_controller();
	assert_said("port 2: the device is left out: not there");
	assert_int_equal(m.commands[9], 0);
	m.never_enables = false;
	xm_plug(&m, 2, NULL);
	settle();
	xm_plug(&m, 2, &keyboard);
	settle();
	assert_types();
}

/* A ring begins empty, and ends with its last TRB, which leads back. */
static void test_ring(void **state)
{
	static struct xhci_trb trb[9];
	struct xhci_ring r;
	(void)state;
	memset(trb, 0xee, sizeof trb);
	xhci_ring_init(&r, trb, 0x500001000, 8);
	for (unsigned i = 0; i < 9; i++) {
		assert_int_equal(trb[i].control, i < 8 ? 0 : 0xeeeeeeee);
		assert_true(i == 8 || (!trb[i].param && !trb[i].status));
	}
	for (unsigned i = 0; i < 30; i++) {
		uint64_t where = xhci_ring_push(&r, 0x1234567890ull + i, i, 0x5400);
		unsigned at = i % 7, cycle = !(i / 7 % 2);
		assert_int_equal(where, 0x500001000 + 16 * at);
		assert_true(trb[at].param == 0x1234567890ull + i && trb[at].status == i);
		assert_int_equal(trb[at].control, 0x5400 | cycle);
		if (at == 6)
			assert_true(trb[7].param == 0x500001000 && !trb[7].status &&
				    trb[7].control == (6u << 10 | 2 | cycle));
		assert_int_equal(xhci_ring_dequeue(&r),
				 at == 6 ? 0x500001000 | !cycle : (where + 16) | cycle);
	}
	assert_int_equal(trb[8].control, 0xeeeeeeee);
}

/* Descriptors, each byte by byte. */
static struct usb_interface found;

static enum sl_err find(const uint8_t *bytes, size_t n)
{
	return usb_find_interface((struct span){bytes, n}, &found);
}

static void test_descriptors(void **state)
{
	(void)state;
	uint8_t d[9 + 9 + 7] = {9, 2, 25, 0, 1, 3, 0, 0,    0, 9, 4,    2, 0,
				1, 3, 1,  1, 0, 7, 5, 0x8f, 3, 8, 0xf8, 10};
	unsigned length = 0;
	assert_int_equal(find(d, sizeof d), SL_OK);
	assert_true(found.kind == USB_KEYBOARD && found.configuration == 3 && found.number == 2);
	assert_true(found.endpoint == 15 && found.max == 8 && found.interval == 10);
	for (unsigned n = 0; n < sizeof d; n++) {
		enum sl_err want = n < 9                                     ? SL_BADVAL
				   : n == 9 || n == 18 || n == 10 || n == 19 ? SL_OK
									     : SL_TRUNC;
		assert_int_equal(find(d, n), want);
		assert_int_equal(found.kind, USB_OTHER);
	}
	static const struct {
		unsigned at, value;
		enum usb_kind kind;
	} rows[] = {{9, 8, USB_OTHER},     {10, 5, USB_OTHER},    {12, 1, USB_OTHER}, {14, 9, USB_HUB},
		    {14, 8, USB_OTHER},    {15, 0, USB_OTHER},    {16, 2, USB_OTHER}, {18, 6, USB_OTHER},
		    {19, 4, USB_OTHER},    {20, 0x0f, USB_OTHER}, {21, 2, USB_OTHER}, {21, 1, USB_OTHER},
		    {21, 7, USB_KEYBOARD}, {23, 0, USB_KEYBOARD}};
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		uint8_t was = d[rows[i].at];
		d[rows[i].at] = (uint8_t)rows[i].value;
		(void)!find(d, sizeof d);
		assert_int_equal(found.kind, rows[i].kind);
		d[rows[i].at] = was;
	}
	d[23] = 0x07; /* bytes beyond 11 bits are none */
	assert_int_equal(find(d, sizeof d), SL_OK);
	assert_int_equal(found.max, 0x708);
	for (unsigned n = 0; n < 600; n++) {
		d[2] = (uint8_t)n, d[3] = (uint8_t)(n >> 8);
		assert_int_equal(usb_config_length((struct span){d, 9}, &length), n < 9 ? SL_BADVAL : SL_OK);
		assert_int_equal(length, n < USB_CONFIG_MAX ? n : USB_CONFIG_MAX);
	}
	assert_int_equal(usb_config_length((struct span){d, 8}, &length), SL_BADVAL);
	d[0] = 8;
	assert_int_equal(usb_config_length((struct span){d, 9}, &length), SL_BADVAL);
	d[0] = 10;
	assert_int_equal(usb_config_length((struct span){d, 9}, &length), SL_OK);
}

/* Two hubs, a mouse beside: the high-speed one translates for what is below the slower one too. */
static void test_hubs(void **state)
{
	(void)state;
	xm_hub(&hub[0], 3, 8);
	xm_hub(&hub[1], 1, 4);
	hub[0].hub[3] = 0x40; /* TT Think Time: 2 */
	xm_keyboard(&keyboard, 2);
	xm_plug(&m, 6, &hub[0]);
	xm_hub_plug(&m, &hub[0], 1, &mouse);
	xm_hub_plug(&m, &hub[0], 3, &hub[1]);
	xm_hub_plug(&m, &hub[1], 2, &keyboard);
	open_controller();
	assert_said("port 6.3.2: a keyboard");
	assert_int_equal(usb_keyboards(&u), 1);
	for (unsigned p = 1; p <= 9; p++) { /* each is powered, and has told all that has changed */
		assert_int_equal(hub[0].status[p] >> 8 & 1, p <= 8);
		assert_int_equal(hub[1].status[p] >> 8 & 1, p <= 4);
		assert_int_equal(hub[0].status[p] >> 16 | hub[1].status[p] >> 16, 0);
	}
	xm_report(&m, &hub[1], "\x40", 1); /* of a port that it does not have */
	settle();
	assert_not_said("does not answer");
	assert_int_equal(usb_keyboards(&u), 1);
	for (unsigned i = 1; i <= XM_SLOTS; i++) {
		const struct xm_slot *s = &m.slot[i];
		if (s->dev == &hub[0])
			assert_true(s->hub_ports == 8 && s->ttt == 2);
		if (s->dev != &keyboard)
			continue;
		assert_int_equal(s->route, 0x23);
		assert_int_equal(s->tt_port, 3);
		assert_ptr_equal(m.slot[s->tt_slot].dev, &hub[0]);
	}
	assert_types();
	/* The hub in the middle goes, with the keyboard; and comes back. */
	xm_hub_plug(&m, &hub[0], 3, NULL);
	settle();
	assert_said("port 6.3.2: the keyboard is gone");
	assert_int_equal(usb_keyboards(&u), 0);
	xm_hub_plug(&m, &hub[0], 3, &hub[1]);
	hub[1].status[2] = 1u << 16 | 1;
	settle();
	assert_types();
}

/* As often as it likes, longer than every ring: commands, events, control transfers and reports. */
static void test_plugged_again(void **state)
{
	(void)state;
	xm_plug(&m, 2, &keyboard);
	open_controller();
	for (unsigned i = 0; i < 60; i++) {
		xm_plug(&m, 2, NULL);
		settle();
		assert_int_equal(usb_keyboards(&u), 0);
		xm_plug(&m, 2, &keyboard);
		settle();
		assert_types();
	}
	for (unsigned i = 0; i < 100; i++)
		assert_types();
	assert_true(m.commands[11] == 61 && m.events > 1000);
	assert_int_equal(u.x.strays, 0);
}

/* A hub whose requests go round the ring of endpoint 0 many times: the Link TRB comes between any two stages.
 */
static void test_ring_wraps(void **state)
{
	(void)state;
	xm_hub(&hub[0], 1, 7);
	xm_plug(&m, 1, &hub[0]);
	open_controller();
	for (unsigned i = 0; i < 150; i++) {
		xm_hub_plug(&m, &hub[0], 1 + i % 7, NULL);
		settle();
		assert_int_equal(hub[0].status[1 + i % 7] >> 16, 0);
	}
	assert_not_said("left out");
	assert_not_said("answer");
}

static void test_repeats(void **state)
{
	(void)state;
	const uint8_t down[8] = {0, 0, 0x04}, up[8] = {0};
	xm_plug(&m, 2, &keyboard);
	open_controller();
	support_clock_step = 1;
	xm_report(&m, &keyboard, down, 8);
	assert_string_equal(typed(), "a");
	delay_us(500000);
	assert_string_equal(typed(), "");
	delay_us(200000);
	assert_string_equal(typed(), "a");
	delay_us(50000);
	assert_string_equal(typed(), "a");
	xm_report(&m, &keyboard, up, 8);
	delay_us(500000);
	assert_string_equal(typed(), "");
}

/* Too many keys: all of them are 01h, and what was down before stays down. Short and long reports. */
static void test_reports(void **state)
{
	(void)state;
	const uint8_t a[8] = {0, 0, 0x04}, phantom[8] = {0, 0, 1, 1, 1, 1, 1, 1}, ab[8] = {0, 0, 0x05, 0x04};
	const uint8_t all[8] = {0, 0, 0xff, 0xfe, 0xe8, 0xa5, 0x70, 0x65}, caps[8] = {0, 0, 0x39};
	xm_plug(&m, 2, &keyboard);
	open_controller();
	xm_report(&m, &keyboard, a, 8);
	xm_report(&m, &keyboard, phantom, 8);
	xm_report(&m, &keyboard, ab, 8);
	assert_string_equal(typed(), "ab");
	xm_report(&m, &keyboard, all, 8);
	xm_report(&m, &keyboard, all, 0);
	xm_report(&m, &keyboard, all, 1);
	assert_string_equal(typed(), "");
	xm_report(&m, &keyboard, caps, 8);
	press(0, 0x04);
	press(0x20, 0x04);
	press(0, 0x1e);
	assert_string_equal(typed(), "Aa1");
	for (unsigned i = 0; i < 100; i++) { /* nobody reads */
		press(0, 0x04);
		usb_poll(&u);
		usb_poll(&u);
	}
	assert_int_equal(strlen(typed()), USB_KEYS_MAX);
}

/* Set Idle may stall; what is needed may not. Errors on the bus are tried again, and end at some time. */
static void test_stalls(void **state)
{
	(void)state;
	keyboard.stalls = 10;
	xm_plug(&m, 2, &keyboard);
	open_controller();
	assert_types();
	xm_plug(&m, 2, NULL);
	settle();
	keyboard.stalls = 6;
	xm_plug(&m, 2, &keyboard);
	settle();
	assert_said("port 2: the device is left out: not supported");
	xm_plug(&m, 2, NULL);
	keyboard.stalls = -1;
	keyboard.bad_bits = 2;
	xm_plug(&m, 2, &keyboard);
	settle();
	assert_types();
	keyboard.bad_bits = 2; /* in reports */
	press(0, 0x04);
	press(0, 0x05);
	assert_string_equal(typed(), "b");
	keyboard.bad_bits = 1000;
	press(0, 0x04);
	press(0, 0x05);
	assert_string_equal(typed(), "");
	assert_said("port 2: the device does not answer any more");
	assert_int_equal(usb_keyboards(&u), 0);
}

/* Devices that are left out, and why; the next one works. */
static void test_bad_devices(void **state)
{
	static const struct {
		unsigned at, value;
		unsigned sends;
		const char *why;
	} rows[] = {
		{0, 2, 0, "reserved or impossible value"},     /* a configuration descriptor of 2 bytes */
		{1, 5, 0, "reserved or impossible value"},     /* of another type */
		{2, 8, 34, "reserved or impossible value"},    /* of 8 bytes in all */
		{9, 0, 0, "structure runs past its end"},      /* a descriptor of length 0 */
		{9, 1, 0, "structure runs past its end"},      /* and 1 */
		{27, 8, 0, "structure runs past its end"},     /* past the end */
		{3, 0xff, 34, "structure runs past its end"},  /* says 65 KB, and sends what there is */
		{31, 0, 0, "reserved or impossible value"},    /* an endpoint without bytes */
		{32, 7, 0, "reserved or impossible value"},    /* of 1800 bytes */
		{29, 0x80, 0, "reserved or impossible value"}, /* number 0 */
		{0, 9, 33, "structure runs past its end"},     /* sends less than it says */
		{0, 9, 3, "structure runs past its end"},
	};
	(void)state;
	open_controller();
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		said_clear();
		xm_keyboard(&keyboard, 3);
		keyboard.config[rows[i].at] = (uint8_t)rows[i].value;
		keyboard.config_bytes = rows[i].sends;
		xm_plug(&m, 2, &keyboard);
		settle();
		assert_said("port 2: the device is left out: ");
		assert_said(rows[i].why);
		xm_plug(&m, 2, NULL);
		settle();
	}
	xm_keyboard(&keyboard, 3);
	xm_plug(&m, 2, &keyboard);
	settle();
	assert_types();
	xm_keyboard(&mouse, 1);
	mouse.device[7] = 7; /* endpoint 0 of 7 bytes */
	xm_plug(&m, 3, &mouse);
	settle();
	assert_said("port 3: the device is left out: reserved");
}

/* No answer at all; a device of a speed that is not looked at; interfaces that are none of a keyboard. */
static void test_others(void **state)
{
	(void)state;
	keyboard.mute = true;
	xm_plug(&m, 2, &keyboard);
	xm_plug(&m, 3, &mouse);
	xm_keyboard(&hub[0], 4);
	xm_plug(&m, 4, &hub[0]);
	open_controller();
	assert_said("port 2: the device is left out: device reported an error");
	assert_not_said("port 3");
	assert_not_said("port 4");
	assert_int_equal(usb_keyboards(&u), 0);
	for (unsigned i = 1; i <= XM_SLOTS; i++)
		assert_false(m.slot[i].on);
	xm_keyboard(&keyboard, 3);
	keyboard.config[12] = 1; /* another setting of the interface */
	xm_plug(&m, 2, &keyboard);
	xm_keyboard(&mouse, 3);
	mouse.config[29] = 1; /* OUT */
	xm_plug(&m, 3, &mouse);
	settle();
	assert_int_equal(usb_keyboards(&u), 0);
}

static void test_many_ports(void **state)
{
	(void)state;
	xm_hub(&hub[0], 3, 255);
	hub[0].ports = 15;
	hub[0].child[15] = &keyboard;
	hub[0].status[15] = 1u << 16 | 1;
	xm_plug(&m, 1, &hub[0]);
	open_controller();
	assert_said("port 1.15: a keyboard");
	assert_int_equal(m.slot[1].hub_ports, 15);
	assert_types();
}

static void loop(unsigned ports)
{
	xm_hub(&hub[0], 3, ports);
	for (unsigned i = 1; i <= ports; i++) {
		hub[0].child[i] = &hub[0];
		hub[0].status[i] = 1u << 16 | 1;
	}
	xm_plug(&m, 1, &hub[0]);
}

/* A hub that has itself below it: hubs in a row end at the fifth, and looking at them ends too. */
static void test_hub_loop(void **state)
{
	(void)state;
	loop(1);
	open_controller();
	assert_said("port 1.1.1.1.1.1: the device is left out: address or number out of range");
	xm_plug(&m, 1, NULL);
	settle();
	loop(2);
	settle();
	assert_said("the device is left out: no room left");
	for (unsigned i = 0; i < 100; i++) {
		hub[0].status[1] |= 1u << 16;
		hub[0].status[2] |= 1u << 16;
		xm_report(&m, &hub[0], "\x06", 1);
		settle();
	}
	assert_said("too many devices have come and gone or failed");
	assert_true(m.commands[9] <= 513);
	xm_plug(&m, 1, NULL);
	settle();
	for (unsigned i = 1; i <= XM_SLOTS; i++)
		assert_false(m.slot[i].on);
}

static void test_hub_answers(void **state)
{
	static const struct {
		unsigned at, value;
		bool short_status, never_reset;
		int stalls;
		const char *why;
	} rows[] = {
		{1, 0x2a, false, false, -1, "port 1: the device is left out: reserved"},
		{2, 0, false, false, -1, "port 1: the device is left out: reserved"},
		{0, 5, false, false, -1, "port 1: the device is left out: structure"},
		{0, 9, true, false, -1, "port 1: the device does not answer any more"},
		{0, 9, false, true, -1, "port 1.2: the device is left out: hardware did not answer"},
		{0, 9, false, false, 0, "port 1: the device does not answer any more"},
	};
	(void)state;
	open_controller();
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		said_clear();
		xm_hub(&hub[0], 3, 4);
		hub[0].hub[rows[i].at] = (uint8_t)rows[i].value;
		hub[0].short_status = rows[i].short_status;
		hub[0].never_reset = rows[i].never_reset;
		hub[0].stalls = rows[i].stalls;
		xm_hub_plug(&m, &hub[0], 2, &keyboard);
		xm_plug(&m, 1, &hub[0]);
		settle();
		assert_said(rows[i].why);
		xm_plug(&m, 1, NULL);
		settle();
	}
}

/* A port that flaps does not keep the console busy for good. */
static void test_patience(void **state)
{
	(void)state;
	open_controller();
	for (unsigned i = 0; i < 600; i++) {
		xm_plug(&m, 2, i % 2 ? NULL : &keyboard);
		settle();
	}
	for (unsigned i = 0; i < 600; i++) {
		xm_plug(&m, 2, i % 2 ? NULL : &keyboard);
		settle();
	}
	assert_said("too many devices have come and gone or failed");
	assert_int_equal(m.commands[9], 512);
}

/* Events that mean nothing: they change nothing, and the keyboard goes on. */
static void test_events(void **state)
{
	(void)state;
	xm_plug(&m, 2, &keyboard);
	open_controller();
	uint64_t at = u.x.slot[1].posted;
	const struct {
		uint64_t param;
		uint32_t status, control;
	} rows[] = {
		{at, 1u << 24, 32u << 10 | 3u << 16 | 0u << 24},   /* slot 0 */
		{at, 1u << 24, 32u << 10 | 3u << 16 | 200u << 24}, /* one that cannot be */
		{at, 1u << 24, 32u << 10 | 3u << 16 | 7u << 24},   /* one without a device */
		{at, 1u << 24, 32u << 10 | 5u << 16 | 1u << 24},   /* another endpoint */
		{at, 1u << 24, 32u << 10 | 1u << 16 | 1u << 24},   /* endpoint 0, where nothing waits */
		{u.x.control_last, 6u << 24, 32u << 10 | 1u << 16 | 1u << 24},
		{at + 16, 1u << 24, 32u << 10 | 3u << 16 | 1u << 24}, /* another TRB */
		{0, 1u << 24, 32u << 10 | 3u << 16 | 1u << 24},
		{0x1234, 1u << 24, 33u << 10 | 1u << 24}, /* a command that was not given */
		{0, 1u << 24, 34u << 10},                 /* port 0 */
		{255u << 24, 1u << 24, 34u << 10},        /* and one that is not there */
		{0, 21u << 24, 37u << 10},                /* Event Ring Full Error */
		{0, 0, 63u << 10},
	};
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		xm_event(&m, rows[i].param, rows[i].status, rows[i].control);
		settle();
		assert_int_equal(u.x.strays, i + 1);
	}
	assert_types();
	m.lies = true;
	xm_plug(&m, 2, NULL);
	settle();
	xm_plug(&m, 2, &keyboard);
	settle();
	m.lies = false;
	assert_types();
	m.flood = true;
	press(0, 0x04);
	for (unsigned i = 0; i < 20; i++) {
		delay_us(100000);
		usb_poll(&u);
	}
	assert_true(u.x.strays > 256);
}

/* A command that is never answered is aborted, and the next device works; without that, the controller is
 * lost. */
static void test_silence(void **state)
{
	(void)state;
	open_controller();
	m.deaf_to = 11;
	xm_plug(&m, 2, &keyboard);
	settle();
	assert_said("port 2: the device is left out: hardware did not answer in time");
	assert_int_equal(m.aborts, 1);
	assert_null(u.x.dead);
	m.deaf_to = 9;
	said_clear();
	xm_plug(&m, 1, &mouse);
	settle();
	assert_said("port 1: the device is left out: hardware did not answer in time");
	assert_null(u.x.dead);
	m.deaf_to = 0;
	xm_plug(&m, 2, NULL);
	xm_plug(&m, 3, &keyboard);
	settle();
	assert_types();
	m.deaf_to = 9;
	m.deaf_to_abort = true;
	xm_plug(&m, 4, &mouse);
	settle();
	assert_said("is not used any more: it neither completes nor aborts a command");
	assert_int_equal(usb_keyboards(&u), 0);
	assert_int_equal(usb_read(&u), -1);
}

/* A control transfer that is never answered. */
static void test_mute(void **state)
{
	(void)state;
	xm_hub(&hub[0], 3, 4);
	xm_plug(&m, 1, &hub[0]);
	open_controller();
	hub[0].mute = true;
	xm_report(&m, &hub[0], "\x04", 1);
	settle();
	assert_said("port 1: the device does not answer any more");
	xm_plug(&m, 2, &keyboard);
	settle();
	assert_types();
}

static void test_slots(void **state)
{
	static const int says[] = {0, 1, 33, 255};
	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(says); i++) {
		setup(NULL);
		xm_plug(&m, 2, &keyboard);
		open_controller();
		m.slot_says = says[i];
		xm_plug(&m, 3, &mouse);
		settle();
		assert_said("is not used any more: it names a slot that cannot be");
		teardown(NULL);
	}
	setup(NULL);
	open_controller();
	m.fail_command = 9;
	m.fail_code = 9;
	xm_plug(&m, 3, &keyboard);
	settle();
	assert_said("port 3: the device is left out: no room left");
	assert_null(u.x.dead);
}

/* What the controller says of itself, at the next look. */
static void test_lost(void **state)
{
	static const struct {
		uint32_t sts;
		bool gone;
		const char *why;
	} rows[] = {
		{0, true, "it is gone from the bus"},
		{4, false, "it reports an error of its own or of the bus"},
		{1u << 12, false, "it reports an error of its own or of the bus"},
		{1, false, "it has halted"},
	};
	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		setup(NULL);
		xm_plug(&m, 2, &keyboard);
		open_controller();
		m.sts = rows[i].sts;
		m.gone = rows[i].gone;
		delay_us(200000);
		assert_false(usb_poll(&u));
		assert_said(rows[i].why);
		assert_int_equal(xhci_command(&u.x, 0, 23u << 10, NULL), SL_DEVICE);
		assert_int_equal(m.commands[23], 0);
		assert_int_equal(usb_keyboards(&u), 0);
		xm_plug(&m, 2, NULL);
		assert_false(usb_poll(&u));
		assert_int_equal(usb_read(&u), -1);
		teardown(NULL);
	}
	setup(NULL);
}

/* Registers that just fit into the BAR. */
static void test_fits(void **state)
{
	(void)state;
	/* Each of the three that ends with the BAR, and one byte less. */
	static const uint32_t just[][3] = {{0x1000, 0x3000, 0x3000 + 4 * (8 + 1)},
					   {0x3000, 0x2000, 0x3000 + 0x40},
					   {0x400, 0x400, 0x20 + 0x400 + 16 * 100}};
	for (unsigned i = 0; i < ARRAY_LEN(just); i++) {
		xm_init(&m, reach, &u.x);
		m.hcs1 = (i == 2 ? 100u : 8u) << 24 | 8;
		m.hcc1 = 1;
		m.rtsoff = just[i][0];
		m.dboff = just[i][1];
		m.io.len = just[i][2];
		assert_null(xhci_read(&u.x, &m.io, FN));
		m.io.len--;
		assert_non_null(xhci_read(&u.x, &m.io, FN));
	}
	u.x = (struct xhci){0};
}

/* Which controllers are left alone before anything is written. */
static void test_read(void **state)
{
	static const struct {
		uint32_t caplength, hcs1, hcs2, hcc1, rtsoff, dboff, pagesize;
		const char *why;
	} rows[] = {
		{0x20, 8u << 24 | 40, 0, 1, 0x1000, 0x2000, 1, NULL},
		{0x1c, 8u << 24 | 40, 0, 1, 0x1000, 0x2000, 1, "its capability registers make no sense"},
		{0x22, 8u << 24 | 40, 0, 1, 0x1000, 0x2000, 1, "its capability registers make no sense"},
		{0x20, 40, 0, 1, 0x1000, 0x2000, 1, "its capability registers make no sense"},
		{0x20, UINT32_MAX, 0, 1, 0x1000, 0x2000, 1, "its registers do not answer"},
		{0x20, 8u << 24, 0, 1, 0x1000, 0x2000, 1, "its capability registers make no sense"},
		{0x20, 8u << 24 | 40, 0, 1, 0x3fe0, 0x2000, 1, "its capability registers make no sense"},
		{0x20, 8u << 24 | 40, 0, 1, 0x1000, 0x3ffc, 1, "its capability registers make no sense"},
		{0x20, 8u << 24 | 40, 0, 1, 0xffffffe0, 0xfffffffc, 1,
		 "its capability registers make no sense"},
		{0x20, 8u << 24 | 40, 0, 0, 0x1000, 0x2000, 1, "it has 32-bit addresses only"},
		{0x20, 8u << 24 | 40, 0, 1, 0x1000, 0x2000, 2, "it has no pages of 4 KiB"},
		{0x20, 8u << 24 | 40, 8u << 21 | 1u << 27, 1, 0x1000, 0x2000, 1, "it wants more than 256"},
		{0x20, 8u << 24 | 40, 8u << 21, 1, 0x1000, 0x2000, 1, NULL},
		{0x20, 8u << 24 | 40, 0, 0xffff0001, 0x1000, 0x2000, 1, NULL}, /* beyond the BAR */
	};
	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		m.caplength = rows[i].caplength;
		m.hcs1 = rows[i].hcs1;
		m.hcs2 = rows[i].hcs2;
		m.hcc1 = rows[i].hcc1;
		m.rtsoff = rows[i].rtsoff;
		m.dboff = rows[i].dboff;
		m.pagesize = rows[i].pagesize;
		const char *why = xhci_read(&u.x, &m.io, FN);
		if (!rows[i].why)
			assert_null(why);
		else
			assert_memory_equal(why, rows[i].why, strlen(rows[i].why));
	}
	m.io.len = 0x20;
	assert_string_equal(xhci_read(&u.x, &m.io, FN), "its capability registers make no sense");
	m.io.len = 0x1f;
	assert_string_equal(xhci_read(&u.x, &m.io, FN), "its BAR 0 is too small");
	m.io.len = 0x10;
	assert_string_equal(xhci_read(&u.x, &m.io, FN), "its BAR 0 is too small");
	xm_init(&m, reach, &u.x);
	m.debug = true;
	assert_string_equal(xhci_read(&u.x, &m.io, FN), "its debug capability is in use");
	m.gone = true;
	assert_string_equal(xhci_read(&u.x, &m.io, FN), "its registers do not answer");
	u.x = (struct xhci){0};
}

/* The firmware lets go, or does not; its SMIs are off in both cases, and RsvdP bits are kept. */
static void test_hand_over(void **state)
{
	(void)state;
	m.legacy = m.bios_owned = true;
	open_controller();
	assert_false(m.bios_owned);
	assert_int_equal(m.legctl, 0xe00e1fee);
	assert_not_said("does not let go");
	teardown(NULL);
	setup(NULL);
	m.legacy = m.bios_owned = m.bios_keeps = true;
	open_controller();
	assert_said("the firmware does not let go of it (USBLEGSUP 0x10001)");
	assert_int_equal(m.legctl, 0xe00e1fee);
}

/* Controllers that do not halt, come out of their reset, or start. */
static void test_stuck(void **state)
{
	(void)state;
	assert_null(xhci_read(&u.x, &m.io, FN));
	m.never_halts = true;
	m.sts = 0;
	assert_int_equal(xhci_take_over(&u.x), SL_TIMEOUT);
	assert_said("it does not halt");
	setup(NULL);
	assert_null(xhci_read(&u.x, &m.io, FN));
	m.never_resets = true;
	assert_int_equal(xhci_take_over(&u.x), SL_TIMEOUT);
	assert_said("it does not come out of its reset");
	setup(NULL);
	assert_null(xhci_read(&u.x, &m.io, FN));
	m.gone = true;
	assert_int_equal(xhci_take_over(&u.x), SL_DEVICE);
	assert_said("its registers read all ones");
	setup(NULL);
	m.never_starts = true;
	assert_null(xhci_read(&u.x, &m.io, FN));
	assert_int_equal(xhci_take_over(&u.x), SL_OK);
	assert_int_equal(xhci_start(&u.x, NULL, IOVA(0)), SL_TIMEOUT);
	assert_said("it does not start");
}

/* For others who drive the rings by themselves: a No-Op command, and what it costs. */
static void test_no_op(void **state)
{
	(void)state;
	open_controller();
	for (unsigned i = 0; i < 200; i++)
		assert_int_equal(xhci_command(&u.x, 0, 23u << 10, NULL), SL_OK);
	assert_int_equal(m.commands[23], 200);
	m.fail_command = 23;
	m.fail_code = 5;
	assert_int_equal(xhci_command(&u.x, 0, 23u << 10, NULL), SL_DEVICE);
	m.deaf_to = 23; /* and then it is lost while a command waits */
	m.sts |= 4;
	assert_int_equal(xhci_command(&u.x, 0, 23u << 10, NULL), SL_DEVICE);
	assert_int_equal(m.aborts, 0);
}

static void test_keys(void **state)
{
	static const struct {
		unsigned key, mods;
		bool caps;
		const char *bytes;
	} rows[] = {
		{0x04, 0, false, "a"},       {0x04, 0x02, false, "A"},    {0x04, 0x20, true, "a"},
		{0x1d, 0, true, "Z"},        {0x1e, 0x02, false, "!"},    {0x27, 0, true, "0"},
		{0x27, 0x20, false, ")"},    {0x06, 0x01, false, "\x03"}, {0x06, 0x12, false, "\x03"},
		{0x28, 0, false, "\r"},      {0x29, 0, false, "\x1b"},    {0x2a, 0, false, "\x7f"},
		{0x2b, 0, false, "\t"},      {0x2c, 0, false, " "},       {0x2f, 0x10, false, "\x1b"},
		{0x31, 0x02, false, "|"},    {0x34, 0x02, false, "\""},   {0x35, 0x02, false, "~"},
		{0x38, 0, false, "/"},       {0x38, 0x02, false, "?"},    {0x4a, 0, false, "\x1b[H"},
		{0x4b, 0, false, "\x1b[5~"}, {0x4c, 0, false, "\x1b[3~"}, {0x4d, 0, false, "\x1b[F"},
		{0x4e, 0, false, "\x1b[6~"}, {0x4f, 0, false, "\x1b[C"},  {0x50, 0, false, "\x1b[D"},
		{0x51, 0, false, "\x1b[B"},  {0x52, 0, false, "\x1b[A"},  {0x54, 0, false, "/"},
		{0x58, 0, false, "\r"},      {0x59, 0, false, "1"},       {0x62, 0, false, "0"},
		{0x63, 0, false, "."},       {0x64, 0, false, "\\"},      {0x64, 0x02, false, "|"},
		{0x1e, 0x01, false, "1"},    {0, 0, false, ""},           {3, 0, false, ""},
		{0x39, 0, false, ""},        {0x3a, 0, false, ""},        {0x49, 0, false, ""},
		{0x53, 0, false, ""},        {0x65, 0, false, ""},        {0xe1, 0, false, ""},
		{0xff, 0xff, true, ""},      {~0u, 0, false, ""},
	};
	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		char out[KEYS_BYTES + 1];
		unsigned n = keys_bytes(rows[i].key, rows[i].mods, rows[i].caps, out);
		out[n] = 0;
		assert_string_equal(out, rows[i].bytes);
	}
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_keyboard),
		CASE(test_full_speed),
		CASE(test_hubs),
		CASE(test_plugged_again),
		CASE(test_ring_wraps),
		CASE(test_repeats),
		CASE(test_reports),
		CASE(test_stalls),
		CASE(test_bad_devices),
		CASE(test_others),
		CASE(test_many_ports),
		CASE(test_hub_loop),
		CASE(test_hub_answers),
		CASE(test_patience),
		CASE(test_events),
		CASE(test_silence),
		CASE(test_mute),
		CASE(test_slots),
		CASE(test_lost),
		CASE(test_read),
		CASE(test_hand_over),
		CASE(test_stuck),
		CASE(test_no_op),
		CASE(test_keys),
		CASE(test_clean_start),
		CASE(test_all_slots),
		CASE(test_descriptors),
		CASE(test_intervals),
		CASE(test_failed_commands),
		CASE(test_ring),
		CASE(test_no_memory),
		CASE(test_port_stays_off),
		CASE(test_fits),
	};
	return cmocka_run_group_tests(tests, group, NULL);
}
