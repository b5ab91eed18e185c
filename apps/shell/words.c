#include "apps/shell/words.h"
#include "kernel/str.h"

unsigned words_split(char *line, char *word[WORDS_MAX])
{
	unsigned n = 0;
	for (char *p = line;;) {
		while (*p == ' ')
			*p++ = 0;
		if (!*p)
			return n;
		if (n == WORDS_MAX)
			return WORDS_MAX + 1;
		word[n++] = p;
		while (*p && *p != ' ')
			p++;
	}
}

static int digit(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

/* 1 to most digits; moves *s behind them. */
static bool hex(const char **s, unsigned most, uint64_t *out)
{
	unsigned n = 0;
	*out = 0;
	for (; n < most && digit(**s) >= 0; n++)
		*out = *out << 4 | (unsigned)digit(*(*s)++);
	return n && digit(**s) < 0;
}

bool word_bdf(const char *s, bdf_t *out)
{
	struct word_slot slot;
	if (!word_slot(s, &slot) || slot.bus < 0 || slot.dev < 0 || slot.fn < 0)
		return false;
	*out = bdf_make(slot.seg < 0 ? 0 : (unsigned)slot.seg, (unsigned)slot.bus, (unsigned)slot.dev,
			(unsigned)slot.fn);
	return true;
}

bool word_hex(const char *s, uint64_t *out)
{
	if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X'))
		s += 2;
	return hex(&s, 16, out) && !*s;
}

bool word_decimal(const char *s, uint32_t max, uint32_t *out)
{
	uint64_t v = 0;
	unsigned n = 0;
	for (; n < 10 && s[n] >= '0' && s[n] <= '9'; n++)
		v = v * 10 + (uint64_t)(s[n] - '0');
	*out = (uint32_t)v;
	return n && !s[n] && v <= max;
}

const char *word_after(const char *s, const char *prefix)
{
	while (*prefix)
		if (*s++ != *prefix++)
			return NULL;
	return s;
}

/* One part of a slot or id: empty and "*" are any. */
static bool part(const char **s, unsigned digits, uint64_t max, int32_t *out)
{
	uint64_t v;
	*out = -1;
	if (**s == '*') {
		(*s)++;
		return true;
	}
	if (digit(**s) < 0)
		return true;
	if (!hex(s, digits, &v) || v > max)
		return false;
	*out = (int32_t)v;
	return true;
}

bool word_slot(const char *s, struct word_slot *out)
{
	unsigned colons = 0;
	*out = (struct word_slot){-1, -1, -1, -1};
	for (const char *p = s; *p; p++)
		colons += *p == ':';
	if (!*s || colons > 2)
		return false;
	if (colons == 2 && (!part(&s, 4, 0xffff, &out->seg) || *s++ != ':'))
		return false;
	if (colons && (!part(&s, 2, 0xff, &out->bus) || *s++ != ':'))
		return false;
	if (!part(&s, 2, 0x1f, &out->dev))
		return false;
	if (*s == '.') {
		s++;
		if (!part(&s, 1, 7, &out->fn))
			return false;
	}
	return !*s;
}

static bool is(int32_t want, unsigned have)
{
	return want < 0 || (unsigned)want == have;
}

bool word_slot_has(const struct word_slot *w, bdf_t f)
{
	return is(w->seg, f.seg) && is(w->bus, bdf_bus(f)) && is(w->dev, bdf_dev(f)) && is(w->fn, bdf_fn(f));
}

bool word_id(const char *s, struct word_id *out)
{
	*out = (struct word_id){-1, -1, -1};
	if (!part(&s, 4, 0xffff, &out->vendor) || *s++ != ':' || !part(&s, 4, 0xffff, &out->device))
		return false;
	return !*s || (*s++ == ':' && part(&s, 4, 0xffff, &out->class) && !*s);
}

#define APART_MAX 15u /* letters */

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* Three rows of the table of distances between beginnings of a and b. */
unsigned words_apart(const char *a, const char *b)
{
	unsigned row[3][APART_MAX + 1], n = (unsigned)strlen(a), m = (unsigned)strlen(b);
	if (n > APART_MAX || m > APART_MAX)
		return n + m;
	for (unsigned j = 0; j <= m; j++)
		row[0][j] = j;
	for (unsigned i = 1; i <= n; i++) {
		unsigned *now = row[i % 3], *last = row[(i + 2) % 3], *before = row[(i + 1) % 3];
		now[0] = i;
		for (unsigned j = 1; j <= m; j++) {
			now[j] = least(least(last[j], now[j - 1]) + 1, last[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				now[j] = least(now[j], before[j - 2] + 1);
		}
	}
	return row[n % 3][m];
}

bool words_offer(struct words_guess *g, const char *word)
{
	if (!word_after(word, g->start))
		return false;
	size_t i = 0;
	if (!g->n++)
		for (; i < sizeof g->common - 1 && word[i]; i++)
			g->common[i] = word[i];
	else
		while (g->common[i] && g->common[i] == word[i])
			i++;
	g->common[i] = 0;
	return true;
}
