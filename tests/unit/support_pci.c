#include <string.h>
#include "kernel/log.h"
#include "kernel/pmm.h"
#include "tests/unit/test.h"
#include "tools/replay/replay.h"
#include "tests/unit/support.h"
#include "tests/unit/support_pci.h"

struct cm m;
struct pci pci;
char logged[4096];

int pci_group_setup(void **state)
{
	(void)state;
	log_sink_add(logged_sink);
	return pmm_add(support_ram(16 << 20, 0x40000000), (16 << 20) / PAGE_SIZE) != SL_OK;
}

int pci_setup(void **state)
{
	(void)state;
	cm_init(&m);
	memset(&pci, 0, sizeof(pci));
	logged[0] = 0;
	return 0;
}

int pci_teardown(void **state)
{
	(void)state;
	unsigned violations = m.violations;
	cm_free(&m);
	if (violations)
		fail_msg("%u violations, the last: %s", violations, m.why);
	return 0;
}

void logged_sink(const char *text, size_t len)
{
	size_t have = strlen(logged);
	if (len < sizeof(logged) - have) {
		memcpy(logged + have, text, len);
		logged[have + len] = 0;
	}
}

void scan_all(void)
{
	assert_int_equal(pci_scan(&pci, &m.cfg, 0, 0, 255), SL_OK);
}

void scan_recorded(const char *name, uint16_t last, struct replay **r)
{
	char path[512];
	support_file("lspci", name, path, sizeof(path));
	*r = replay_load(path);
	assert_non_null(*r);
	memset(&pci, 0, sizeof(pci));
	for (uint16_t seg = 0; seg <= last; seg++)
		assert_int_equal(pci_scan(&pci, replay_cfg(*r), seg, 0, 255), SL_OK);
}
