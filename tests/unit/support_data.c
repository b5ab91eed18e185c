/* Recorded data of real machines, which is not part of the source. Only for programs of cmocka: what is not
 * there is a case that was skipped. */
#define _DEFAULT_SOURCE
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tests/unit/support.h"
#include "tests/unit/test.h"

static void not_recorded(const char *path)
{
	printf("SKIP no recorded data: %s is not there\n", path);
	skip();
}

const char *support_data(const char *folder)
{
	static char path[512];
	const char *base = getenv("SLUICE_DATA");
	snprintf(path, sizeof path, "%s/%s", base ? base : "../shared/data", folder);
	DIR *d = opendir(path);
	if (d)
		closedir(d);
	else
		not_recorded(path);
	return path;
}

const char *support_next(const char *dir)
{
	static DIR *open_dir;
	if (!open_dir)
		open_dir = opendir(dir);
	struct dirent *e = open_dir ? readdir(open_dir) : NULL;
	if (e)
		return e->d_name;
	if (open_dir)
		closedir(open_dir);
	open_dir = NULL;
	return NULL;
}

void support_file(const char *folder, const char *name, char *path, size_t n)
{
	snprintf(path, n, "%s/%s", support_data(folder), name);
	FILE *f = fopen(path, "r");
	if (f)
		fclose(f);
	else
		not_recorded(path);
}

bool support_ends(const char *name, const char *end)
{
	size_t n = strlen(name), e = strlen(end);
	return n >= e && strcmp(name + n - e, end) == 0;
}
