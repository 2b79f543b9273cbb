/*
 * Start-up: multiboot entry of the first processor, the real-mode entry of the others, exception
 * stubs and run_asm(). Compiled twice, for 32-bit and for 64-bit tests.
 */
#define MAGIC 0x1badb002
#define CR0_PG 0x80000000

        .section .multiboot, "a"
        .balign 4
        .long MAGIC, 0, -MAGIC

        .section .text.boot, "ax"
        .code32
        .globl start
start:
        cli
        cld
        lgdt boot_gdtr
        ljmp $0x08, $1f
1:      mov $0x10, %eax
        mov %eax, %ds
        mov %eax, %es
        mov %eax, %fs
        mov %eax, %gs
        mov %eax, %ss
        mov $boot_stack_end, %esp
        xor %edi, %edi                  /* CPU 0 */
#ifdef __x86_64__
        call make_tables
#endif
enter:
#ifdef __x86_64__
        mov $0x2a0, %eax                /* PAE, PGE, OSFXSR */
        or $0x400, %eax                 /* OSXMMEXCPT */
        mov %eax, %cr4
        mov $boot_pml4, %eax
        mov %eax, %cr3
        mov $0xc0000080, %ecx
        rdmsr
        or $0x901, %eax                 /* NXE, LME, SCE */
        wrmsr
        mov $0x80010033, %eax           /* PG, WP, NE, ET, MP, PE */
        mov %eax, %cr0
        ljmp $0x18, $2f
        .code64
2:      mov $0x20, %eax
        mov %eax, %ss
        mov %eax, %ds
        mov %eax, %es
        mov %edi, %edi
        fninit                          /* reset leaves a full stack and all unmasked */
        call cpu_main
#else
        mov $0x00000033, %eax           /* NE, ET, MP, PE */
        mov %eax, %cr0
        mov $0x600, %eax                /* OSFXSR, OSXMMEXCPT */
        mov %eax, %cr4
        push %edi
        push %edi
        fninit                          /* reset leaves a full stack and all unmasked */
        call cpu_main
#endif
3:      hlt
        jmp 3b

#ifdef __x86_64__
        .code32
/* 4 GiB one to one in 2 MiB pages: supervisor at 0, user at PML4 index 128 (USER_BASE). */
make_tables:
        movl $boot_pdpt + 3, boot_pml4
        movl $boot_updpt + 7, boot_pml4 + 128 * 8
        xor %ecx, %ecx
4:      mov %ecx, %eax
        shl $12, %eax
        lea boot_pd + 3(%eax), %edx
        mov %edx, boot_pdpt(, %ecx, 8)
        lea boot_upd + 7(%eax), %edx
        mov %edx, boot_updpt(, %ecx, 8)
        inc %ecx
        cmp $4, %ecx
        jne 4b
        xor %ecx, %ecx
5:      mov %ecx, %eax
        shl $21, %eax
        or $0x83, %eax
        mov %eax, boot_pd(, %ecx, 8)
        or $4, %eax
        mov %eax, boot_upd(, %ecx, 8)
        inc %ecx
        cmp $2048, %ecx
        jne 5b
        ret
#endif

/* ---- the other processors: copied to AP_BASE ---- */
        .globl ap_start, ap_end
#define AP_BASE 0x8000
        .code16
ap_start:
        cli
        xor %ax, %ax
        mov %ax, %ds
        lgdtl AP_BASE + ap_gdtr - ap_start
        mov %cr0, %eax
        or $1, %eax
        mov %eax, %cr0
        ljmpl $0x08, $ap_protected
ap_gdtr:
        .word boot_gdt_end - boot_gdt - 1
        .long boot_gdt
ap_end:
        .code32
ap_protected:
        mov $0x10, %eax
        mov %eax, %ds
        mov %eax, %es
        mov %eax, %fs
        mov %eax, %gs
        mov %eax, %ss
        mov $1, %edi
        lock xadd %edi, ap_counter      /* CPU number: 1, 2, ... */
        mov %edi, %eax
        shl $14, %eax
        lea ap_stacks(%eax), %esp       /* CPU 1 gets the end of the first stack */
        jmp enter

        .data
        .balign 8
boot_gdt:
        .quad 0
        .quad 0x00cf9a000000ffff
        .quad 0x00cf92000000ffff
        .quad 0x00af9a000000ffff
        .quad 0x00cf92000000ffff
boot_gdt_end:
boot_gdtr:
        .word boot_gdt_end - boot_gdt - 1
        .long boot_gdt
        .globl ap_counter
        .balign 4
ap_counter:
        .long 1

        .bss
        .balign 4096
#ifdef __x86_64__
        .globl boot_pml4
boot_pml4:  .skip 4096
boot_pdpt:  .skip 4096
boot_updpt: .skip 4096
boot_pd:    .skip 4 * 4096
boot_upd:   .skip 4 * 4096
#endif
        .skip 32768
boot_stack_end:
ap_stacks:
        .skip 7 * 16384

/* ---- exceptions: one stub of 16 bytes per vector ---- */
        .text
        .globl trap_stubs
        .balign 16
trap_stubs:
        .set vec, 0
        .rept 256
        .balign 16
        .if vec == 8 || (vec >= 10 && vec <= 14) || vec == 17 || vec == 21
        .else
        .byte 0x6a, 0
        .endif
        .byte 0x68
        .long vec
        jmp trap_common
        .set vec, vec + 1
        .endr

#ifdef __x86_64__
        .code64
trap_common:
        push %rax
        push %rcx
        push %rdx
        push %rbx
        push %rbp
        push %rsi
        push %rdi
        push %r8
        push %r9
        push %r10
        push %r11
        push %r12
        push %r13
        push %r14
        push %r15
        cld
        mov %rsp, %rdi
        call trap
        pop %r15
        pop %r14
        pop %r13
        pop %r12
        pop %r11
        pop %r10
        pop %r9
        pop %r8
        pop %rdi
        pop %rsi
        pop %rbp
        pop %rbx
        pop %rdx
        pop %rcx
        pop %rax
        add $16, %rsp
        iretq

/* void run_asm(struct regs *r, ul *saved_sp) */
        .globl run_asm, run_return
run_asm:
        pushfq
        push %rbx
        push %rbp
        push %r12
        push %r13
        push %r14
        push %r15
        mov %rsp, (%rsi)
        pushq 19*8(%rdi)                /* ss */
        pushq 4*8(%rdi)                 /* rsp */
        pushq 17*8(%rdi)                /* rflags */
        pushq 18*8(%rdi)                /* cs */
        pushq 16*8(%rdi)                /* rip */
        mov 20*8(%rdi), %ds
        mov 21*8(%rdi), %es
        mov 0*8(%rdi), %rax
        mov 1*8(%rdi), %rcx
        mov 2*8(%rdi), %rdx
        mov 3*8(%rdi), %rbx
        mov 5*8(%rdi), %rbp
        mov 6*8(%rdi), %rsi
        mov 8*8(%rdi), %r8
        mov 9*8(%rdi), %r9
        mov 10*8(%rdi), %r10
        mov 11*8(%rdi), %r11
        mov 12*8(%rdi), %r12
        mov 13*8(%rdi), %r13
        mov 14*8(%rdi), %r14
        mov 15*8(%rdi), %r15
        mov 7*8(%rdi), %rdi
        .globl run_iret
run_iret:
        iretq
/* void run_return(ul saved_sp): back to the caller of run_asm */
run_return:
        mov %rdi, %rsp
        pop %r15
        pop %r14
        pop %r13
        pop %r12
        pop %rbp
        pop %rbx
        popfq
        ret
#else
        .code32
trap_common:
        pusha
        push %ds
        push %es
        push %fs
        push %gs
        cld
        mov $0x10, %eax
        mov %eax, %ds
        mov %eax, %es
        mov %esp, %eax
        push %eax
        call trap
        pop %eax
        .globl trap_return
trap_return:
        pop %gs
        pop %fs
        pop %es
        pop %ds
        popa
        add $8, %esp
        iret

/* void run_asm(struct regs *r, ul *saved_sp) */
        .globl run_asm, run_return, run_iret
run_asm:
        pushf
        push %ebx
        push %ebp
        push %esi
        push %edi
        mov 24(%esp), %ebx              /* r */
        mov 28(%esp), %eax
        mov %esp, (%eax)
        testl $0x20000, 9*4(%ebx)       /* VM */
        jnz 1f
        mov 10*4(%ebx), %eax
        test $3, %eax
        jnz 2f
        mov 4*4(%ebx), %esp             /* same level: on its own stack */
        jmp 3f
1:      pushl 15*4(%ebx)                /* gs fs ds es */
        pushl 14*4(%ebx)
        pushl 12*4(%ebx)
        pushl 13*4(%ebx)
2:      pushl 11*4(%ebx)                /* ss */
        pushl 4*4(%ebx)
3:      pushl 9*4(%ebx)
        pushl 10*4(%ebx)
        pushl 8*4(%ebx)
        pushl 0*4(%ebx)
        pushl 1*4(%ebx)
        pushl 2*4(%ebx)
        pushl 3*4(%ebx)
        pushl 4*4(%ebx)
        pushl 5*4(%ebx)
        pushl 6*4(%ebx)
        pushl 7*4(%ebx)
        testl $0x20000, 9*4(%ebx)
        jnz 4f
        mov 13*4(%ebx), %es
        mov 14*4(%ebx), %fs
        mov 15*4(%ebx), %gs
        mov 12*4(%ebx), %ds
4:      popa
run_iret:
        iret
run_return:
        mov 4(%esp), %esp
        pop %edi
        pop %esi
        pop %ebp
        pop %ebx
        popf
        ret
#endif
        .section .note.GNU-stack, "", @progbits
