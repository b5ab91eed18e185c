/* Memory in which an access that is allowed will be seen. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct place_seen {
	const volatile uint64_t *words; /* NULL: it will not be seen */
	size_t len;                     /* bytes, a multiple of 8 */
	uint64_t sum;
};

/* As it is now. at: aligned to 8 bytes, or NULL. */
struct place_seen place_look(const void *at, size_t len);
/* It is not as it was. */
bool place_changed(const struct place_seen *p);
