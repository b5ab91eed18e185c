/* The serial console against UARTs with a FIFO whose reader can pause: text waits, is sent later, and what is
 * lost is counted. */
#include <stdio.h>
#include <string.h>
#include "kernel/fmt.h"
#include "kernel/serial.h"
#include "kernel/time.h"
#include "tests/unit/test.h"

#define FIFO     16
#define SEEN_MAX 400000

/* A 16550: a byte leaves its FIFO every us_per_byte while its reader reads. */
static struct model {
	uint64_t addr;
	bool there, reads;
	uint8_t reg[8], dll, dlm, in[8];
	unsigned fifo, in_n;
	uint64_t left_at;
	unsigned us_per_byte;
	char seen[SEEN_MAX];
	size_t n;
} models[SERIAL_UARTS + 1];

static struct model *model_at(uint64_t addr)
{
	for (unsigned i = 0; i < ARRAY_LEN(models); i++)
		if (models[i].there && models[i].addr == addr)
			return &models[i];
	return NULL;
}

static void drain(struct model *m)
{
	uint64_t now = now_us();
	for (; m->fifo && m->reads && now >= m->left_at + m->us_per_byte; m->left_at += m->us_per_byte)
		m->fifo--;
	if (!m->fifo || !m->reads)
		m->left_at = now;
}

uint8_t uart_rd(const struct uart *u, unsigned reg)
{
	struct model *m = model_at(u->at.addr);
	assert_int_not_equal(u->at.addr, 0); /* of none of the consoles */
	if (!m)
		return 0xff;
	if (reg == 5) {
		drain(m);
		return (uint8_t)((m->fifo ? 0 : 0x60) | (m->in_n ? 1 : 0));
	}
	if (m->reg[3] & 0x80 && reg < 2)
		return reg ? m->dlm : m->dll;
	if (reg == 0 && m->in_n) {
		uint8_t c = m->in[0];
		memmove(m->in, m->in + 1, --m->in_n);
		return c;
	}
	return m->reg[reg];
}

void uart_wr(const struct uart *u, unsigned reg, uint8_t v)
{
	struct model *m = model_at(u->at.addr);
	if (!m)
		return;
	if (m->reg[3] & 0x80 && reg < 2) {
		*(reg ? &m->dlm : &m->dll) = v;
	} else if (reg == 0) {
		drain(m);
		assert_true(m->fifo < FIFO); /* never more than there is room for */
		m->fifo++;
		if (m->n < SEEN_MAX - 1)
			m->seen[m->n++] = (char)v;
	} else {
		m->reg[reg] = v;
	}
}

enum sl_err uart_map(const struct acpi_uart *at, struct uart *out)
{
	*out = (struct uart){.at = *at};
	return SL_OK;
}

static struct model *add(unsigned i, uint64_t addr)
{
	models[i] = (struct model){
		.addr = addr, .there = true, .reads = true, .us_per_byte = 10, .left_at = now_us()};
	struct acpi_uart at = {.addr = addr, .stride = 1};
	assert_int_equal(serial_add(&at, SERIAL_BAUD_KEEP), SL_OK);
	return &models[i];
}

static void say(const char *text)
{
	serial_write(text, strlen(text));
}

static bool saw(struct model *m, const char *text)
{
	m->seen[m->n] = 0;
	return strstr(m->seen, text) != NULL;
}

static struct model *com1, *com2;

/* Where nothing answers there is no console; the one that is added later gets what was said before. */
static void test_add(void **state)
{
	(void)state;
	char name[80];
	struct acpi_uart nobody = {.addr = 0x2e8, .stride = 1};
	assert_int_equal(serial_add(&nobody, 9600), SL_NOTFOUND);
	say("early\n");
	assert_false(serial_name(0, name, sizeof name));
	com1 = add(0, 0x3f8);
	assert_true(saw(com1, "early\r\n"));
	assert_int_equal(com1->dll, 1);
	assert_int_equal(com1->reg[3], 3);
	assert_true(serial_name(0, name, sizeof name));
	assert_string_equal(name, "COM1 (port 0x3f8), 115200 8N1");
	assert_false(serial_name(1, name, sizeof name));
	struct acpi_uart again = {.addr = 0x3f8, .stride = 1};
	assert_int_equal(serial_add(&again, 9600), SL_OK); /* the rate alone */
	assert_int_equal(com1->dll, 12);
	again.clock = 48000000;
	assert_int_equal(serial_add(&again, 115200), SL_OK);
	assert_int_equal(com1->dll, 26);
	assert_true(serial_name(0, name, sizeof name));
	assert_non_null(strstr(name, "115384")); /* what the clock gives */
	assert_false(serial_name(1, name, sizeof name));
}

/* The divisor that firmware has set stays; one that was not set becomes 115200. */
static void test_rate_is_kept(void **state)
{
	(void)state;
	models[1] = (struct model){.addr = 0x2f8, .there = true, .reads = true, .us_per_byte = 10, .dll = 2};
	models[1].reg[3] = 3, models[1].reg[4] = 0xb;
	struct acpi_uart at = {.addr = 0x2f8, .stride = 1};
	assert_int_equal(serial_add(&at, SERIAL_BAUD_KEEP), SL_OK);
	com2 = &models[1];
	assert_int_equal(com2->dll, 2); /* 57600 */
	models[2] = (struct model){.addr = 0x3e8, .there = true, .reads = true, .us_per_byte = 10, .dll = 12};
	at.addr = 0x3e8;
	assert_int_equal(serial_add(&at, SERIAL_BAUD_KEEP), SL_OK);
	assert_int_equal(models[2].dll, 1);
}

