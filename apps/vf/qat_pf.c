/* Stage firmware: the PF of a QAT card with its firmware running, so that its VFs are served. */
#include "apps/vf/qat.h"
#include "apps/bringup/faults.h"
#include "apps/vf/domain.h"
#include "drivers/qat/gen.h"
#include "drivers/qat/pf.h"
#include "kernel/log.h"
#include "kernel/mmio.h"
#include "kernel/str.h"
#include "kernel/time.h"

/* Where a PF sees its memory, in its own domain. */
#define PF_CHUNK (4 * PAGE_SIZE)

static struct {
	struct qat_pf pf;
	volatile uint8_t *bar[2];
	bool ours; /* we have started it */
} card;

static uint32_t rd(void *ctx, enum qat_pf_bar bar, uint32_t off)
{
	(void)ctx;
	return mmio_rd32(card.bar[bar] + off);
}

static void wr(void *ctx, enum qat_pf_bar bar, uint32_t off, uint32_t v)
{
	(void)ctx;
	mmio_wr32(card.bar[bar] + off, v);
}

static uint64_t now(void *ctx)
{
	(void)ctx;
	return now_us();
}

struct files {
	struct qat_fw fw;
	struct qat_image mmp;
	uint64_t bytes;
};

static enum boot_file_name first_file(void)
{
	return card.pf.chip->gen == 2 ? BOOT_QAT_C62X : BOOT_QAT_4XXX;
}

/* The engines' file and the public key unit's. */
static enum sl_err read_files(const struct machine *m, struct files *f)
{
	static const char *const names[BOOT_FILES] = BOOT_FILE_NAMES;
	const char *why = "it is missing or cannot be read";
	struct qat_fw_chip chip = card.pf.chip->fw;
	enum sl_err e = SL_OK;
	unsigned first = first_file(), i = first;
	chip.revision = m->pf->revision;
	for (; i < first + 2 && !e; i++) {
		const struct boot_file *file = &m->boot->file[i];
		struct span s = {phys_va(PHYS(file->at)), file->len};
		if (!s.n)
			e = SL_NOTFOUND;
		else if (i == first)
			e = qat_fw_read(s, &chip, &f->fw, &why);
		else
			e = qat_fw_read_mmp(s, &chip, &f->mmp, &why);
		f->bytes += s.n;
	}
	if (e)
		log_fail(
			"qat",
			"copy the two files of the card's vendor to EFI/sluice on the boot volume: docs/qat.md",
			"the firmware file " BOOT_FILES_FOLDER "/%s cannot be used: %s", names[i - 1], why);
	return e;
}

/* Registers, as far as they are wanted. SL_NOTFOUND, SL_NOSPACE. */
static enum sl_err map_bars(const struct pci_func *fn, uint32_t fuses)
{
	uint64_t bytes[PCI_BARS];
	unsigned n[2];
	for (unsigned i = 0; i < PCI_BARS; i++)
		bytes[i] = fn->bar[i].io ? 0 : fn->bar[i].size;
	enum sl_err e = qat_pf_bars(card.pf.chip, fuses, bytes, &n[QAT_PF_MISC], &n[QAT_PF_RINGS]);
	for (unsigned i = 0; i < 2 && !e; i++) {
		const struct pci_bar *bar = &fn->bar[n[i]];
		card.bar[i] = bar->addr ? mmio_map(PHYS(bar->addr), bar->size) : NULL;
		e = card.bar[i] ? SL_OK : SL_NOSPACE;
	}
	return e;
}

