/* Private to apps/audit/: shared by the printers of text. */
#pragma once
#include "apps/audit/report.h"

#define PRINT_COLUMNS 79u

/* At most 500 characters, as printf. */
void print_say(report_text *to, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Words of text behind a label, wrapped and indented; nothing for an empty text. */
void print_wrapped(report_text *to, const char *label, const char *text);

/* What units have of scalable mode, which functions have ATS, PASID or PRI, and whether a process's addresses
 * can be given to a device (SVA). */
void print_sharing(const struct audit_result *r, report_text *to);
