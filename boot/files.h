/* Files that the loader reads from the boot volume for the kernel's drivers, while boot services exist. */
#pragma once

enum boot_file_name { BOOT_QAT_C62X, BOOT_QAT_C62X_MMP, BOOT_QAT_4XXX, BOOT_QAT_4XXX_MMP, BOOT_FILES };

/* In this folder of the volume, under their vendor's names. */
#define BOOT_FILES_FOLDER "EFI/sluice"
#define BOOT_FILE_NAMES                                                                                      \
	{                                                                                                    \
		"qat_c62x.bin", "qat_c62x_mmp.bin", "qat_4xxx.bin", "qat_4xxx_mmp.bin"                       \
	}
#define BOOT_FILE_MAX 0x1000000u /* bytes; a longer file is treated as missing */
