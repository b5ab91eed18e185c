#include "drivers/net/syslog.h"
#include "kernel/fmt.h"
#include "kernel/str.h"

#define LOCAL0 16u

/* "[    0.004211] FAIL pci: text" */
static unsigned severity(const char *line)
{
	const char *word = line;
	while (*word && *word != ']')
		word++;
	if (*line != '[' || strlen(word) < 7)
		return 6;
	return memcmp(word, "] FAIL ", 7) == 0 ? 3 : memcmp(word, "] WARN ", 7) == 0 ? 4 : 6;
}

size_t syslog_message(struct syslog *s, const char *line, uint8_t out[SYSLOG_BYTES])
{
	char head[128];
	s->sequence = s->sequence % 0x7fffffff + 1;
	size_t n = (size_t)fmt_print(head, sizeof head, "<%u>1 - %s sluice - - [meta sequenceId=\"%u\"] ",
				     LOCAL0 * 8 + severity(line), s->host[0] ? s->host : "-", s->sequence);
	memcpy(out, head, n);
	for (; *line && n < SYSLOG_BYTES; line++)
		out[n++] = (uint8_t)*line < ' ' || *line == 0x7f ? '?' : (uint8_t)*line;
	return n;
}
