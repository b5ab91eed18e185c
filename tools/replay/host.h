/* The kernel's surroundings on a host: host.c has panic, the clock, the core's number and RAM. */
#pragma once
#include "kernel/bits.h"

/* Gives the allocator its memory, once. False when there is none. */
bool host_init(void);
