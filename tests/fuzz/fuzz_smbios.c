/* SMBIOS: the input is an entry point and then the table. */
#include <string.h>
#include "kernel/smbios.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static struct smbios s;
	struct smbios_table t = {.count = UINT32_MAX};
	size_t entry = n < SMBIOS_ENTRY ? n : SMBIOS_ENTRY;
	if (smbios_entry((struct span){p, entry}, &t) == SL_OK && (!t.addr || !t.len || t.len > SMBIOS_MOST))
		__builtin_trap();
	smbios_read((struct span){p + entry, n - entry}, t.count, &s);
	for (unsigned i = 0; i < SMBIOS_FIELD_COUNT; i++) {
		size_t len = strlen(s.text[i]);
		if (len >= SMBIOS_TEXT || (len && (s.text[i][0] == ' ' || s.text[i][len - 1] == ' ')))
			__builtin_trap();
		for (size_t k = 0; k < len; k++)
			if (s.text[i][k] < ' ' || s.text[i][k] > '~')
				__builtin_trap();
	}
	if (strlen(s.uuid) != 0 && strlen(s.uuid) != 36)
		__builtin_trap();
	return 0;
}
