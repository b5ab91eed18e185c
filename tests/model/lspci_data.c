#include "tests/model/lspci_data.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void folder(char *path, size_t n, const char *name)
{
	const char *base = getenv("SLUICE_DATA");
	snprintf(path, n, "%s/lspci/%s", base ? base : "../shared/data", name);
}

bool lspci_data(const char *name, char *path, size_t n)
{
	folder(path, n, name);
	FILE *f = fopen(path, "r");
	if (f)
		fclose(f);
	else
		printf("SKIP %s: not there\n", path);
	return f;
}

unsigned lspci_each(void (*fn)(const char *name))
{
	char path[512];
	folder(path, sizeof(path), "");
	DIR *dir = opendir(path);
	unsigned n = 0;
	for (const struct dirent *e; dir && (e = readdir(dir));) {
		const char *dot = strrchr(e->d_name, '.');
		if (!dot || strcmp(dot, ".txt") != 0)
			continue;
		snprintf(path, sizeof(path), "%.*s", (int)(dot - e->d_name), e->d_name);
		fn(path);
		n++;
	}
	if (dir)
		closedir(dir);
	if (n == 0)
		printf("SKIP no dumps in %s\n", path);
	return n;
}
