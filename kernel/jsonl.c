#include "kernel/jsonl.h"
#include "kernel/crc32.h"
#include "kernel/fmt.h"

void jsonl_add(struct jsonl *j, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	if (j->n < JSONL_LINE) {
		int n = fmt_vprint(j->line + j->n, sizeof j->line - j->n, fmt, ap);
		j->n = n >= 0 && (size_t)n < sizeof j->line - j->n ? j->n + (size_t)n : JSONL_LINE;
	}
	va_end(ap);
}

void jsonl_start(struct jsonl *j, const char *type)
{
	j->n = 0;
	jsonl_add(j, "{\"t\":\"%s\"", type);
}

void jsonl_text(struct jsonl *j, const char *key, const char *text)
{
	jsonl_add(j, ",\"%s\":\"", key);
	for (; *text && j->n + 8 < JSONL_LINE; text++) {
		bool plain = *text >= ' ' && *text < 0x7f && *text != '\\';
		j->line[j->n++] = *text == '"' ? '\'' : plain ? *text : '?';
	}
	j->line[j->n] = 0;
	jsonl_add(j, "\"");
}

void jsonl_bytes(struct jsonl *j, const uint8_t *p, size_t n)
{
	static const char digit[] = "0123456789abcdef";
	jsonl_add(j, ",\"hex\":\"");
	for (size_t i = 0; i < n && j->n + 8 < JSONL_LINE; i++) {
		j->line[j->n++] = digit[p[i] >> 4];
		j->line[j->n++] = digit[p[i] & 15];
	}
	j->line[j->n] = 0;
	jsonl_add(j, "\"");
}

void jsonl_end(struct jsonl *j)
{
	jsonl_add(j, "}\n");
	j->crc = crc32(j->crc, j->line, j->n);
	j->lines++;
	if (j->put)
		j->put(j->ctx, j->line, j->n);
}
