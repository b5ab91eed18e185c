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

enum iommu_why vtd_reason_why_of(uint8_t number, bool write)
{
	if (number == 0x71 || number == 0x79)
		return write ? WHY_NO_WRITE : WHY_NO_READ;
	return vtd_reason_why(number);
}

const char *vtd_reason_text(uint8_t number)
{
	for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
		if (reasons[i].number == number)
			return reasons[i].text;
	return "reserved reason";
}
