/* Names of functions at the prompt, and common preconditions of commands. */
#pragma once
#include "apps/machine.h"

/* "01:00.0", with its segment where that is not 0. */
#define NAME_SIZE 16
const char *function_name(bdf_t fn, char name[NAME_SIZE]);
/* The function that a word names; NULL, and a sentence, when there is none. */
struct pci_func *function_named(const struct machine *m, const char *word);
/* False, and a sentence, when translation is not on. */
bool need_translation(const struct machine *m);
/* A PF with VFs enabled; NULL when there is none. */
struct pci_func *pf_with_vfs(const struct machine *m);
