#include "apps/shell/line.h"
#include "kernel/str.h"

#define CTRL(c) ((c)&0x1f)
#define ESC     0x1b
#define DEL     0x7f

static void put(struct line *l, const char *text, size_t len)
{
	if (len)
		l->out(l->ctx, text, len);
}

static void repeat(struct line *l, char c, unsigned n)
{
	while (n--)
		put(l, &c, 1);
}

static void bell(struct line *l)
{
	put(l, "\a", 1);
}

static void move(struct line *l, unsigned to)
{
	if (to < l->at)
		repeat(l, '\b', l->at - to);
	else
		put(l, l->text + l->at, to - l->at);
	l->at = to;
}

/* Writes what stands behind the cursor again, over gone characters that are no longer there. */
static void show_rest(struct line *l, unsigned gone)
{
	put(l, l->text + l->at, l->len - l->at);
	repeat(l, ' ', gone);
	repeat(l, '\b', l->len - l->at + gone);
}

static void cut(struct line *l, unsigned from, unsigned to)
{
	move(l, from);
	memmove(l->text + from, l->text + to, l->len - to + 1);
	l->len -= to - from;
	show_rest(l, to - from);
}

bool line_insert(struct line *l, const char *text, size_t len)
{
	if (len >= LINE_SIZE - l->len) {
		bell(l);
		return false;
	}
	memmove(l->text + l->at + len, l->text + l->at, l->len - l->at + 1);
	memcpy(l->text + l->at, text, len);
	l->len += (unsigned)len;
	put(l, text, len);
	l->at += (unsigned)len;
	show_rest(l, 0);
	return true;
}

void line_start(struct line *l)
{
	l->text[0] = 0;
	l->len = l->at = l->back = l->escape = 0;
}

void line_show(struct line *l)
{
	unsigned at = l->at;
	put(l, l->text, l->len);
	l->at = l->len;
	move(l, at);
}

static void replace(struct line *l, const char *text)
{
	cut(l, 0, l->len);
	(void)line_insert(l, text, strlen(text));
}

static const char *entry(const struct line *l, unsigned back)
{
	return l->history[(l->entries - back) % LINE_HISTORY];
}

static void recall(struct line *l, unsigned back)
{
	unsigned kept = l->entries < LINE_HISTORY ? l->entries : LINE_HISTORY;
	if (back > kept) {
		bell(l);
		return;
	}
	if (!l->back)
		memcpy(l->draft, l->text, LINE_SIZE);
	l->back = back;
	replace(l, back ? entry(l, back) : l->draft);
}

static void older(struct line *l)
{
	recall(l, l->back + 1);
}

static void newer(struct line *l)
{
	if (l->back)
		recall(l, l->back - 1);
	else
		bell(l);
}

/* Empty lines and repetitions are not worth an entry. */
static enum line_event done(struct line *l)
{
	move(l, l->len);
	put(l, "\n", 1);
	if (l->len && (!l->entries || strcmp(entry(l, 1), l->text) != 0))
		memcpy(l->history[l->entries++ % LINE_HISTORY], l->text, LINE_SIZE);
	return LINE_DONE;
}

static unsigned word_before(const struct line *l)
{
	unsigned i = l->at;
	while (i && l->text[i - 1] == ' ')
		i--;
	while (i && l->text[i - 1] != ' ')
		i--;
	return i;
}

/* The end of an escape sequence: cursor keys, Home, End and Delete; others mean nothing here. */
static void sequence(struct line *l, uint8_t last)
{
	if (last == 'A')
		older(l);
	else if (last == 'B')
		newer(l);
	else if (last == 'C' && l->at < l->len)
		move(l, l->at + 1);
	else if (last == 'D' && l->at)
		move(l, l->at - 1);
	else if (last == 'H' || (last == '~' && (l->number == 1 || l->number == 7)))
		move(l, 0);
	else if (last == 'F' || (last == '~' && (l->number == 4 || l->number == 8)))
		move(l, l->len);
	else if (last == '~' && l->number == 3 && l->at < l->len)
		cut(l, l->at, l->at + 1);
}

/* True when the byte belongs to an escape sequence: ESC [ parameters letter, or ESC O letter. */
static bool escaped(struct line *l, uint8_t c)
{
	unsigned state = l->escape;
	if (!state || c == CTRL('C')) {
		l->escape = 0;
		return false;
	}
	l->escape = 0;
	if (state == 1) {
		l->number = 0;
		l->escape = c == '[' ? 2 : c == 'O' ? 3 : c == ESC ? 1 : 0;
	} else if (state == 2 && c >= 0x20 && c < 0x40) {
		l->number = c >= '0' && c <= '9' ? (l->number * 10 + c - '0') % 1000 : 0;
		l->escape = 2;
	} else {
		sequence(l, c);
	}
	return true;
}

/* Keys that move in the line or change it. */
static void edit(struct line *l, uint8_t c)
{
	switch (c) {
	case CTRL('H'):
	case DEL:
		if (l->at)
			cut(l, l->at - 1, l->at);
		else
			bell(l);
		break;
	case CTRL('D'):
		if (l->at < l->len)
			cut(l, l->at, l->at + 1);
		break;
	case CTRL('A'):
		move(l, 0);
		break;
	case CTRL('E'):
		move(l, l->len);
		break;
	case CTRL('B'):
		if (l->at)
			move(l, l->at - 1);
		break;
	case CTRL('F'):
		if (l->at < l->len)
			move(l, l->at + 1);
		break;
	case CTRL('K'):
		cut(l, l->at, l->len);
		break;
	case CTRL('U'):
		cut(l, 0, l->at);
		break;
	case CTRL('W'):
		cut(l, word_before(l), l->at);
		break;
	case CTRL('P'):
		older(l);
		break;
	case CTRL('N'):
		newer(l);
		break;
	}
}

static enum line_event control(struct line *l, uint8_t c)
{
	switch (c) {
	case '\r':
		return done(l);
	case '\n':
		return l->after_cr ? LINE_MORE : done(l);
	case '\t':
		return LINE_COMPLETE;
	case CTRL('C'):
		line_start(l);
		put(l, "^C\n", 3);
		return LINE_STOP;
	case CTRL('L'):
		put(l, "\n", 1);
		return LINE_REDRAW;
	case ESC:
		l->escape = 1;
		break;
	default:
		edit(l, c);
	}
	return LINE_MORE;
}

enum line_event line_key(struct line *l, uint8_t c)
{
	enum line_event e = LINE_MORE;
	if (!escaped(l, c)) {
		if (c < 0x20 || c == DEL)
			e = control(l, c);
		else if (c < DEL)
			(void)line_insert(l, (const char *)&c, 1);
		else
			bell(l);
	}
	l->after_cr = c == '\r';
	return e;
}
