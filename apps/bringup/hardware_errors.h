/* Errors that the hardware reported in this run: kept by apps/bringup/hardware.c, read by the audit. */
#pragma once
#include <stdint.h>

#define HARDWARE_ERRORS 32u

/* "source" and "grade" of an error line in a report: "NMI", "MCE" (machine check), "AER" (PCI Express);
 * "uncorrected", "corrected", "refused" (a request that a function refused), "before" (uncorrected, before
 * this run). */
enum hardware_source { HARDWARE_NMI, HARDWARE_MCE, HARDWARE_AER, HARDWARE_SOURCES };
enum hardware_grade {
	HARDWARE_UNCORRECTED,
	HARDWARE_CORRECTED,
	HARDWARE_REFUSED,
	HARDWARE_BEFORE,
	HARDWARE_GRADES
};

struct hardware_error {
	uint8_t source, grade;
	uint32_t count; /* how often the same source reported one of that grade */
	char who[16];   /* "core 1", "0000:01:00.0", "machine" */
	char text[200]; /* what was read the first time */
};

struct hardware_errors {
	struct hardware_error error[HARDWARE_ERRORS]; /* in the order of their first report */
	unsigned n;
};

/* The errors of this run. */
struct hardware_errors *hardware_errors(void);
/* Counts an error with the one of the same source, grade and who, or adds it. When the list is full, the last
 * entry counts those that have no entry, as who "several". */
void hardware_errors_add(struct hardware_errors *all, const struct hardware_error *e);
/* "AER" for an enum hardware_source, "corrected" for an enum hardware_grade; "?" for other numbers. */
const char *hardware_source_name(unsigned source);
const char *hardware_grade_name(unsigned grade);