/* The function in a domain of its own, with registers and memory. */
static enum sl_err open_card(struct machine *m)
{
	struct pci_func *fn = m->pf;
	volatile void *first;
	const struct qat_pf_chip *chip = qat_gen_of_pf(fn->device)->number == 2 ? &qat_pf_c62x : &qat_pf_4xxx;
	uint32_t fuses = fn_rd32(fn, chip->fuses), straps = chip->straps ? fn_rd32(fn, chip->straps) : 0;
	card.pf.chip = chip;
	faults_watch(m, fn->bdf);
	enum sl_err e = qat_pf_masks(chip, fuses, straps, &card.pf.accels, &card.pf.engines);
	if (!e)
		e = map_bars(fn, fuses);
	if (e) {
		log_fail("qat",
			 "use another card: this one has them disabled, or this driver does not know it",
			 BDF_FMT
			 " has no engines or registers that can be used (fuses %08x, straps %08x): %s",
			 BDF_ARG(fn->bdf), fuses, straps, sl_err_text(e));
		return e;
	}
	card.pf.io = (struct qat_pf_io){.rd = rd, .wr = wr, .now_us = now};
	e = make_domain(m, "PF", fn->bdf, &m->pf_dom);
	if (!e)
		e = dma_get(m->pf_dom, window_at(m, 0), QAT_PF_ADMIN, DOMAIN_RW, &card.pf.admin);
	if (!e)
		e = dma_get(m->pf_dom, window_at(m, PF_CHUNK), QAT_PF_CHUNK, DOMAIN_RW, &card.pf.chunk);
	if (!e)
		e = function_connect(fn, m->pf_dom, &first);
	m->pf_attached = !e;
	return e;
}

enum sl_err qat_firmware_start(struct machine *m)
{
	static struct files f;
	uint64_t start = now_us();
	memset(&card, 0, sizeof card);
	memset(&f, 0, sizeof f);
	enum sl_err e = open_card(m);
	if (e)
		return e;
	if (!m->boot->file[first_file()].len && qat_pf_runs(&card.pf)) {
		log_line(
			"qat",
			"no firmware file on the boot volume, but the card's firmware is running already: it is left as it is");
		return dma_put(&card.pf.chunk);
	}
	e = read_files(m, &f);
	if (e)
		return e;
	card.ours = true;
	e = qat_pf_start(&card.pf, &f.fw, &f.mmp);
	if (e) {
		log_fail("qat", "use the vendor's files for this card, unchanged; then power it off and on",
			 BDF_FMT " does not come up: %s", BDF_ARG(m->pf->bdf), card.pf.why);
		return e;
	}
	log_line("qat",
		 BDF_FMT
		 " firmware: %u images of %llu bytes authenticated by the card and started in %llu ms",
		 BDF_ARG(m->pf->bdf), f.fw.images + 1, (ull)f.bytes, (ull)((now_us() - start) / 1000));
	log_line(
		"qat",
		"engines %x, accelerators %x, compression features %x; this way of loading has never run on silicon",
		card.pf.engines, card.pf.accels, card.pf.capabilities);
	return dma_put(&card.pf.chunk);
}

bool qat_firmware_pairs(struct qat_pair pair[QAT_SERVICES])
{
	static const struct qat_pair pairs[QAT_SERVICES] = {
		[QAT_SYM] = {true, 1, 0, 1}, [QAT_DC] = {true, 0, 0, 1}};
	if (!card.ours || card.pf.chip->gen != 4)
		return false;
	memcpy(pair, pairs, sizeof pairs);
	return true;
}

const struct dma_buf *qat_pf_memory(const struct machine *m)
{
	return m->pf_attached ? &card.pf.admin : NULL;
}

void qat_firmware_stop(struct machine *m)
{
	if (card.ours)
		qat_pf_stop(&card.pf);
	card.ours = false;
	if (m->pf_attached)
		function_disconnect(m->pf, m->pf_dom);
	m->pf_attached = false;
	enum sl_err lost = dma_put(&card.pf.chunk), also = dma_put(&card.pf.admin);
	if (lost || also)
		log_warn("qat", BDF_FMT " was not put back cleanly: %s", BDF_ARG(m->pf->bdf),
			 sl_err_text(SL_BUSY));
	drop_domain(&m->pf_dom);
}
