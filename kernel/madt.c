#include "kernel/madt.h"
#include "kernel/fmt.h"

#define HEADER 44u /* SDT header, local APIC address, flags */

/* Types of entries, ACPI 6.5 table 5.21 */
#define LOCAL_APIC     0
#define IO_APIC        1
#define INT_OVERRIDE   2
#define LAPIC_OVERRIDE 5
#define LOCAL_X2APIC   9
#define WAKEUP         16

static struct madt_cpu *find_cpu(struct madt *m, uint32_t id)
{
	for (unsigned i = 0; i < m->cpus; i++)
		if (m->cpu[i].apic_id == id)
			return &m->cpu[i];
	return NULL;
}

/* ids up to 254 may stand in entries of both types: they are one processor. §5.2.12.2, §5.2.12.12 */
static void add_cpu(struct madt *m, uint32_t id, uint32_t flags, uint32_t nobody)
{
	bool enabled = flags & 1, capable = flags >> 1 & 1;
	if (id == nobody || !(enabled || capable)) {
		m->absent++;
		return;
	}
	struct madt_cpu *known = find_cpu(m, id);
	if (known) {
		m->twice++;
		known->enabled |= enabled;
	} else if (m->cpus == MADT_MAX_CPUS) {
		m->lost++;
	} else {
		m->cpu[m->cpus++] = (struct madt_cpu){id, enabled};
	}
}

static void add_ioapic(struct madt *m, struct span e)
{
	struct madt_ioapic a = {.base = span_u32(e, 4), .gsi = span_u32(e, 8), .id = span_u8(e, 2)};
	if (!a.base)
		return;
	for (unsigned i = 0; i < m->ioapics; i++) {
		if (m->ioapic[i].base == a.base) {
			m->twice++;
			return;
		}
	}
	if (m->ioapics == MADT_MAX_IOAPICS)
		m->lost++;
	else
		m->ioapic[m->ioapics++] = a;
}

static void add_override(struct madt *m, struct span e)
{
	if (m->overrides == MADT_MAX_OVERRIDES)
		m->lost++;
	else
		m->override[m->overrides++] = (struct madt_override){
			.gsi = span_u32(e, 4), .flags = span_u16(e, 8), .irq = span_u8(e, 3)};
}

static void read_entry(struct madt *m, struct span e)
{
	static const uint8_t size[WAKEUP + 1] = {
		[LOCAL_APIC] = 8,      [IO_APIC] = 12,      [INT_OVERRIDE] = 10,
		[LAPIC_OVERRIDE] = 12, [LOCAL_X2APIC] = 16, [WAKEUP] = 16};
	uint8_t type = span_u8(e, 0);
	if (type > WAKEUP || !size[type])
		return; /* not used here */
	if (e.n < size[type]) {
		m->damaged = true;
		return;
	}
	switch (type) {
	case LOCAL_APIC:
		add_cpu(m, span_u8(e, 3), span_u32(e, 4), 0xff);
		break;
	case LOCAL_X2APIC:
		add_cpu(m, span_u32(e, 4), span_u32(e, 8), 0xffffffff);
		break;
	case WAKEUP: /* §5.2.12.19 */
		m->mailbox = span_u64(e, 8);
		break;
	case IO_APIC:
		add_ioapic(m, e);
		break;
	case INT_OVERRIDE:
		add_override(m, e);
		break;
	default:
		m->lapic = span_u64(e, 4);
	}
}

void madt_read(struct span t, struct madt *m)
{
	*m = (struct madt){.lapic = span_u32(t, 36), .has_8259 = span_u32(t, 40) & 1};
	size_t off = HEADER;
	while (span_has(t, off, 2)) {
		uint8_t len = span_u8(t, off + 1);
		if (len < 2 || !span_has(t, off, len))
			break;
		read_entry(m, span_sub(t, off, len));
		off += len;
	}
	m->damaged |= off != t.n;
}

bool madt_has(const struct madt *m, uint32_t apic_id)
{
	for (unsigned i = 0; i < m->cpus; i++)
		if (m->cpu[i].apic_id == apic_id)
			return true;
	return false;
}

unsigned madt_enabled(const struct madt *m)
{
	unsigned n = 0;
	for (unsigned i = 0; i < m->cpus; i++)
		n += m->cpu[i].enabled;
	return n;
}

uint32_t madt_highest(const struct madt *m)
{
	uint32_t most = 0;
	for (unsigned i = 0; i < m->cpus; i++)
		if (m->cpu[i].enabled && m->cpu[i].apic_id > most)
			most = m->cpu[i].apic_id;
	return most;
}

void madt_ids_text(const uint32_t *id, unsigned n, char *buf, size_t size)
{
	size_t at = 0;
	*buf = 0;
	for (unsigned i = 0, end; i < n; i = end) {
		char one[32];
		for (end = i + 1; end < n && id[end] && id[end] - 1 == id[end - 1];)
			end++;
		size_t len =
			(size_t)(end - i > 1 ? fmt_print(one, sizeof one, "%s%u-%u", at ? ", " : "", id[i],
							 id[end - 1])
					     : fmt_print(one, sizeof one, "%s%u", at ? ", " : "", id[i]));
		bool fits = at + len + (end < n ? sizeof ", ..." : 1) <= size;
		at += (size_t)fmt_print(buf + at, size - at, "%s", fits ? one : ", ...");
		if (!fits)
			return;
	}
}
