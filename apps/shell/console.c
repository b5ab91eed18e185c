#include "apps/shell/console.h"
#include "kernel/serial.h"

static const struct device {
	log_sink_fn *write;
	int (*read)(void);
	bool (*stop)(void);
	void (*stop_clear)(void);
} devices[] = {
	{serial_write, serial_read, serial_stop, serial_stop_clear},
};

void console_write(const char *text, size_t len)
{
	for (size_t i = 0; i < ARRAY_LEN(devices); i++)
		devices[i].write(text, len);
}

int console_read(void)
{
	int c = -1;
	for (size_t i = 0; i < ARRAY_LEN(devices) && c < 0; i++)
		c = devices[i].read();
	return c;
}

bool console_stop(void)
{
	bool stop = false;
	for (size_t i = 0; i < ARRAY_LEN(devices); i++)
		stop |= devices[i].stop();
	return stop;
}

void console_stop_clear(void)
{
	for (size_t i = 0; i < ARRAY_LEN(devices); i++)
		devices[i].stop_clear();
}

/* The first device's place in the log is the sink's meanwhile. */
_Static_assert(ARRAY_LEN(devices) == 1, "with more devices, the log's sinks of the others have to rest");

void console_take(log_sink_fn *sink)
{
	log_sink_replace(devices[0].write, sink);
}

void console_give_back(log_sink_fn *sink)
{
	log_sink_replace(sink, devices[0].write);
}
