/* The kernel's ELF file, by gzip, inside the loader's read-only data. */
	.section .rdata,"dr"
	.globl kernel_image, kernel_image_end
	.balign 4096
kernel_image:
	.incbin "kernel.elf.gz"
kernel_image_end:

/* What Secure Boot's shim wants to know of an image (SBAT); a signature can be added to the file. */
	.section .sbat,"dr"
	.ascii "sbat,1,SBAT Version,sbat,1,https://github.com/rhboot/shim/blob/main/SBAT.md\n"
	.ascii "sluice,1,Sluice,sluice,0,-\n"
