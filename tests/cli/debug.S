# A guest for debug.sh: one thing of each kind that -d logs, in 32-, 16- and 64-bit code. It ends in
# a triple fault. Multiboot starts it in flat 32-bit mode; it is linked to 0x100000.
    .code32
    .globl _start
    .text
    .balign 4
    .long 0x1badb002, 0, -0x1badb002
    .macro gate vector, handler
    mov $\vector, %eax
    mov $\handler, %edx
    call set_gate
    .endm
_start:
    lgdt gdtr
    ljmp $8, $flat
flat:
    mov $16, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    mov $0x90000, %esp
    gate 0x06, skip2
    gate 0x0d, skip2_error
    gate 0x20, timer
    gate 0x30, nothing
    lidt idtr
    int $0x30
    ud2
    mov $0x12345678, %ecx
    rdmsr
    mov $0x11, %al          # both interrupt controllers: vectors from 0x20, only the timer
    out %al, $0x20
    mov $0x20, %al
    out %al, $0x21
    mov $4, %al
    out %al, $0x21
    mov $1, %al
    out %al, $0x21
    mov $0xfe, %al
    out %al, $0x21
    mov $0x34, %al
    out %al, $0x43
    mov $0, %al
    out %al, $0x40
    mov $4, %al
    out %al, $0x40
    sti
    hlt
    cli
    ljmp $0x18, $sixteen - 0x100000
    .code16
sixteen:
    mov $0x1234, %ax
    ljmpl $8, $back
    .code32
back:
    movl $0x81003, 0x80000  # page tables: 2 MiB one to one
    movl $0x82003, 0x81000
    movl $0x83, 0x82000
    mov %cr4, %eax
    or $0x20, %eax
    mov %eax, %cr4
    mov $0x80000, %eax
    mov %eax, %cr3
    mov $0xc0000080, %ecx
    rdmsr
    or $0x100, %eax
    wrmsr
    mov %cr0, %eax
    or $0x80000000, %eax
    mov %eax, %cr0
    ljmp $0x20, $long
    .code64
long:
    mov $0x123456789abcdef0, %rax
    mov $10, %ecx
    .globl spin
spin:
    dec %ecx
    jnz spin
    invlpg 0x5000
    mov 0x40000000, %eax    # not mapped, and no handler to go to
    .code32
set_gate:
    mov %dx, 0x91000(, %eax, 8)
    movw $8, 0x91002(, %eax, 8)
    movw $0x8e00, 0x91004(, %eax, 8)
    shr $16, %edx
    mov %dx, 0x91006(, %eax, 8)
    ret
skip2_error:
    add $4, %esp
skip2:
    addl $2, (%esp)
    iret
timer:
    push %eax
    mov $0x20, %al
    out %al, $0x20
    pop %eax
nothing:
    iret
    .balign 8
gdt:
    .quad 0, 0x00cf9b000000ffff, 0x00cf93000000ffff, 0x00009b100000ffff, 0x00af9b000000ffff
gdtr:
    .word . - gdt - 1
    .long gdt
idtr:
    .word 0x31 * 8 - 1
    .long 0x91000
