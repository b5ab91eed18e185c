/* The way into the kernel: new page tables, no stack in between. Lies in one page, which is mapped one to one in the new
 * tables too, so that the instruction after the CR3 load is still there. Microsoft x64 calling convention:
 *   void boot_jump(uint64_t cr3 rcx, uint64_t entry rdx, uint64_t boot_info r8) */
	.text
	.balign 128
	.globl boot_jump
boot_jump:
	cli
	movq	%rcx, %r9
	movq	%rdx, %r10
	movl	$0xc0000080, %ecx	/* EFER: NXE before the first table that uses it */
	rdmsr
	btsl	$11, %eax
	wrmsr
	movq	%cr4, %rax		/* of firmware's bits stay PAE, MCE, OSFXSR, OSXMMEXCPT, LA57; VMXE and SMXE */
	andl	$0x7660, %eax		/* until there are exceptions. Off: PGE, which drops global translations of */
	movq	%rax, %cr4		/* firmware's, PCIDE, and what acts on every access: CET, PKS, LASS, FRED */
	movq	%r9, %cr3
	btsq	$7, %rax
	movq	%rax, %cr4
	movq	%cr0, %rax
	btsq	$16, %rax		/* WP: read-only holds for us too */
	movq	%rax, %cr0
	movq	%r8, %rdi
	jmpq	*%r10
