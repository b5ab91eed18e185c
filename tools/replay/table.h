/* A table of the firmware by itself, in words: what it names, whatever the rules say of it. */
#pragma once
#include "kernel/span.h"

/* One line for each structure that can be read, with its scopes below; nothing when it is no DMAR table. */
void table_print(struct span table);
/* The same of an IVRS table, and the entries of each block. */
void table_print_ivrs(struct span table);