/* A reader that pauses costs a second once; what was said meanwhile comes when it reads on. */
static void test_pause(void **state)
{
	(void)state;
	com2->reads = false;
	uint64_t begin = now_us();
	for (unsigned i = 0; i < 100; i++)
		say("a line while nobody reads the second UART\n");
	assert_true(now_us() - begin < 1700000);
	say("last of the pause\n");
	assert_true(saw(com1, "last of the pause"));
	assert_false(saw(com2, "last of the pause"));
	com2->reads = true;
	say("go on\n");
	assert_true(saw(com2, "last of the pause\r\ngo on\r\n"));
	assert_false(saw(com2, "are lost here"));
	assert_int_equal(serial_lost(), 0);

	com2->reads = false; /* a second time; poll points send too */
	say("second pause\nsecond line\n");
	com2->reads = true;
	for (unsigned i = 0; i < 100 && !saw(com2, "second line\r\n"); i++) {
		delay_us(1000);
		assert_int_equal(serial_read(), -1);
	}
	assert_true(saw(com2, "second line\r\n"));
}

/* More than the ring holds: the oldest is lost, its length is told, and the last line arrives whole. */
static void test_loss_is_counted(void **state)
{
	(void)state;
	char line[64];
	com2->reads = false;
	uint64_t said = 0;
	size_t before = com2->n;
	for (unsigned i = 0; i < 4000; i++) {
		fmt_print(line, sizeof line, "line %u of those while nobody reads\n", i);
		said += strlen(line);
		say(line);
	}
	assert_int_equal(serial_lost(), 0); /* of the UARTs that take bytes */
	size_t sent_late = com2->n - before;
	com2->reads = true;
	say("RESULT v=1\n");
	serial_flush(1000000);
	said += strlen("RESULT v=1\n");
	assert_true(saw(com2, "line 3999 of those while nobody reads\r\nRESULT v=1\r\n"));
	assert_true(serial_lost() > 0);
	char sentence[128];
	fmt_print(sentence, sizeof sentence, "serial: %llu bytes of output are lost here",
		  (ull)serial_lost());
	assert_true(saw(com2, sentence));
	/* What was lost and what the ring held is all that was said after the FIFO was full. */
	assert_true(serial_lost() + SERIAL_RING <= said);
	assert_true(serial_lost() + SERIAL_RING + sent_late >= said - 2 * FIFO);
}

/* A UART whose reader never comes back ends nothing: the flush gives up. */
static void test_flush_gives_up(void **state)
{
	(void)state;
	com2->reads = false;
	say("nobody will read this\nor that, which is longer than a FIFO\n");
	uint64_t begin = now_us();
	serial_flush(SERIAL_FLUSH_US);
	assert_true(now_us() - begin >= SERIAL_FLUSH_US);
	assert_true(now_us() - begin < SERIAL_FLUSH_US + 3000000);
	begin = now_us();
	serial_flush(SERIAL_FLUSH_US); /* not again for one that let a whole flush pass */
	assert_true(now_us() - begin < 2000000);
	com2->reads = true;
	say("back\n");
	serial_flush(SERIAL_FLUSH_US);
	assert_true(saw(com2, "which is longer than a FIFO\r\nback\r\n"));
	com2->reads = false; /* and it is waited for as before */
	say("one line that is longer than a FIFO\n");
	begin = now_us();
	serial_flush(SERIAL_FLUSH_US);
	assert_true(now_us() - begin >= SERIAL_FLUSH_US);
	com2->reads = true;
	serial_flush(SERIAL_FLUSH_US);
}

/* A UART that takes a byte now and then cannot keep a caller for more than 1.5 s. */
static void test_slow_reader(void **state)
{
	(void)state;
	com2->us_per_byte = 60000;
	uint64_t begin = now_us();
	for (unsigned i = 0; i < 40; i++)
		say("a line that is longer than the FIFO of the UART\n");
	uint64_t one = now_us();
	say("one more line that is longer than the FIFO\n");
	assert_true(now_us() - one < 2000000);
	assert_true(now_us() - begin < 41 * 2000000ull);
	com2->us_per_byte = 10;
	serial_flush(2000000);
	assert_true(saw(com2, "one more line that is longer than the FIFO\r\n"));
}

static void test_keys(void **state)
{
	(void)state;
	com2->in[0] = 'x', com2->in[1] = 3, com2->in_n = 2;
	assert_int_equal(serial_read(), 'x');
	assert_int_equal(serial_read(), 3);
	com1->in[0] = 'y', com1->in_n = 1;
	assert_int_equal(serial_read(), 'y');
	assert_int_equal(serial_read(), -1);
}

static void test_too_many(void **state)
{
	(void)state;
	for (unsigned i = 3; i < SERIAL_UARTS; i++)
		add(i, 0x1000 + 8 * i);
	models[SERIAL_UARTS] = (struct model){.addr = 0x2000, .there = true, .reads = true};
	struct acpi_uart at = {.addr = 0x2000, .stride = 1};
	assert_int_equal(serial_add(&at, 9600), SL_NOSPACE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_add),
		cmocka_unit_test(test_rate_is_kept),
		cmocka_unit_test(test_pause),
		cmocka_unit_test(test_loss_is_counted),
		cmocka_unit_test(test_flush_gives_up),
		cmocka_unit_test(test_slow_reader),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_too_many),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
