#include "kernel/identity.h"
#include "kernel/fmt.h"

struct identity_time identity_time(const struct identity *id)
{
	struct identity_time t = {""};
	if (!id->year)
		return t;
	int n = fmt_print(t.s, sizeof t.s, "%04u-%02u-%02uT%02u:%02u:%02u", id->year, id->month, id->day,
			  id->hour, id->minute, id->second);
	if (id->zone != IDENTITY_NO_ZONE) {
		bool west = id->zone > 0;
		unsigned minutes = (unsigned)(west ? id->zone : -id->zone);
		fmt_print(t.s + n, sizeof t.s - (size_t)n, "%c%02u:%02u", west ? '-' : '+', minutes / 60,
			  minutes % 60);
	}
	return t;
}

static bool is_private(enum smbios_field field)
{
#define PRIVATE(name, key, type, at, priv) [name] = priv,
	static const bool serial[] = {SMBIOS_FIELDS(PRIVATE)};
	return serial[field];
}

const char *identity_text(const struct identity *id, enum smbios_field field)
{
	if (id->privacy && is_private(field))
		return "left out";
	return id->smbios.text[field][0] ? id->smbios.text[field] : "none";
}

const char *identity_uuid(const struct identity *id)
{
	return id->privacy ? "left out" : id->smbios.uuid[0] ? id->smbios.uuid : "none";
}

void identity_report(struct jsonl *j, const struct identity *id)
{
	struct identity_time time = identity_time(id);
	jsonl_start(j, "machine");
	jsonl_text(j, "build", id->build);
	jsonl_text(j, "built", id->built);
	if (time.s[0])
		jsonl_text(j, "time", time.s);
	for (unsigned i = 0; i < SMBIOS_FIELD_COUNT; i++)
		if (id->smbios.text[i][0])
			jsonl_text(j, smbios_key(i), id->smbios.text[i]);
	if (id->smbios.uuid[0])
		jsonl_text(j, "uuid", id->smbios.uuid);
	if (id->privacy)
		jsonl_add(j, ",\"privacy\":1");
	jsonl_end(j);
}
