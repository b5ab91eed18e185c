#include "kernel/stacks.h"
#include "kernel/str.h"

static struct {
	const uint8_t *low;
	size_t bytes;
} stack[CORES_MAX][STACK_KINDS];

void stacks_note(unsigned core, enum stack_kind kind, const void *low, size_t bytes)
{
	stack[core][kind].low = low;
	stack[core][kind].bytes = bytes;
}

void stacks_add(unsigned core, enum stack_kind kind, void *low, size_t bytes)
{
	memset(low, STACK_PAINT, bytes);
	stacks_note(core, kind, low, bytes);
}

bool stacks_used(unsigned core, enum stack_kind kind, size_t *used, size_t *bytes)
{
	const uint8_t *low = stack[core][kind].low;
	size_t left = 0;
	*bytes = stack[core][kind].bytes;
	while (left < *bytes && low[left] == STACK_PAINT)
		left++;
	*used = *bytes - left;
	return low;
}

struct stack_mark stacks_fullest(void)
{
	struct stack_mark most = {0}, m;
	for (m.core = 0; m.core < CORES_MAX; m.core++)
		for (m.kind = STACK_WORK; m.kind < STACK_KINDS; m.kind++)
			if (stacks_used(m.core, m.kind, &m.used, &m.bytes) &&
			    (!most.bytes || m.used * most.bytes > most.used * m.bytes))
				most = m;
	return most;
}

const char *stack_name(enum stack_kind kind)
{
	static const char *const name[STACK_KINDS] = {"work", "#DF", "NMI", "#MC", "start"};
	return name[kind];
}
