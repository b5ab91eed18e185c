/* clang-format off */
/* MADT: processors and I/O APICs, in every table of up to SIZE bytes
 * CHECKS: nothing outside is read; the walk ends; no APIC id and no I/O APIC stands twice; counts fit; damage is seen
 * SOURCES: kernel/madt.c
 * UNWIND: 10
 * EDIT: kernel/madt.h | MADT_MAX_CPUS      1024u | MADT_MAX_CPUS      1u | room for one processor, so that a second finds none
 * EDIT: kernel/madt.h | MADT_MAX_IOAPICS   64u | MADT_MAX_IOAPICS   1u | likewise
 * EDIT: kernel/madt.h | MADT_MAX_OVERRIDES 32u | MADT_MAX_OVERRIDES 1u | likewise
 * SEED: kernel/madt.c | if (len < 2 || | if ( | an entry of length 0 is accepted: the walk does not end
 * SEED: kernel/madt.c | m->cpus == MADT_MAX_CPUS | m->cpus > MADT_MAX_CPUS | one processor more is kept than there is room for
 */
/* clang-format on */
#include "kernel/madt.h"
#include "tests/prove/prove.h"

#define SIZE 60

int main(void)
{
	ANY_SPAN(table, SIZE);
	static struct madt m;
	unsigned i = any_u32(), j = any_u32();
	madt_read(table, &m);
	assert(m.cpus <= MADT_MAX_CPUS && m.ioapics <= MADT_MAX_IOAPICS && m.overrides <= MADT_MAX_OVERRIDES);
	assert(m.lost + m.twice + m.cpus + m.ioapics + m.overrides <= (SIZE - 44) / 8);
	if (i < m.cpus && j < m.cpus)
		assert(i == j || m.cpu[i].apic_id != m.cpu[j].apic_id);
	if (i < m.ioapics && j < m.ioapics)
		assert(m.ioapic[i].base && (i == j || m.ioapic[i].base != m.ioapic[j].base));
	assert(madt_enabled(&m) <= m.cpus);
	if (i < m.cpus)
		assert(madt_has(&m, m.cpu[i].apic_id) &&
		       (!m.cpu[i].enabled || m.cpu[i].apic_id <= madt_highest(&m)));
	assert(m.damaged || table.n >= 44);
	return 0;
}
