/* checkcfg FILE [NAME]: reads options as Sluice does, so that a mistake is named before a boot. NAME stands
 * for the file in messages. Exit status: 0, or 2 where Sluice would refuse them. */
#include <stdio.h>
#include "boot/config.h"

int main(int argc, char **argv)
{
	static char text[CONFIG_FILE_MAX + 1];
	static struct config cfg;
	FILE *f = argc > 1 ? fopen(argv[1], "rb") : NULL;
	if (!f) {
		fprintf(stderr, "checkcfg: %s cannot be read\n", argc > 1 ? argv[1] : "no file");
		return 2;
	}
	size_t n = fread(text, 1, sizeof text, f);
	fclose(f);
	config_defaults(&cfg);
	(void)config_parse(&cfg, argc > 2 ? argv[2] : "sluice.cfg", text, n, false);
	for (uint32_t i = 0; i < cfg.repeats; i++)
		fprintf(stderr, "%s:%u: %s= stands there a second time: the last one counts\n",
			cfg.repeat[i].source, cfg.repeat[i].line, cfg.repeat[i].key);
	if (!cfg.error.line)
		return 0;
	fprintf(stderr, "%s:%u:%u: %s\n", cfg.error.source, cfg.error.line, cfg.error.col, cfg.error.text);
	return 2;
}
