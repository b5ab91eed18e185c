#include "apps/shell/dump.h"
#include "kernel/fmt.h"
#include "kernel/log.h"

static char shown(uint8_t c)
{
	return c >= ' ' && c < 0x7f ? (char)c : '.';
}

void dump_name(struct span name, char *out)
{
	for (size_t i = 0; i < name.n; i++)
		out[i] = shown(name.p[i]);
	out[name.n] = 0;
}

void dump_bytes(struct span data)
{
	for (size_t off = 0; off < data.n; off += 16) {
		struct span row = span_sub(data, off, data.n - off < 16 ? data.n - off : 16);
		char hex[16 * 3 + 1], text[17];
		size_t at = 0;
		for (size_t i = 0; i < row.n; i++)
			at += (size_t)fmt_print(hex + at, sizeof hex - at, " %02x", row.p[i]);
		dump_name(row, text);
		log_text("  %04x:%-48s  %s\n", (unsigned)off, hex, text);
	}
}
