/* Functions that a test links because others of their file are used, and that nothing in it may call:
 * NEVER(name(parameters)) for those that return an error, NEVER_VOID(name(parameters)). */
#pragma once
#include "kernel/err.h"

#pragma GCC diagnostic ignored "-Wunused-parameter"
#define NEVER(call) enum sl_err call { fail(); return SL_DEVICE; }
#define NEVER_VOID(call)                                                                                     \
	void call                                                                                            \
	{                                                                                                    \
		fail();                                                                                      \
	}
