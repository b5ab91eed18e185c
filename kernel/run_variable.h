/* The UEFI variable SluiceRun (kernel/run_note.h), for the loader and the kernel. */
#pragma once
#include <efi.h>

_Static_assert(sizeof(CHAR16) == 2, "gnu-efi's CHAR16 may be wchar_t: this takes -fshort-wchar");

#define RUN_VARIABLE_GUID                                                                                    \
	{                                                                                                    \
		0x7b1f0c62, 0x3d5e, 0x4e0a,                                                                  \
		{                                                                                            \
			0x9c, 0x41, 0x5a, 0xd2, 0x8e, 0x17, 0x60, 0xb3                                       \
		}                                                                                            \
	}
#define RUN_VARIABLE_NAME                                                                                    \
	{                                                                                                    \
		'S', 'l', 'u', 'i', 'c', 'e', 'R', 'u', 'n', 0                                               \
	}
/* UEFI §8.2.2: kept over a reset, seen before and after ExitBootServices. */
#define RUN_VARIABLE_ATTRIBUTES                                                                              \
	(EFI_VARIABLE_NON_VOLATILE | EFI_VARIABLE_BOOTSERVICE_ACCESS | EFI_VARIABLE_RUNTIME_ACCESS)
