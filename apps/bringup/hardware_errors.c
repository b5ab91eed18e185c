#include "apps/bringup/hardware_errors.h"
#include "kernel/fmt.h"
#include "kernel/str.h"

struct hardware_errors *hardware_errors(void)
{
	static struct hardware_errors all;
	return &all;
}

static bool same(const struct hardware_error *a, const struct hardware_error *b)
{
	return a->source == b->source && a->grade == b->grade && strcmp(a->who, b->who) == 0;
}

void hardware_errors_add(struct hardware_errors *all, const struct hardware_error *e)
{
	unsigned i = 0;
	while (i < all->n && i < HARDWARE_ERRORS - 1 && !same(&all->error[i], e))
		i++;
	if (i == all->n) {
		all->error[all->n++] = *e;
		return;
	}
	if (!same(&all->error[i], e))
		fmt_print(all->error[i].who, sizeof all->error[i].who, "several");
	all->error[i].count += e->count;
}

const char *hardware_source_name(unsigned source)
{
	static const char *const names[HARDWARE_SOURCES] = {"NMI", "MCE", "AER"};
	return source < HARDWARE_SOURCES ? names[source] : "?";
}

const char *hardware_grade_name(unsigned grade)
{
	static const char *const names[HARDWARE_GRADES] = {"uncorrected", "corrected", "refused", "before"};
	return grade < HARDWARE_GRADES ? names[grade] : "?";
}
