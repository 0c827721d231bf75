/*
 * The smallest guest that proves an accelerator: from the reset vector through protected into 64-bit mode with paging,
 * which is what a kernel needs, work, one byte on the serial port and an exit by isa-debug-exit. A 64 KiB ROM.
 * src/vm/accel-probe.ts holds its bytes; a test assembles this file and compares.
 */
	.code16
	.org 0
start:
	cli
	lgdtl %cs:gdt_pointer
	mov %cr0, %eax
	or $1, %al
	mov %eax, %cr0
	ljmpl $8, $(0xf0000 + protected)

	.code32
protected:
	mov $0x18, %ax
	mov %ax, %ds
	mov %ax, %es
	mov %ax, %ss
	/* Page tables at 0x1000, 0x2000, 0x3000: one identity map of 2 MiB. */
	mov $0x1000, %edi
	mov %edi, %cr3
	xor %eax, %eax
	mov $0xc00, %ecx
	cld
	rep stosl
	movl $0x2003, 0x1000
	movl $0x3003, 0x2000
	movl $0x83, 0x3000
	mov %cr4, %eax
	or $0x20, %eax
	mov %eax, %cr4
	mov $0xc0000080, %ecx
	rdmsr
	or $0x100, %eax
	wrmsr
	mov %cr0, %eax
	or $0x80000000, %eax
	mov %eax, %cr0
	ljmp $0x10, $(0xf0000 + long_mode)

	.code64
long_mode:
	/*
	 * 20 million turns: 10 ms on a CPU, 0.1 s emulated by QEMU. There are hosts whose KVM carries out kernel code
	 * instruction by instruction in software: they start a guest, and never finish booting it.
	 */
	mov $20000000, %ecx
1:	dec %ecx
	jnz 1b
	mov $0x3f8, %dx
	mov $'K', %al
	outb %al, %dx
	mov $0xf4, %dx
	mov $0x10, %al
	outb %al, %dx
1:	hlt
	jmp 1b

	.balign 8
gdt:
	.quad 0
	.quad 0x00cf9b000000ffff	/* 0x08: 32-bit code */
	.quad 0x00af9b000000ffff	/* 0x10: 64-bit code */
	.quad 0x00cf93000000ffff	/* 0x18: data */
gdt_pointer:
	.word gdt_pointer - gdt - 1
	.long 0xf0000 + gdt
end:
