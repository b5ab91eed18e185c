/* The menu on the firmware's console: UEFI §12.3 (SimpleTextInput) and §12.4 (SimpleTextOutput), any keyboard
 * and serial port that the firmware has. Nothing but text and carriage returns is needed; the rest makes it
 * nicer. */
#include "boot/menu.h"
#include "boot/loader.h"
#include "kernel/str.h"

#define TICKS     20 /* a second */
#define TICK_US   50000
#define KEYS_ONCE 64 /* taken in one tick: a port with noise does not stop the clock */

/* UEFI §12.1.2, table 12-2 */
static unsigned key_of(const EFI_INPUT_KEY *key)
{
	static const uint16_t scan[] = {0,         MENU_UP,  MENU_DOWN,  MENU_RIGHT, MENU_LEFT,
					MENU_HOME, MENU_END, MENU_OTHER, MENU_DELETE};
	if (key->UnicodeChar)
		return key->UnicodeChar == MENU_DELETE ? MENU_BACKSPACE /* of a serial terminal */
		       : key->UnicodeChar == '\n'      ? MENU_ENTER
		       : key->UnicodeChar < 0x7f       ? key->UnicodeChar
						       : MENU_OTHER;
	if (key->ScanCode == 0x17)
		return MENU_ESCAPE;
	return key->ScanCode && key->ScanCode < ARRAY_LEN(scan) ? scan[key->ScanCode] : MENU_OTHER;
}

/* The next key; false: none was pressed. */
static bool next_key(unsigned *key)
{
	EFI_INPUT_KEY k = {0};
	if (loader_st->ConIn->ReadKeyStroke(loader_st->ConIn, &k) != EFI_SUCCESS)
		return false;
	*key = key_of(&k);
	return true;
}

static unsigned width(void)
{
	SIMPLE_TEXT_OUTPUT_INTERFACE *out = loader_st->ConOut;
	UINTN columns, rows;
	if (!out->Mode || out->QueryMode(out, (UINTN)out->Mode->Mode, &columns, &rows) != EFI_SUCCESS ||
	    columns < 20)
		return MENU_WIDTH;
	return columns > MENU_WIDTH ? MENU_WIDTH : (unsigned)columns - 1;
}

static void last_row(const struct menu *m)
{
	char row[MENU_WIDTH + 1];
	menu_last_row(m, width(), row);
	say("\r%s", row);
}

static void draw(const struct menu *m, const struct boot_info *bi)
{
	SIMPLE_TEXT_OUTPUT_INTERFACE *out = loader_st->ConOut;
	char row[MENU_WIDTH + 1];
	bool marked;
	out->ClearScreen(out);
	say("\nSluice\n\n");
	for (unsigned i = 0; menu_row(m, i, row, &marked); i++) {
		out->SetAttribute(out, marked ? EFI_TEXT_ATTR(EFI_BLACK, EFI_LIGHTGRAY)
					      : EFI_TEXT_ATTR(EFI_LIGHTGRAY, EFI_BLACK));
		say("%.*s", (int)width(), row);
		out->SetAttribute(out, EFI_TEXT_ATTR(EFI_LIGHTGRAY, EFI_BLACK));
		say("\n");
	}
	for (unsigned i = 0; i < bi->nvmes; i++)
		say("%sNVMe %04x:%02x:%02x.%u serial number %s\n", i ? "" : "\n", bi->nvme[i].seg,
		    bi->nvme[i].rid >> 8, bi->nvme[i].rid >> 3 & 31, bi->nvme[i].rid & 7, bi->nvme[i].serial);
	say("\n");
	last_row(m);
}

/* Keys of one tick. Drawn once for all of them; while a line is written, only that. */
static void take_keys(struct menu *m, const struct boot_info *bi)
{
	unsigned key;
	bool any = false, all = false;
	for (unsigned n = 0; n < KEYS_ONCE && m->state != MENU_DONE && next_key(&key); n++) {
		enum menu_state before = m->state;
		menu_key(m, key);
		any = true;
		all = all || before != MENU_EDIT || m->state != MENU_EDIT || key == MENU_ENTER;
	}
	if (all && m->state != MENU_DONE)
		draw(m, bi);
	else if (any && m->state != MENU_DONE)
		last_row(m);
}

void menu_run(struct boot_info *bi)
{
	unsigned key;
	if (!bi->cfg.menu || bi->cfg.error.line || !loader_st->ConIn || !loader_st->ConOut)
		return;
	struct menu *m = loader_bytes(sizeof *m);
	menu_start(m, &bi->cfg);
	for (unsigned n = 0; n < KEYS_ONCE && next_key(&key);) /* those that chose the boot entry */
		n++;
	draw(m, bi);
	while (m->state != MENU_DONE) {
		for (unsigned tick = 0; tick < TICKS && m->state != MENU_DONE; tick++) {
			loader_bs()->Stall(TICK_US);
			take_keys(m, bi);
		}
		menu_tick(m);
		if (m->state == MENU_LIST && m->counting)
			last_row(m);
	}
	say("\n");
	if (!m->line[0])
		return;
	config_took(bi, "menu");
	(void)config_parse(&bi->cfg, "menu", m->line, strlen(m->line), true);
}
