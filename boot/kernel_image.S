/* The kernel's ELF file, by LZMA, inside the loader's read-only data. */
	.section .rdata,"dr"
	.globl kernel_image, kernel_image_end
kernel_image:
	.incbin "kernel.elf.lzma"
kernel_image_end:

/* Options of make CFG=FILE, in a section of their own, which a signature of the file covers. */
	.section .cfg,"dr"
	.globl config_built_in, config_built_in_end
config_built_in:
	.incbin "built-in.cfg"
config_built_in_end:
	.byte 0

/* What Secure Boot's shim wants to know of an image (SBAT); a signature can be added to the file. */
	.section .sbat,"dr"
	.ascii "sbat,1,SBAT Version,sbat,1,https://github.com/rhboot/shim/blob/main/SBAT.md\n"
	.ascii "sluice,1,Sluice,sluice,0,-\n"
