#include "kernel/mmio.h"
#include "kernel/time.h"
#include "kernel/x86/apic.h"
#include "kernel/x86/cpu.h"
#include "kernel/irq.h"
#include "kernel/paging.h"
#include "kernel/x86/port.h"

#define APIC_BASE 0x1b /* MSR: SDM §11.4.4 */
#define BASE_EXTD BIT(10)
#define BASE_EN   BIT(11)
#define BASE_ADDR BITS(51, 12)

/* Registers by their xAPIC offsets, SDM table 11-1; x2APIC's MSRs are 800h + offset / 16. */
#define APIC_ID      0x20
#define APIC_TPR     0x80
#define APIC_EOI     0xb0
#define APIC_SVR     0xf0
#define APIC_ISR     0x100
#define APIC_ICR     0x300
#define APIC_ICR_HI  0x310
#define APIC_TIMER   0x320
#define APIC_LINT0   0x350
#define APIC_INITIAL 0x380
#define APIC_CURRENT 0x390
#define APIC_DIVIDE  0x3e0

#define SVR_ENABLE   BIT(8)
#define LVT_MASKED   BIT(16)
#define LVT_PERIODIC BIT(17)
#define ICR_NMI      (4u << 8)
#define ICR_INIT     (5u << 8)
#define ICR_STARTUP  (6u << 8)
#define ICR_PENDING  BIT(12)
#define ICR_ASSERT   BIT(14)
#define DIVIDE_BY_16 3

#define ICR_WAIT_US   10000
#define CALIBRATE_US  10000
#define XAPIC_HIGHEST 254u

/* I/O APIC, 82093AA §3 */
#define IOAPIC_SELECT  0x00
#define IOAPIC_WINDOW  0x10
#define IOAPIC_VERSION 1
#define IOAPIC_TABLE   0x10

static volatile uint8_t *regs; /* NULL in x2APIC mode */
static bool x2, was_x2;

static uint32_t rd(uint32_t reg)
{
	return x2 ? (uint32_t)cpu_rdmsr(0x800 + reg / 16) : mmio_rd32(regs + reg);
}

static void wr(uint32_t reg, uint32_t v)
{
	if (x2)
		cpu_wrmsr(0x800 + reg / 16, v);
	else
		mmio_wr32(regs + reg, v);
}

enum sl_err apic_init(uint32_t highest)
{
	uint32_t r[4];
	cpu_id(1, r);
	if (!(r[3] >> 9 & 1))
		return SL_UNSUPPORTED;
	uint64_t base = cpu_rdmsr(APIC_BASE);
	was_x2 = base & BASE_EXTD;
	x2 = was_x2 || (highest > XAPIC_HIGHEST && (r[2] >> 21 & 1));
	if (x2)
		return SL_OK;
	regs = mmio_claim("the local APIC", PHYS(base & BASE_ADDR), PAGE_SIZE, PHYS_APIC);
	return regs ? SL_OK : SL_NOMEM;
}

void apic_on(void)
{
	uint64_t base = cpu_rdmsr(APIC_BASE);
	if (!(base & BASE_EN)) /* x2APIC can be entered only from xAPIC: SDM §11.12.5 */
		cpu_wrmsr(APIC_BASE, base |= BASE_EN);
	if (x2 && !(base & BASE_EXTD))
		cpu_wrmsr(APIC_BASE, base | BASE_EXTD);
	wr(APIC_SVR, SVR_ENABLE | IRQ_SPURIOUS);
	wr(APIC_TIMER, LVT_MASKED);
	wr(APIC_LINT0, LVT_MASKED); /* the 8259 */
	wr(APIC_TPR, 0x10);         /* vectors 10h to 1Fh are only for exceptions */
	/* Firmware may have left us inside its handlers. An EOI ends the highest that is in service: SDM
	 * §10.8.5. */
	for (unsigned bit = 256; bit-- > 0;)
		if (apic_in_service(bit))
			apic_eoi();
}

const char *apic_mode(void)
{
	return !x2      ? "xAPIC"
	       : was_x2 ? "x2APIC, as firmware left it"
			: "x2APIC, switched on for ids above 254";
}

uint32_t apic_id(void)
{
	return x2 ? rd(APIC_ID) : rd(APIC_ID) >> 24;
}

uint32_t apic_reach(void)
{
	return x2 ? UINT32_MAX - 1 : XAPIC_HIGHEST;
}

