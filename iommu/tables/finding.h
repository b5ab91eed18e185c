/* A finding in a table of the firmware: the rule that it is of, the place, and the words for it. A finding
 * gives the place; its rule gives the meaning, how an operating system reacts, and what to report to the
 * firmware's vendor. */
#pragma once
#include "kernel/bdf.h"
#include "kernel/span.h"

enum table_severity {
	TABLE_BUG,    /* firmware bug: only newer firmware fixes it */
	TABLE_CHOICE, /* chosen in firmware setup, or by the maker */
	TABLE_NOTE,   /* allowed, or harmless, and worth knowing */
};

/* What follows the name in a rule's key. */
enum table_key {
	TABLE_KEY_NAME,     /* header: only the name */
	TABLE_KEY_OFF,      /* "@0x78" */
	TABLE_KEY_OFF_HEX,  /* "@0x78:0x0", value */
	TABLE_KEY_OFF_DEC,  /* "@0x78:2", value */
	TABLE_KEY_TYPE_LEN, /* "@0x68:type17217:len18768", value and value2 */
	TABLE_KEY_SEGMENT,  /* ":segment0", value */
	TABLE_KEY_DEC,      /* ":2", value */
	TABLE_KEY_FUNCTION, /* ":0000:01:00.0", fn */
};

struct table_rule_text {
	const char *what; /* one line */
	const char *os;   /* how an operating system reacts */
	const char *ask;  /* a sentence for the firmware's vendor, "" where what says all; or the setting to
			     choose in its setup */
};

/* The rules about one kind of table; arrays are by the number of the rule. */
struct table_rules {
	const char *table; /* "DMAR" */
	unsigned count;
	const char *const *names;  /* "rmrr-zero" */
	const uint8_t *severities; /* enum table_severity */
	const uint8_t *keys;       /* enum table_key */
	const struct table_rule_text *texts;
};

struct table_finding {
	const struct table_rules *rules;
	unsigned rule;          /* below rules->count */
	size_t off;             /* of the structure, scope or entry in the table; 0: the header */
	struct span bytes;      /* of it, cut at the table's end */
	uint64_t value, value2; /* shown in the key */
	bool has_fn;
	bdf_t fn; /* the function that it is about */
};

typedef void table_finding_fn(void *ctx, const struct table_finding *f);

const char *table_finding_name(const struct table_finding *f);
enum table_severity table_finding_severity(const struct table_finding *f);
const struct table_rule_text *table_finding_words(const struct table_finding *f);
/* "firmware bug". */
const char *table_severity_name(enum table_severity s);
/* "rmrr-limit-unaligned@0x78:0x0": stable, for programs. As snprintf, and so are the next two. */
int table_finding_key(const struct table_finding *f, char *buf, size_t n);
/* "firmware bug rmrr-zero@0x78: an RMRR from 0 to 0 (0000:00:1d.0)". */
int table_finding_text(const struct table_finding *f, char *buf, size_t n);
/* For a report to the vendor: the table's OEM names, the place, its first bytes and the expected content. */
int table_finding_report(struct span table, const struct table_finding *f, char *buf, size_t n);
