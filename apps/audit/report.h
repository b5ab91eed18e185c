/* The audit's report as text for people: made from a result of audit_run() and passed to a callback; nothing
 * is judged here. */
#pragma once
#include "apps/audit/audit.h"

/* Text, in pieces of at most 500 characters. */
typedef void report_text(const char *text);

/* Every function with group, unit and class. */
void report_functions(const struct audit_result *r, report_text *to);
/* Findings, the worst first, in 80 columns. */
void report_findings(const struct audit_result *r, report_text *to);
/* Findings of that severity as the page counts them: those with one id are one, however many places have it.
 */
unsigned report_count(const struct audit_result *r, enum audit_severity severity);
/* The page: at most REPORT_PAGE lines of at most 79 columns. */
#define REPORT_PAGE 24u
void report_page(const struct audit_result *r, unsigned lines, uint32_t crc, report_text *to);
