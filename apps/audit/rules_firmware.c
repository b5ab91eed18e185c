/* Whether firmware checks what it starts. */
#include "apps/audit/finding.h"
#include "apps/audit/rules.h"

void rules_firmware(struct judge *j)
{
	static const enum audit_rule rules[] = {
		[SECURE_OFF] = RULE_SECURE_BOOT_OFF,
		[SECURE_UNKNOWN] = RULE_SECURE_BOOT_UNKNOWN,
		[SECURE_SETUP] = RULE_SECURE_BOOT_SETUP,
	};
	static const char *const read[] = {
		[SECURE_OFF] = "EFI variable SecureBoot is 0 or not there",
		[SECURE_UNKNOWN] = "EFI variable SecureBoot: GetVariable failed, or it is not recorded",
		[SECURE_SETUP] = "EFI variable SetupMode is 1",
	};
	unsigned s = j->in->secure_boot;
	if (s != SECURE_ON && s < ARRAY_LEN(rules))
		finding_of(j, rules[s], "machine", "%s", read[s]);
}
