#include "kernel/console.h"
#include "kernel/core.h"

#define CTRL_C        3
/* Bytes of one input in one call, so that an endless one does not hold the caller. */
#define FETCH_AT_ONCE 256u

static log_sink_fn *output[CONSOLE_DEVICES];
static console_input_fn *input[CONSOLE_DEVICES];

static struct {
	uint8_t byte[256];
	unsigned head, tail; /* free-running */
	bool stop;
} typed;

void console_add_output(log_sink_fn *write)
{
	for (size_t i = 0; i < CONSOLE_DEVICES && output[i] != write; i++) {
		if (output[i])
			continue;
		log_replay(write);
		output[i] = write;
		return;
	}
}

void console_add_input(console_input_fn *read)
{
	for (size_t i = 0; i < CONSOLE_DEVICES && input[i] != read; i++) {
		if (input[i])
			continue;
		input[i] = read;
		return;
	}
}

unsigned console_outputs(void)
{
	unsigned n = 0;
	while (n < CONSOLE_DEVICES && output[n])
		n++;
	return n;
}

void console_write(const char *text, size_t len)
{
	for (size_t i = 0; i < CONSOLE_DEVICES && output[i]; i++)
		output[i](text, len);
}

static void fetch(void)
{
	for (size_t i = 0; core_index() == 0 && i < CONSOLE_DEVICES && input[i]; i++) {
		for (unsigned n = 0; n < FETCH_AT_ONCE; n++) {
			int c = input[i]();
			if (c < 0)
				break;
			if (c == CTRL_C)
				typed.stop = true;
			if (typed.head - typed.tail < sizeof typed.byte)
				typed.byte[typed.head++ % sizeof typed.byte] = (uint8_t)c;
		}
	}
}

int console_read(void)
{
	fetch();
	return typed.head == typed.tail ? -1 : typed.byte[typed.tail++ % sizeof typed.byte];
}

bool console_stop(void)
{
	fetch();
	return typed.stop;
}

void console_stop_clear(void)
{
	if (typed.stop)
		typed.tail = typed.head;
	typed.stop = false;
}
