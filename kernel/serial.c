#include "kernel/core.h"
#include "kernel/fmt.h"
#include "kernel/lock.h"
#include "kernel/serial.h"
#include "kernel/time.h"

#define FIFO_SIZE     16
#define STALL_US      1000000u /* no byte taken for so long: the reader paused, or the UART is gone */
#define CALL_US       1500000u /* longest wait in one call, below the log's patience with a core (kernel/log.c) */
#define LOCK_US       2000000u
#define RECEIVE_MOST  FIFO_SIZE
#define LOST_SENTENCE "\nserial: %llu bytes of output are lost here, because this line was not read\n"

static struct console {
	struct uart uart;
	uint64_t next;      /* byte of the stream that is sent next */
	uint64_t lost, gap; /* bytes pushed out: in all; those reported by the note */
	char note[112];     /* sent before the stream continues */
	uint8_t note_at, note_len;
	bool cr_sent; /* the next byte is a newline whose carriage return is out */
	bool stalled;
	bool unread; /* nothing was taken in a whole flush: another one is short */
} consoles[SERIAL_UARTS];
static unsigned count;

static char ring[SERIAL_RING];
static uint64_t end; /* of the stream: bytes ever written */
static struct lock lock;

static struct {
	uint8_t byte[256];
	unsigned head, tail; /* free-running */
} typed;

/* At most a FIFO a time; a UART that is gone reads all ones. */
static void receive_from(const struct uart *u)
{
	for (unsigned i = 0; i < RECEIVE_MOST; i++) {
		uint8_t lsr = uart_rd(u, LSR);
		if (lsr == 0xff || !(lsr & LSR_DR))
			return;
		uint8_t c = uart_rd(u, RBR);
		if (typed.head - typed.tail < sizeof typed.byte)
			typed.byte[typed.head++ % sizeof typed.byte] = c;
	}
}

static void receive(void)
{
	for (unsigned i = 0; core_index() == 0 && i < count; i++)
		receive_from(&consoles[i].uart);
}

static bool pending(const struct console *c)
{
	return c->note_at < c->note_len || c->next != end;
}

/* Text that the ring no longer has is counted, and a sentence takes its place. */
static void skip_lost(struct console *c)
{
	if (end - c->next <= SERIAL_RING)
		return;
	uint64_t bytes = end - SERIAL_RING - c->next;
	c->lost += bytes;
	c->gap = bytes + (c->note_at < c->note_len ? c->gap : 0);
	c->next = end - SERIAL_RING;
	c->cr_sent = false;
	c->note_at = 0;
	c->note_len = (uint8_t)fmt_print(c->note, sizeof c->note, LOST_SENTENCE, (ull)c->gap);
}

/* The next byte on the line: a newline goes out as carriage return and newline. */
static uint8_t next_byte(struct console *c)
{
	bool noted = c->note_at < c->note_len;
	char byte = noted ? c->note[c->note_at] : ring[c->next % SERIAL_RING];
	if (byte == '\n' && !c->cr_sent) {
		c->cr_sent = true;
		return '\r';
	}
	c->cr_sent = false;
	if (noted)
		c->note_at++;
	else
		c->next++;
	return (uint8_t)byte;
}

/* Sends waiting text. For a UART that takes nothing for stall_us, and from then on until it takes bytes
 * again, the rest stays in the ring; likewise for a slow one after most_us. The clock is read before the
 * register, so that a pause between the two cannot fake a stall. */
static void pump(struct console *c, uint64_t stall_us, uint64_t most_us)
{
	uint64_t begin = now_us(), moved = begin;
	while (pending(c)) {
		uint64_t now = now_us();
		if (!(uart_rd(&c->uart, LSR) & LSR_THRE)) {
			if (c->stalled || now - moved > stall_us || now - begin > most_us) {
				c->stalled = true;
				return;
			}
			continue;
		}
		c->stalled = c->unread = false;
		moved = now;
		skip_lost(c);
		for (unsigned i = 0; i < FIFO_SIZE && pending(c); i++)
			uart_wr(&c->uart, THR, next_byte(c));
		if (core_index() == 0)
			receive_from(&c->uart);
	}
}

