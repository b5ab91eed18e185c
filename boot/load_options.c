#include "boot/load_options.h"
#include "kernel/str.h"

/* UCS-2 where a second byte is 0: no text has two characters of which one is 0. */
static bool is_ucs2(const uint8_t *raw, size_t size)
{
	return size >= 2 && raw[1] == 0;
}

/* Characters up to a NUL or the end; -1: some are no text, or there are too many. */
static int narrow(const uint8_t *raw, size_t size, char *line)
{
	size_t step = is_ucs2(raw, size) ? 2 : 1, n = 0;
	for (size_t i = 0; i + step <= size; i += step) {
		uint8_t c = raw[i], high = step == 2 ? raw[i + 1] : 0;
		bool space = c == '\t' || c == '\r' || c == '\n';
		if (!c && !high)
			break;
		if (high || c >= 0x7f || (c < ' ' && !space) || n == LOAD_OPTIONS_MAX)
			return -1;
		line[n++] = space ? ' ' : (char)c;
	}
	line[n] = 0;
	return (int)n;
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 'a' - 'A') : c;
}

static bool is_program(const char *word, size_t n)
{
	static const char end[] = ".efi";
	for (size_t i = 0; i < n; i++)
		if (word[i] == '=')
			return false;
	if (n < sizeof end - 1)
		return false;
	for (size_t i = 0; i < sizeof end - 1; i++)
		if (lower(word[n - (sizeof end - 1) + i]) != end[i])
			return false;
	return true;
}

/* The shell hands over the line as it was typed: fs0:\sluice.efi, or "fs0:\a folder\sluice.efi". */
static void blank_program(char *line)
{
	size_t from = 0, end;
	while (line[from] == ' ')
		from++;
	bool quoted = line[from] == '"';
	from += quoted;
	for (end = from; line[end] && line[end] != (quoted ? '"' : ' ');)
		end++;
	if (is_program(line + from, end - from))
		memset(line, ' ', end + (quoted && line[end] == '"'));
}

enum load_options load_options_read(const uint8_t *raw, size_t size, char *line)
{
	size_t n = 0;
	bool any = false, option = false;
	line[0] = 0;
	if (narrow(raw, size, line) < 0) {
		line[0] = 0;
		return LOAD_OPTIONS_OTHER;
	}
	blank_program(line);
	for (const char *p = line; *p; p++) {
		any = any || (*p != ' ' && *p != '"');
		option = option || *p == '=';
		if (*p != '"')
			line[n++] = *p;
	}
	line[n] = 0;
	return option ? LOAD_OPTIONS_WORDS : any ? LOAD_OPTIONS_OTHER : LOAD_OPTIONS_NONE;
}
