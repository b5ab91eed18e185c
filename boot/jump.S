/* The way into the kernel: new page tables, no stack in between. Lies in one page, which is mapped one to one in the new
 * tables too, so that the instruction after the CR3 load is still there. Microsoft x64 calling convention:
 *   void boot_jump(uint64_t cr3 rcx, uint64_t entry rdx, uint64_t boot_info r8) */
	.text
	.balign 128
	.globl boot_jump, boot_jump_end
boot_jump:
	cli
	movq	%rcx, %r9
	movq	%rdx, %r10
	movl	$0xc0000080, %ecx	/* EFER: NXE before the first table that uses it */
	rdmsr
	btsl	$11, %eax
	wrmsr
	movq	%cr4, %rax
	btrq	$7, %rax		/* PGE off: drops global translations of the firmware's */
	btrq	$17, %rax		/* PCIDE off, so that CR3 bits 11:0 are 0 */
	movq	%rax, %cr4
	movq	%r9, %cr3
	btsq	$7, %rax
	movq	%rax, %cr4
	movq	%cr0, %rax
	btsq	$16, %rax		/* WP: read-only holds for us too */
	movq	%rax, %cr0
	movq	%r8, %rdi
	jmpq	*%r10
boot_jump_end:
