#include "apps/shell/pager.h"

/* The last row is for the question. */
static bool full(const struct pager *p)
{
	return p->row >= p->rows - 1;
}

enum pager_says pager_next(struct pager *p, char c)
{
	if (p->drop)
		return PAGER_DROP;
	if (!p->off && full(p))
		return PAGER_ASK;
	if (c == '\n') {
		p->row++;
		p->column = 0;
		return PAGER_PASS;
	}
	if (p->column >= p->columns) { /* the terminal wraps to the next row */
		p->row++;
		p->column = 0;
		if (!p->off && full(p))
			return PAGER_ASK;
	}
	p->column = c == '\t' ? (p->column | 7) + 1 : p->column + 1;
	return PAGER_PASS;
}

bool pager_answer(struct pager *p, int key)
{
	switch (key) {
	case ' ':
		p->row = 0;
		return true;
	case '\r':
	case '\n':
		p->row = p->rows - 2;
		return true;
	case 'a':
		p->off = true;
		return true;
	case 'q':
	case 3:
		p->drop = true;
		return true;
	}
	return false;
}
