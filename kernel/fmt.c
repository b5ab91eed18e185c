#include "kernel/fmt.h"

#define STB_SPRINTF_IMPLEMENTATION
#define STB_SPRINTF_STATIC
#define STB_SPRINTF_NOFLOAT
#define STB_SPRINTF_NOUNALIGNED
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#include <stb/stb_sprintf.h>
#pragma GCC diagnostic pop

int fmt_vprint(char *buf, size_t n, const char *fmt, va_list ap)
{
	return stbsp_vsnprintf(buf, (int)n, fmt, ap);
}

int fmt_print(char *buf, size_t n, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int len = fmt_vprint(buf, n, fmt, ap);
	va_end(ap);
	return len;
}

void fmt_add(struct fmt_text *t, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	size_t n = (size_t)fmt_vprint(t->buf, t->left, fmt, ap);
	va_end(ap);
	if (n >= t->left)
		n = t->left - 1;
	t->buf += n;
	t->left -= n;
}
