#include "kernel/run_note.h"
#include "kernel/fmt.h"
#include "kernel/str.h"

#define FIRST "v=1 "

const char *run_end_name(enum run_end end)
{
	static const char *const names[] = {"none", "ok", "fail", "unfinished"};
	return names[end];
}

/* What stands behind word in text; NULL: word is not in it. */
static const char *behind(const char *text, const char *word)
{
	for (; *text; text++) {
		size_t n = 0;
		while (word[n] && text[n] == word[n])
			n++;
		if (!word[n])
			return text + n;
	}
	return NULL;
}

/* The value of " key=", as far as the next blank; of no length: there is no such key. */
static const char *value_of(const char *line, const char *key, size_t *n)
{
	const char *p = behind(line, key);
	p = p ? p : "";
	for (*n = 0; p[*n] && p[*n] != ' ';)
		++*n;
	return p;
}

static bool is(const char *p, size_t n, const char *word)
{
	return n == strlen(word) && memcmp(p, word, n) == 0;
}

static void copy(char *out, size_t size, const char *p, size_t n)
{
	n = n < size ? n : size - 1;
	memcpy(out, p, n);
	out[n] = 0;
}

void run_note_result(struct run_note *note, const char *result)
{
	size_t n;
	copy(note->result, sizeof note->result, result, strlen(result));
	const char *ok = value_of(result, " ok=", &n);
	note->end = is(ok, n, "1") ? RUN_OK : RUN_FAIL;
	const char *stage = value_of(result, " stage=", &n);
	copy(note->stage, sizeof note->stage, stage, is(stage, n, "none") ? 0 : n);
}

_Static_assert(RUN_NOTE > RUN_RESULT + RUN_STAGE + 100, "it has room for all");

size_t run_note_write(const struct run_note *note, char out[RUN_NOTE])
{
	return (size_t)fmt_print(out, RUN_NOTE, FIRST "id=%x log=%llx end=%s stage=%s %s", note->id,
				 (ull)note->log, run_end_name(note->end), note->stage, note->result);
}

static uint64_t hex(const char *p, size_t n)
{
	uint64_t v = 0;
	for (size_t i = 0; i < n; i++) {
		unsigned c = (unsigned char)p[i], d = c >= 'a' ? c - 'a' + 10 : c - '0';
		if (d > 15 || n > 16)
			return 0;
		v = v << 4 | d;
	}
	return v;
}

void run_note_read(struct span value, struct run_note *out)
{
	char text[RUN_NOTE];
	size_t n = value.n < sizeof text ? value.n : sizeof text - 1, len;
	*out = (struct run_note){.end = RUN_NONE};
	for (size_t i = 0; i < n; i++)
		text[i] = value.p[i] >= ' ' && value.p[i] < 0x7f ? (char)value.p[i] : '?';
	text[n] = 0;
	if (n < sizeof FIRST || memcmp(text, FIRST, sizeof FIRST - 1))
		return;
	const char *end = value_of(text, " end=", &len);
	for (enum run_end e = RUN_OK; e <= RUN_UNFINISHED; e++)
		if (is(end, len, run_end_name(e)))
			out->end = e;
	const char *p = value_of(text, " id=", &len);
	out->id = (uint32_t)hex(p, len);
	p = value_of(text, " log=", &len);
	out->log = hex(p, len);
	p = value_of(text, " stage=", &len);
	copy(out->stage, sizeof out->stage, p, len);
	p = behind(text, " RESULT ");
	if (p)
		copy(out->result, sizeof out->result, p - strlen("RESULT "), strlen(p) + strlen("RESULT "));
}
