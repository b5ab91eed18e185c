/* What the host tests of pci/ share: a model machine that each test fills, and the console's text. */
#pragma once
#include "pci/pci.h"
#include "tests/model/cfg_model.h"

extern struct cm m;
extern struct pci pci;
extern char logged[4096];

/* cmocka's setup of a group: memory for functions, and the log in logged. */
int pci_group_setup(void **state);
/* cmocka's setup: an empty machine, nothing scanned, nothing logged. */
int pci_setup(void **state);
/* cmocka's teardown: fails when software did what it must not do. */
int pci_teardown(void **state);
/* log_sink() of these tests: appends to logged. */
void logged_sink(const char *text, size_t len);
/* Scans all buses of segment 0 of the model machine. */
void scan_all(void);
/* Scans segments 0 to last of the recorded machine in lspci/name; where that is not there, the test ends here
 * as skipped. The caller frees *r with replay_free(). */
struct replay;
void scan_recorded(const char *name, uint16_t last, struct replay **r);