/* SDM §11.6.1; with interrupts off, as two halves make one command. */
static enum sl_err send(uint32_t id, uint32_t what)
{
	if (x2) {
		__asm__ volatile("mfence\n\tlfence"
				 :
				 :
				 : "memory"); /* the MSR write does not wait for stores */
		cpu_wrmsr(0x800 + APIC_ICR / 16, (uint64_t)id << 32 | what);
		return SL_OK;
	}
	uint64_t flags = cpu_irqs_off(), end = now_us() + ICR_WAIT_US;
	bool busy;
	while ((busy = rd(APIC_ICR) & ICR_PENDING) && now_us() < end)
		cpu_pause();
	if (!busy) {
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		wr(APIC_ICR_HI, id << 24);
		wr(APIC_ICR, what);
	}
	cpu_irqs_restore(flags);
	return busy ? SL_TIMEOUT : SL_OK;
}

enum sl_err apic_send(uint32_t id, uint8_t vector)
{
	return send(id, (uint32_t)ICR_ASSERT | vector);
}

enum sl_err apic_send_nmi(uint32_t id)
{
	return send(id, (uint32_t)ICR_ASSERT | ICR_NMI);
}

enum sl_err apic_send_init(uint32_t id)
{
	return send(id, (uint32_t)ICR_ASSERT | ICR_INIT);
}

enum sl_err apic_send_startup(uint32_t id, uint32_t page)
{
	return send(id, (uint32_t)ICR_ASSERT | ICR_STARTUP | page >> 12);
}

void apic_eoi(void)
{
	wr(APIC_EOI, 0);
}

bool apic_in_service(unsigned vector)
{
	return rd(APIC_ISR + vector / 32 * 16) >> (vector % 32) & 1;
}

enum sl_err apic_tick(uint8_t vector)
{
	static uint32_t second; /* counts of a second */
	if (!x2 && !regs)
		return SL_NOTFOUND;
	wr(APIC_TIMER, LVT_MASKED);
	if (!vector)
		return SL_OK;
	wr(APIC_DIVIDE, DIVIDE_BY_16);
	if (!second) {
		uint64_t t = now_us();
		wr(APIC_INITIAL, UINT32_MAX);
		delay_us(CALIBRATE_US);
		uint64_t counts = UINT32_MAX - rd(APIC_CURRENT);
		t = now_us() - t;
		uint64_t rate = t ? counts * 1000000 / t : 0;
		if (!rate || rate > UINT32_MAX)
			return SL_UNSUPPORTED;
		second = (uint32_t)rate;
	}
	wr(APIC_TIMER, (uint32_t)LVT_PERIODIC | vector);
	wr(APIC_INITIAL, second);
	return SL_OK;
}

/* Vectors 20h to 2Fh: a spurious interrupt of an 8259 comes even when it is masked. */
static void mask_8259(void)
{
	static const uint16_t command[] = {0x20, 0xa0};
	static const uint8_t vector[] = {0x20, 0x28}, cascade[] = {4, 2};
	for (unsigned i = 0; i < 2; i++) {
		port_out8(command[i], 0x11); /* ICW1 to ICW4 */
		port_out8((uint16_t)(command[i] + 1), vector[i]);
		port_out8((uint16_t)(command[i] + 1), cascade[i]);
		port_out8((uint16_t)(command[i] + 1), 1);
		port_out8((uint16_t)(command[i] + 1), 0xff);
	}
}

static uint32_t ioapic_rd(volatile uint8_t *io, uint32_t reg)
{
	mmio_wr32(io + IOAPIC_SELECT, reg);
	return mmio_rd32(io + IOAPIC_WINDOW);
}

static void mask_ioapic(volatile uint8_t *io)
{
	uint32_t version = ioapic_rd(io, IOAPIC_VERSION);
	if (version == UINT32_MAX)
		return; /* no I/O APIC there */
	for (uint32_t pin = 0; pin <= (version >> 16 & 0xff); pin++) {
		uint32_t low = ioapic_rd(io, IOAPIC_TABLE + 2 * pin);
		mmio_wr32(io + IOAPIC_WINDOW, low | (uint32_t)LVT_MASKED);
	}
}

void chipset_irqs_off(const struct madt *m)
{
	if (m->has_8259)
		mask_8259();
	for (unsigned i = 0; i < m->ioapics; i++) {
		volatile uint8_t *io = mmio_claim("an I/O APIC", PHYS(m->ioapic[i].base), 0x20, PHYS_IOAPIC);
		if (io)
			mask_ioapic(io);
	}
}
