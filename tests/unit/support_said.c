#include "tests/unit/support_said.h"
#include <string.h>
#include "kernel/log.h"
#include "tests/unit/test.h"

char said[SAID_SIZE];
static size_t said_len;

void said_sink(const char *text, size_t n)
{
	if (said_len + n >= sizeof said)
		said_len = 0;
	memcpy(said + said_len, text, n);
	said_len += n;
	said[said_len] = 0;
}

void said_start(void)
{
	log_sink_add(said_sink);
	said_clear();
}

void said_clear(void)
{
	said_len = 0;
	said[0] = 0;
}

void assert_said(const char *words)
{
	if (!strstr(said, words))
		fail_msg("\"%s\" is not in:\n%s", words, said);
}

void assert_not_said(const char *words)
{
	if (strstr(said, words))
		fail_msg("\"%s\" is in:\n%s", words, said);
}
