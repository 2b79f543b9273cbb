/*
 * Option ROM that starts the kernel of -kernel under a BIOS: 16-bit code, data as far as this library goes
 * (kernel_rom.h). Setup code, command line, kernel and initrd come from fw_cfg by DMA, which reaches
 * all of memory from real mode. PnP BIOS Specification 1.0A, section 3 (expansion header);
 * Documentation/arch/x86/boot.rst of Linux (what the setup code is handed).
 */
#if defined(__x86_64__) || defined(__i386__)

#define FW_CFG_DMA 0x514
#define FW_CFG_READ (1 << 3 | 1 << 1) /* select the key, read */
#define KEY_KERNEL_SIZE 0x08
#define KEY_INITRD_SIZE 0x0b
#define KEY_KERNEL_DATA 0x11
#define KEY_INITRD_DATA 0x12
#define KEY_CMDLINE_SIZE 0x14
#define KEY_CMDLINE_DATA 0x15
#define KEY_SETUP_SIZE 0x17
#define KEY_SETUP_DATA 0x18

/* Where everything goes; the pieces of the setup code's segment are its own limits. */
#define STACK 0x7c00
#define DESCRIPTOR STACK        /* 16 bytes: control, length, address, big-endian */
#define RESULT (STACK + 16)
#define SETUP_SEGMENT 0x1000
#define SETUP_STACK 0xe000
#define CMDLINE 0x20000
#define KERNEL 0x100000

/* Fields of the setup code's header. */
#define VERSION 0x206
#define TYPE_OF_LOADER 0x210
#define LOADFLAGS 0x211
#define RAMDISK_IMAGE 0x218
#define RAMDISK_SIZE 0x21c
#define HEAP_END_PTR 0x224
#define CMD_LINE_PTR 0x228
#define INITRD_ADDR_MAX 0x22c

    .section .rodata
    .code16
    .balign 16
    .globl x86_kernel_rom
    .hidden x86_kernel_rom
x86_kernel_rom:
    .word 0xaa55
    .byte (rom_end - x86_kernel_rom) / 512
    movw $0, %ax /* nothing to set up: the BIOS finds the boot entry in the header */
    lretw
    .org x86_kernel_rom + 0x18
    .word 0
    .word pnp - x86_kernel_rom

    .balign 16
pnp:
    .ascii "$PnP"
    .byte 1, 2          /* revision, length / 16 */
    .word 0             /* no further header */
    .byte 0
    .byte 0             /* checksum: filled in with the ROM's */
    .long 0             /* device identifier */
    .word 0             /* manufacturer */
    .word product - x86_kernel_rom
    .byte 0, 0x80, 0x01 /* memory controller, general */
    .byte 0x14          /* may be booted from, by its boot entry */
    .word 0, 0
    .word boot - x86_kernel_rom
    .word 0, 0
product:
    .asciz "Linux kernel of -kernel"

/* eax: address; cx: key; edx: bytes. All registers are kept. es is 0. */
read_item:
    pushal
    bswap %eax
    movl $0, %es:DESCRIPTOR + 8
    movl %eax, %es:DESCRIPTOR + 12
    bswap %edx
    movl %edx, %es:DESCRIPTOR + 4
    movzwl %cx, %eax
    shll $16, %eax
    orl $FW_CFG_READ, %eax
    bswap %eax
    movl %eax, %es:DESCRIPTOR
    xorl %eax, %eax
    movw $FW_CFG_DMA, %dx
    outl %eax, %dx
    movl $DESCRIPTOR, %eax
    bswap %eax
    addw $4, %dx
    outl %eax, %dx
1:  movl %es:DESCRIPTOR, %eax
    bswap %eax
    testl $1, %eax /* error: it is not all memory */
    jnz failed
    testl %eax, %eax
    jnz 1b
    popal
    ret

/* edx: the number that key cx has. */
read_size:
    pushl %eax
    movl $RESULT, %eax
    movl $4, %edx
    call read_item
    movl %es:RESULT, %edx
    popl %eax
    ret

/* cx: key of a size, bx: of what has that size; eax: address. edx: the size. */
read_sized:
    call read_size
    movw %bx, %cx
    jmp read_item

/* The BIOS tries what comes next. */
failed:
    sti
    int $0x18

boot:
    cli
    cld
    xorw %ax, %ax
    movw %ax, %es
    movw %ax, %ss
    movl $STACK, %esp
    movl $SETUP_SEGMENT << 4, %eax
    movw $KEY_SETUP_SIZE, %cx
    movw $KEY_SETUP_DATA, %bx
    call read_sized
    movl $CMDLINE, %eax
    movw $KEY_CMDLINE_SIZE, %cx
    movw $KEY_CMDLINE_DATA, %bx
    call read_sized
    movl $KERNEL, %eax
    movw $KEY_KERNEL_SIZE, %cx
    movw $KEY_KERNEL_DATA, %bx
    call read_sized

    movw $SETUP_SEGMENT, %ax
    movw %ax, %ds
    movb $0xff, TYPE_OF_LOADER /* one without a number */
    orb $0x80, LOADFLAGS       /* heap_end_ptr is valid */
    movw $SETUP_STACK - 0x200, HEAP_END_PTR
    movl $CMDLINE, CMD_LINE_PTR

    movw $KEY_INITRD_SIZE, %cx
    call read_size
    testl %edx, %edx
    jz start
    movl %edx, RAMDISK_SIZE
    /* The end of low memory that the BIOS left, or the last address the kernel can take. */
    movw $0xe801, %ax
    xorw %cx, %cx
    xorw %dx, %dx
    sti
    int $0x15
    cli
    xorl %ebx, %ebx
    movw %dx, %bx
    shll $16, %ebx
    jz 1f
    addl $0x1000000, %ebx
    jmp 2f
1:  movzwl %cx, %ebx
    shll $10, %ebx
    addl $0x100000, %ebx
2:  movl $0x37ffffff, %eax
    cmpw $0x0203, VERSION
    jb 3f
    movl INITRD_ADDR_MAX, %eax
3:  incl %eax
    jz 4f
    cmpl %eax, %ebx
    jbe 4f
    movl %eax, %ebx
4:  movl RAMDISK_SIZE, %edx
    subl %edx, %ebx
    jbe failed
    andl $~0xfff, %ebx
    movl %ebx, RAMDISK_IMAGE
    movl %ebx, %eax
    movw $KEY_INITRD_DATA, %cx
    call read_item

start:
    movw $SETUP_SEGMENT, %ax
    movw %ax, %es
    movw %ax, %fs
    movw %ax, %gs
    movw %ax, %ss
    movl $SETUP_STACK, %esp
    ljmp $SETUP_SEGMENT + 0x20, $0

    /* The last byte is the checksum. */
    .org x86_kernel_rom + 1023
    .byte 0
rom_end:
#endif
    .section .note.GNU-stack, "", @progbits
