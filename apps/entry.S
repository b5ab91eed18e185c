/* The kernel's first instructions: from the loader, on its page tables, with struct boot_info's physical address in RDI. */
	.section .text.start, "ax"
	.globl _start
_start:
	movq	%rdi, %rdx
	leaq	boot_stack(%rip), %rdi	/* STACK_PAINT: kernel/stacks.h */
	movl	$16384, %ecx
	movb	$0xa5, %al
	cld
	rep stosb
	movq	%rdi, %rsp
	xorl	%ebp, %ebp		/* ends every backtrace */
	pushq	%rdx
	rdtsc				/* the stack protector's canary differs from boot to boot */
	shlq	$32, %rdx
	orq	%rdx, %rax
	movabsq	$0x9e3779b97f4a7c15, %rdx
	imulq	%rdx, %rax
	xorb	%al, %al		/* a zero byte stops string overruns */
	movq	%rax, __stack_chk_guard(%rip)
	popq	%rdi
	call	kernel_main
	ud2

/* void cpu_run_on(void *stack_top rdi, void (*fn)(void) rsi): leaves the boot stack for good. */
	.text
	.globl cpu_run_on
cpu_run_on:
	movq	%rdi, %rsp
	xorl	%ebp, %ebp
	call	*%rsi
	ud2

	.bss
	.balign 4096
	.globl boot_stack
boot_stack:
	.skip 16384