/* Sends what needs no waiting, from poll points. */
static void send_waiting(void)
{
	bool waits = false;
	for (unsigned i = 0; i < count; i++)
		waits |= pending(&consoles[i]);
	if (!waits || !lock_take(&lock, LOCK_US))
		return;
	for (unsigned i = 0; i < count; i++) {
		if (!pending(&consoles[i]))
			continue; /* it has taken everything: it is not stalled */
		consoles[i].stalled = true;
		pump(&consoles[i], 0, 0);
	}
	lock_give(&lock);
}

int serial_read(void)
{
	receive();
	send_waiting();
	return typed.head == typed.tail ? -1 : typed.byte[typed.tail++ % sizeof typed.byte];
}

void serial_write(const char *text, size_t len)
{
	bool taken = lock_take(&lock, LOCK_US);
	for (size_t i = 0; i < len; i++)
		ring[end++ % SERIAL_RING] = text[i];
	for (unsigned i = 0; i < count; i++)
		pump(&consoles[i], STALL_US, CALL_US);
	if (taken)
		lock_give(&lock);
}

void serial_flush(uint64_t stall_us)
{
	bool taken = lock_take(&lock, LOCK_US);
	for (unsigned i = 0; i < count; i++) {
		struct console *c = &consoles[i];
		c->stalled = false;
		pump(c, c->unread && stall_us > STALL_US ? STALL_US : stall_us, UINT64_MAX);
		c->unread = c->stalled;
	}
	if (taken)
		lock_give(&lock);
}

uint64_t serial_lost(void)
{
	uint64_t most = 0;
	for (unsigned i = 0; i < count; i++) {
		const struct console *c = &consoles[i];
		uint64_t waits = end - c->next, lost = c->lost;
		lost += waits > SERIAL_RING ? waits - SERIAL_RING : 0;
		if (!c->stalled && lost > most)
			most = lost;
	}
	return most;
}

static void set_rate(const struct uart *u, uint32_t baud)
{
	if (baud == SERIAL_BAUD_KEEP && uart_is_set_up(u))
		return;
	uint32_t rate = 16 * (baud ? baud : UART_BAUD);
	uint32_t divisor = (uart_clock(u) + rate / 2) / rate;
	divisor = divisor ? divisor : 1;
	for (uint64_t late = now_us() + 20000; now_us() < late && !(uart_rd(u, LSR) & LSR_TEMT);)
		; /* the firmware's bytes still in the FIFO go out at its rate */
	uart_wr(u, LCR, LCR_DLAB);
	uart_wr(u, DLL, (uint8_t)divisor);
	uart_wr(u, DLM, (uint8_t)(divisor >> 8));
}

enum sl_err serial_add(const struct acpi_uart *at, uint32_t baud)
{
	struct console *c = NULL;
	for (unsigned i = 0; i < count && !c; i++)
		if (consoles[i].uart.at.addr == at->addr && consoles[i].uart.at.mmio == at->mmio)
			c = &consoles[i];
	if (!c && count == SERIAL_UARTS)
		return SL_NOSPACE;
	struct console fresh = {.next = end > SERIAL_RING ? end - SERIAL_RING : 0};
	enum sl_err e = c ? SL_OK : uart_map(at, &fresh.uart);
	if (!e && !c && !uart_answers(&fresh.uart))
		e = SL_NOTFOUND;
	if (e)
		return e;
	if (c)
		c->uart.at.clock = at->clock;
	const struct uart *u = c ? &c->uart : &fresh.uart;
	bool taken = lock_take(&lock, LOCK_US);
	uart_wr(u, IER, 0);
	set_rate(u, baud);
	uart_wr(u, LCR, LCR_8N1);
	if (taken)
		lock_give(&lock);
	if (c)
		return SL_OK;
	uart_wr(u, FCR, 7);
	uart_wr(u, MCR, MCR_READY);
	consoles[count] = fresh;
	count++;
	serial_write("", 0);
	return SL_OK;
}

bool serial_name(unsigned i, char *out, size_t size)
{
	if (i >= count)
		return false;
	const struct uart *u = &consoles[i].uart;
	char name[48];
	bool taken = lock_take(&lock, LOCK_US); /* THR is the divisor meanwhile */
	uint32_t divisor = uart_divisor(u);
	if (taken)
		lock_give(&lock);
	uart_name(&u->at, name, sizeof name);
	fmt_print(out, size, "%s, %u 8N1", name, divisor ? uart_clock(u) / 16 / divisor : 0);
	return true;
}
