/* Pages that stand for the rest of the kernel: a successful attack is seen but does no harm. */
#pragma once
#include "kernel/bits.h"

uint8_t *standin_data(void);
/* A page of the kernel's text that is never executed. */
const uint8_t *standin_text(void);
/* The data gets its pattern, which is a secret, again. */
void standin_fill(void);
/* True while the data is as standin_fill() left it. */
bool standin_whole(void);
