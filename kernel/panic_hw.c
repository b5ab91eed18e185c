#include <stdarg.h>
#include "kernel/fmt.h"
#include "kernel/log.h"
#include "kernel/panic.h"
#include "kernel/power.h"
#include "kernel/x86/percore.h"

void panic(const char *fmt, ...)
{
	const struct trap_frame here = {.rip = (uintptr_t)__builtin_return_address(0),
					.rbp = (uintptr_t)__builtin_frame_address(0)};
	trap_end_begin(&here);
	char text[256];
	va_list ap;
	va_start(ap, fmt);
	fmt_vprint(text, sizeof text, fmt, ap);
	va_end(ap);
	log_fail("panic", "report this with the lines below: it is a bug in Sluice", "%s", text);
	trap_backtrace(here.rip, here.rbp, 0);
	core_stop_others();
	power_crash("crash", "BUG");
}

/* The stack protector's (gcc's and clang's names): the canary, which apps/entry.S fills, and what is called
 * when a function finds it changed. */
extern uint64_t __stack_chk_guard;
uint64_t __stack_chk_guard;
_Noreturn void __stack_chk_fail(void);

void __stack_chk_fail(void)
{
	panic("stack overrun: a function wrote past its local variables");
}
