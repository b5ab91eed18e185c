/* sluice.cfg and the loader's command line. */
#include "boot/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct config cfg;
	for (int words = 0; words < 2; words++) {
		config_defaults(&cfg);
		enum sl_err e = config_parse(&cfg, "fuzz", (const char *)p, n, words);
		if ((e != SL_OK) != (cfg.error.line != 0) || cfg.vfs < 1 || cfg.vfs > 64 || cfg.qd < 1 ||
		    cfg.qd > 256)
			__builtin_trap();
	}
	return 0;
}
