/* A boot sector that fills a frame buffer of 1024x768 pixels FRAMES times, each time with another
 * colour, and ends the machine by isa-debug-exit. The standard VGA's memory is where SeaBIOS puts
 * it on pc. */
    .code16
    .globl _start
_start:
    cli
    xor %ax, %ax
    mov %ax, %ds
    mov $registers, %si
next:
    lodsw
    cmp $0xffff, %ax
    je ready
    mov $0x1ce, %dx
    out %ax, %dx
    lodsw
    inc %dx
    out %ax, %dx
    jmp next
ready:
    mov $0x3da, %dx
    in %dx, %al
    mov $0x3c0, %dx
    mov $0x20, %al /* the palette is in use */
    out %al, %dx
    lgdt gdt_register
    mov %cr0, %eax
    or $1, %al
    mov %eax, %cr0
    ljmp $8, $protected
    .code32
protected:
    mov $16, %ax
    mov %ax, %ds
    mov %ax, %es
    mov $FRAMES, %ebx
    xor %eax, %eax
frame:
    mov $0xfd000000, %edi
    mov $(1024 * 768 / 4), %ecx
pixels:
    mov %eax, (%edi)
    mov %eax, 4(%edi)
    mov %eax, 8(%edi)
    mov %eax, 12(%edi)
    add $16, %edi
    dec %ecx
    jnz pixels
    add $0x00030201, %eax
    dec %ebx
    jnz frame
    mov $0x501, %dx
    xor %eax, %eax
    out %eax, %dx
halt:
    hlt
    jmp halt

registers:
    .word 4, 0, 1, 1024, 2, 768, 3, 32, 4, 0x41, 0xffff
    .p2align 3
gdt:
    .quad 0, 0x00cf9b000000ffff, 0x00cf93000000ffff
gdt_register:
    .word 23
    .long gdt
    .org 510
    .word 0xaa55
