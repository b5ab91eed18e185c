/* The firmware's services for all parts of the loader: console, memory, and the return to it. */
#include "boot/loader.h"
#include "kernel/fmt.h"
#include "kernel/panic.h"
#include "kernel/str.h"

uintptr_t phys_map_base; /* 0: firmware maps memory one to one */

EFI_SYSTEM_TABLE *loader_st;
EFI_HANDLE loader_image;
struct boot_info *loader_info;

void say(const char *fmt, ...)
{
	char line[256];
	CHAR16 wide[sizeof line + 1];
	va_list ap;
	va_start(ap, fmt);
	fmt_vprint(line, sizeof line, fmt, ap);
	va_end(ap);
	size_t n = 0;
	for (const char *p = line; *p; p++) {
		if (*p == '\n')
			wide[n++] = '\r';
		wide[n++] = (CHAR16)(unsigned char)*p;
		if (n + 2 > sizeof line || !p[1]) {
			wide[n] = 0;
			loader_st->ConOut->OutputString(loader_st->ConOut, wide);
			n = 0;
		}
	}
}

/* The loader's own end of a run, as the options want it: end=halt returns to the firmware, which may have
 * another entry to start. */
static void end_run(uint32_t end)
{
	EFI_RUNTIME_SERVICES *rt = loader_st->RuntimeServices;
	if (end == END_QEMU) /* isa-debug-exit: status 35 of QEMU */
		__asm__ volatile("outl %0, %1" : : "a"(0x11), "Nd"((uint16_t)0xf4));
	else if (end != END_HALT)
		rt->ResetSystem(end == END_REBOOT ? EfiResetCold : EfiResetShutdown, EFI_SUCCESS, 0, NULL);
}

/* The options may not have been read yet. Reading them may fail in its turn. */
_Noreturn void refuse(const char *why, const char *advice)
{
	static bool again;
	say("\nsluice: %s\n        try: %s\n", why, advice);
	if (loader_info && !again) {
		again = true;
		if (!loader_info->config_from[0])
			config_read(loader_info);
		say("RESULT v=1 app=%s ok=0 stage=loader err=UNSUPPORTED verdict=none build=%s\n",
		    config_app_name(&loader_info->cfg), identity_build());
		loader_bs()->Stall(5000000);
		end_run(loader_info->cfg.end);
	}
	loader_bs()->Exit(loader_image, EFI_LOAD_ERROR, 0, NULL);
	for (;;)
		__asm__ volatile("hlt");
}

void panic(const char *fmt, ...)
{
	char text[160];
	va_list ap;
	va_start(ap, fmt);
	fmt_vprint(text, sizeof text, fmt, ap);
	va_end(ap);
	refuse(text, "report this: it is a bug in the loader");
}

void *loader_pages(uint64_t n)
{
	EFI_PHYSICAL_ADDRESS at = 0;
	if (loader_bs()->AllocatePages(AllocateAnyPages, EfiLoaderData, n, &at) != EFI_SUCCESS)
		refuse("the firmware has no memory left for the kernel", "give the machine at least 128 MiB");
	memset((void *)at, 0, n * PAGE_SIZE);
	return (void *)at;
}

void *loader_bytes(uint64_t n)
{
	return loader_pages((n + PAGE_SIZE - 1) / PAGE_SIZE);
}

void loader_ascii(char *to, size_t size, const CHAR16 *from)
{
	size_t n = 0;
	for (; from && from[n] && n + 1 < size; n++)
		to[n] = from[n] > ' ' - 1 && from[n] < 0x7f ? (char)from[n] : '?';
	to[n] = 0;
}
