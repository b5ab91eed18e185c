#include "apps/proof/cases.h"
#include "kernel/fmt.h"
#include "kernel/str.h"

static struct proof_cases last;

struct proof_cases *proof_cases(void)
{
	return &last;
}

void cases_clear(struct proof_cases *all)
{
	all->n = 0;
	memset(all->left_out, 0, sizeof all->left_out);
}

/* Which of two cases is kept: the more significant one. */
static unsigned weight(unsigned outcome)
{
	static const uint8_t weights[CASE_OUTCOMES] = {
		[CASE_NOT_ENFORCED] = 1, [CASE_NOT_TRIED] = 1, [CASE_NOT_PROVED] = 2, [CASE_SUCCEEDED] = 3};
	return outcome < CASE_OUTCOMES ? weights[outcome] : 3;
}

void cases_add(struct proof_cases *all, const struct proof_case *c)
{
	unsigned out = 0;
	if (all->n < CASES_MAX) {
		all->tried[all->n++] = *c;
		return;
	}
	for (unsigned i = 1; i < CASES_MAX; i++) /* the last of those that say least */
		if (weight(all->tried[i].outcome) <= weight(all->tried[out].outcome))
			out = i;
	if (weight(all->tried[out].outcome) >= weight(c->outcome)) {
		all->left_out[c->outcome % CASE_OUTCOMES]++;
		return;
	}
	all->left_out[all->tried[out].outcome % CASE_OUTCOMES]++;
	memmove(&all->tried[out], &all->tried[out + 1], (CASES_MAX - 1 - out) * sizeof all->tried[0]);
	all->tried[CASES_MAX - 1] = *c;
}

/* "VF3", "AHCI+msi", "e1000e": up to what follows, without the number at its end. */
static size_t class_of(const char *who)
{
	size_t n = 0;
	while (who[n] && who[n] != '+')
		n++;
	while (n && who[n - 1] >= '0' && who[n - 1] <= '9')
		n--;
	return n;
}

static bool same_class(const char *a, const char *b)
{
	size_t n = class_of(a);
	return n == class_of(b) && memcmp(a, b, n) == 0;
}

void cases_classes(const struct proof_cases *all, char *buf, size_t n)
{
	size_t at = 0;
	buf[0] = 0;
	for (unsigned i = 0; i < all->n && at < n; i++) {
		const char *who = all->tried[i].who;
		unsigned first = 0;
		while (!same_class(all->tried[first].who, who))
			first++;
		if (first == i)
			at += (size_t)fmt_print(buf + at, n - at, "%s%.*s", at ? ", " : "",
						(int)class_of(who), who);
	}
	if (at < n)
		return;
	at = n > sizeof ", ..." ? n - sizeof ", ..." : 0; /* the last place for it */
	while (at && buf[at] != ',')
		at--;
	fmt_print(buf + at, n - at, "%s", at ? ", ..." : "...");
}

unsigned cases_count(const struct proof_cases *all, enum case_outcome outcome)
{
	unsigned n = all->left_out[outcome];
	for (unsigned i = 0; i < all->n; i++)
		n += all->tried[i].outcome == outcome;
	return n;
}
