#include "kernel/mca.h"
#include "kernel/fmt.h"

unsigned mca_banks(const struct mca_io *io)
{
	unsigned n = (unsigned)FGET(io->rd(MSR_MCG_CAP), MCG_CAP_COUNT);
	return n < MC_BANKS_MAX ? n : MC_BANKS_MAX;
}

/* Without S and AR it is unknown whether an uncorrected error was raised or found, so in a machine check it
 * is taken as the cause. */
static enum mca_kind kind_of(uint64_t cap, uint64_t status, bool raised)
{
	if (!(status & MC_STATUS_VAL))
		return MCA_NONE;
	if (!(status & MC_STATUS_UC))
		return MCA_CORRECTED;
	if (status & MC_STATUS_PCC)
		return MCA_FATAL;
	if (cap & MCG_CAP_SER_P)
		return (status & (MC_STATUS_S | MC_STATUS_AR)) == (MC_STATUS_S | MC_STATUS_AR)
			       ? MCA_FATAL
			       : MCA_UNCORRECTED;
	return raised ? MCA_FATAL : MCA_UNCORRECTED;
}

static enum mca_kind take(const struct mca_io *io, bool raised, mca_fn *each, void *ctx)
{
	uint64_t cap = io->rd(MSR_MCG_CAP);
	enum mca_kind worst = MCA_NONE;
	for (unsigned i = 0; i < mca_banks(io); i++) {
		uint64_t status = io->rd(MSR_MC_STATUS(i));
		struct mca_error e = {.kind = kind_of(cap, status, raised), .bank = i, .status = status};
		if (e.kind == MCA_NONE)
			continue;
		if (status & MC_STATUS_ADDRV) /* reading one that is not valid may raise #GP: §16.3.2.3 */
			e.addr = io->rd(MSR_MC_ADDR(i));
		if (status & MC_STATUS_MISCV)
			e.misc = io->rd(MSR_MC_MISC(i));
		each(ctx, &e);
		if (!raised || e.kind != MCA_FATAL)
			io->wr(MSR_MC_STATUS(i), 0);
		worst = e.kind > worst ? e.kind : worst;
	}
	return worst;
}

void mca_take(const struct mca_io *io, mca_fn *each, void *ctx)
{
	(void)take(io, false, each, ctx);
}

enum mca_kind mca_exception(const struct mca_io *io, mca_fn *each, void *ctx)
{
	enum mca_kind worst = take(io, true, each, ctx);
	if (!(io->rd(MSR_MCG_STATUS) & MCG_STATUS_RIPV))
		return MCA_FATAL;
	if (worst != MCA_FATAL)
		io->wr(MSR_MCG_STATUS, 0);
	return worst;
}

/* §17, tables "Simple Error Code Encoding" and "Compound Error Code Encoding": of the latter the first that
 * fits, the most specific first. F (bit 12) stands in the middle of them. */
static const char *code_text(unsigned code)
{
	static const struct {
		uint16_t mask, value;
		const char *text;
	} codes[] = {
		{0xffff, 0x0000, "no error"},
		{0xffff, 0x0001, "unclassified"},
		{0xffff, 0x0002, "microcode ROM parity error"},
		{0xffff, 0x0003, "external error"},
		{0xffff, 0x0004, "functional redundancy check error"},
		{0xffff, 0x0005, "internal parity error"},
		{0xffff, 0x0006, "SMM handler code access violation"},
		{0xffff, 0x0400, "internal timer error"},
		{0xffff, 0x0e0b, "I/O error"},
		{0xfc00, 0x0400, "internal unclassified"},
		{0xe800, 0x0800, "bus or interconnect error"},
		{0xef80, 0x0280, "extended memory error"},
		{0xef00, 0x0100, "cache hierarchy error"},
		{0xef80, 0x0080, "memory controller error"},
		{0xeff0, 0x0010, "TLB error"},
		{0xeffc, 0x000c, "generic cache hierarchy error"},
	};
	for (unsigned i = 0; i < ARRAY_LEN(codes); i++)
		if ((code & codes[i].mask) == codes[i].value)
			return codes[i].text;
	return "of no kind that the manual names";
}

int mca_text(const struct mca_error *e, char *buf, size_t n)
{
	static const struct {
		uint64_t bit;
		const char *name;
	} bits[] = {{MC_STATUS_VAL, "VAL"},  {MC_STATUS_OVER, " OVER"},   {MC_STATUS_UC, " UC"},
		    {MC_STATUS_EN, " EN"},   {MC_STATUS_MISCV, " MISCV"}, {MC_STATUS_ADDRV, " ADDRV"},
		    {MC_STATUS_PCC, " PCC"}, {MC_STATUS_S, " S"},         {MC_STATUS_AR, " AR"}};
	char names[48] = "", where[64] = "";
	size_t at = 0;
	for (unsigned i = 0; i < ARRAY_LEN(bits); i++)
		if (e->status & bits[i].bit)
			at += (size_t)fmt_print(names + at, sizeof names - at, "%s", bits[i].name);
	at = 0;
	if (e->status & MC_STATUS_ADDRV)
		at = (size_t)fmt_print(where, sizeof where, ", ADDR 0x%llx", (ull)e->addr);
	if (e->status & MC_STATUS_MISCV)
		fmt_print(where + at, sizeof where - at, ", MISC 0x%llx", (ull)e->misc);
	unsigned code = (unsigned)FGET(e->status, MC_STATUS_MCACOD);
	return fmt_print(buf, n, "bank %u: %s, STATUS 0x%016llx (%s, MCACOD 0x%04x, MSCOD 0x%04x)%s", e->bank,
			 code_text(code), (ull)e->status, names, code,
			 (unsigned)FGET(e->status, MC_STATUS_MSCOD), where);
}

unsigned mca_silent_banks(const struct mca_io *io)
{
	unsigned n = 0;
	for (unsigned i = 0; i < mca_banks(io); i++)
		n += !io->rd(MSR_MC_CTL(i));
	return n;
}
