#include "iommu/vtd/reasons.h"

static const struct {
	uint8_t number, why;
	const char *text;
} reasons[] = {
#define X(number, why, text) {number, WHY_##why, text},
	VTD_REASONS(X)
#undef X
};

enum iommu_why vtd_reason_why(uint8_t number)
{
	for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
		if (reasons[i].number == number)
			return reasons[i].why;
	return WHY_OTHER;
}

const char *vtd_reason_text(uint8_t number)
{
	for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
		if (reasons[i].number == number)
			return reasons[i].text;
	return "reserved reason";
}
