/*
 * The host's x87 as an executor of single guest instructions (tcg/x86/fpu.h). Every x87 opcode has a stub of its own: the
 * instruction and a return. Callers see to it that no exception is pending and, but for x87_host_full, that all are
 * masked. The C side's x87 is empty, with the default control word.
 */
#ifdef __x86_64__
    .text
    .balign 16
    .globl x87_stub_reg
    .hidden x87_stub_reg
x87_stub_reg:
    .set .Lx87_index, 0
    .rept 512
    .byte 0xd8 + (.Lx87_index >> 6), 0xc0 + (.Lx87_index & 63), 0xc3, 0x90
    .set .Lx87_index, .Lx87_index + 1
    .endr
    .size x87_stub_reg, . - x87_stub_reg

    .globl x87_stub_mem
    .hidden x87_stub_mem
x87_stub_mem: /* operand at (%rdi) */
    .set .Lx87_index, 0
    .rept 64
    .byte 0xd8 + (.Lx87_index >> 3), ((.Lx87_index & 7) << 3) + 7, 0xc3, 0x90
    .set .Lx87_index, .Lx87_index + 1
    .endr
    .size x87_stub_mem, . - x87_stub_mem

    .macro function name
    .balign 16
    .globl \name
    .hidden \name
    .type \name, @function
\name:
    .endm

    /* (image, stub, mem, flags) -> flags */
    function x87_host_full
    mov %rdi, %r8
    mov %rdx, %rdi
    frstor (%r8)
    push %rcx
    popfq
    call *%rsi
    pushfq
    pop %rax
    cld
    fnsave (%r8)
    ret
    .size x87_host_full, . - x87_host_full

    /* (st0, stub, mem) -> sw */
    function x87_host_unary
    mov %rdi, %r8
    mov %rdx, %rdi
    fldt (%r8)
    call *%rsi
    fnstsw %ax
    fstpt (%r8)
    ret
    .size x87_host_unary, . - x87_host_unary

    /* (st0, st1, stub) -> sw */
    function x87_host_binary
    fldt (%rsi)
    fldt (%rdi)
    call *%rdx
    fnstsw %ax
    fstpt (%rdi)
    fstpt (%rsi)
    ret
    .size x87_host_binary, . - x87_host_binary

    /* (st0, st1, stub) -> eflags:sw */
    function x87_host_comi
    fldt (%rsi)
    fldt (%rdi)
    call *%rdx
    pushfq
    pop %rcx
    fnstsw %ax
    movzwl %ax, %eax
    shl $32, %rcx
    or %rcx, %rax
    fstp %st(0)
    fstp %st(0)
    ret
    .size x87_host_comi, . - x87_host_comi

    /* (st0, stub, mem) -> sw */
    function x87_host_push
    mov %rdi, %r8
    mov %rdx, %rdi
    call *%rsi
    fnstsw %ax
    fstpt (%r8)
    ret
    .size x87_host_push, . - x87_host_push

    /* (st0, stub, mem) -> sw */
    function x87_host_pop
    fldt (%rdi)
    mov %rdx, %rdi
    call *%rsi
    fnstsw %ax
    ret
    .size x87_host_pop, . - x87_host_pop
#endif
    .section .note.GNU-stack, "", @progbits
