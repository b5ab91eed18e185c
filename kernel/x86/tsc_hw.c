#include "kernel/mmio.h"
#include "kernel/time.h"
#include "kernel/x86/cpu.h"
#include "kernel/marker.h"
#include "kernel/paging.h"
#include "kernel/x86/percore.h"
#include "kernel/x86/port.h"
#include "kernel/tsc.h"

#define ACPI_TIMER_HZ 3579545u
#define GIGA          1000000000ull
#define PETA          1000000000000000ull

static struct tsc_info info;
static uint64_t start, mult; /* microseconds = ticks * mult >> 32; 0 until the rate is known */

uint64_t now_us(void)
{
	uint64_t tsc = cpu_tsc() - (uint64_t)core_self()->tsc_offset;
	return (uint64_t)((unsigned __int128)(tsc - start) * mult >> 32);
}

void delay_us(uint64_t us)
{
	uint64_t end = now_us() + us;
	MARKER(MARK_WAIT);
	while (mult && now_us() < end)
		cpu_pause();
	MARKER(MARK_GO_ON);
}

/* A counter to measure against. */
struct reference {
	const char *name;
	uint64_t hz;
	uint32_t mask;
	volatile uint8_t *mmio;
	uint16_t port;
};

static uint32_t read_counter(const struct reference *r)
{
	return r->mmio ? mmio_rd32(r->mmio) : port_in32(r->port);
}

/* One look at both clocks: of several the one with the least TSC time around the read, so that an
 * interruption by firmware or by a hypervisor falls out. */
static void look(const struct reference *r, uint64_t *tsc, uint32_t *count)
{
	uint64_t best = UINT64_MAX;
	for (int i = 0; i < 8; i++) {
		uint64_t before = cpu_tsc();
		uint32_t c = read_counter(r);
		uint64_t after = cpu_tsc();
		if (after - before < best) {
			best = after - before;
			*tsc = before + best / 2;
			*count = c;
		}
	}
}

static uint64_t measure(const struct reference *r)
{
	uint64_t t0, t1, spins = 0;
	uint32_t c0, c1, want = (uint32_t)(r->hz / 50); /* 20 ms */
	look(r, &t0, &c0);
	MARKER(MARK_WAIT);
	while (((read_counter(r) - c0) & r->mask) < want && spins < 10000000)
		spins++;
	MARKER(MARK_GO_ON);
	if (spins == 10000000)
		return 0; /* it stands still */
	look(r, &t1, &c1);
	return (t1 - t0) * r->hz / ((c1 - c0) & r->mask);
}

static uint64_t from_cpuid(void)
{
	uint32_t r[4];
	cpu_id(0x15, r);
	return r[0] && r[1] && r[2] ? (uint64_t)r[2] * r[1] / r[0] : 0;
}

static bool find_hpet(const struct acpi *acpi, struct reference *r)
{
	const struct acpi_table *t = acpi_find(acpi, "HPET", 0);
	uint64_t base = t ? acpi_hpet(t->data) : 0;
	volatile uint8_t *regs =
		base ? (volatile uint8_t *)mmio_claim("the HPET", PHYS(base), 0x400, PHYS_HPET) : NULL;
	uint32_t period = regs ? mmio_rd32(regs + 4) : 0; /* femtoseconds; HPET 1.0a §2.3.4 */
	if (!period || period > 100000000)
		return false;
	mmio_wr32(regs + 0x10, mmio_rd32(regs + 0x10) | 1); /* ENABLE_CNF */
	*r = (struct reference){"HPET", PETA / period, UINT32_MAX, regs + 0xf0, 0};
	return true;
}

static bool find_acpi_timer(const struct acpi *acpi, struct reference *r)
{
	const struct acpi_table *t = acpi_find(acpi, "FACP", 0);
	struct acpi_timer timer = t ? acpi_fadt_timer(t->data) : (struct acpi_timer){0};
	if (!timer.addr)
		return false;
	*r = (struct reference){"ACPI timer", ACPI_TIMER_HZ, timer.wide ? UINT32_MAX : 0xffffff, NULL,
				(uint16_t)timer.addr};
	if (timer.mmio)
		r->mmio = mmio_claim("the ACPI timer", PHYS(timer.addr), 4, PHYS_TIMER);
	return !timer.mmio || r->mmio;
}

enum sl_err tsc_init(const struct acpi *acpi, uint64_t zero)
{
	struct reference r;
	info = (struct tsc_info){from_cpuid(), "CPUID 15h"};
	if (!info.hz && find_hpet(acpi, &r))
		info = (struct tsc_info){measure(&r), "measured against HPET"};
	if (!info.hz && find_acpi_timer(acpi, &r))
		info = (struct tsc_info){measure(&r), "measured against ACPI timer"};
	enum sl_err e = info.hz ? SL_OK : SL_NOTFOUND;
	if (e)
		info = (struct tsc_info){GIGA, "assumed"};
	start = zero;
	mult = (1000000ull << 32) / info.hz;
	return e;
}

const struct tsc_info *tsc_info(void)
{
	return &info;
}
