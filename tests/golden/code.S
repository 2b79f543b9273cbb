/*
 * The guest code whose translation tests/golden/x86_64.txt holds. See golden.c.
 *
 *   mode BITS CPL PARALLEL      of what follows; PARALLEL: the machine has several vCPUs
 *   insn TEXT                   one instruction; a jump to what follows ends it
 *   idiom NAME                  a piece of code, translated block by block, up to the next entry;
 *                               its first instruction is where it starts
 *   hot                         in an idiom: here is what the second tier makes a region around
 *   also                        in an idiom: a block that no direct branch leads to
 */
#if defined(__x86_64__)
    .intel_syntax noprefix

    .macro record kind, name, bits=0, cpl=0, parallel=0
    .pushsection .data.rel.ro.golden_records, "aw"
    .balign 8
    .quad 771f, 772f
    .long \kind, \bits, \cpl, \parallel
    .popsection
    .pushsection .rodata.golden_names, "aMS", @progbits, 1
771:
    .asciz "\name"
    .popsection
772:
    .endm

    .macro mode bits, cpl, parallel
    .code\bits
    record 0, "", \bits, \cpl, \parallel
    .endm
    .macro insn text:vararg
    record 1, "\text"
    \text
    jmp 9f
9:
    .endm
    .macro idiom name
    record 2, "\name"
    .endm
    .macro hot
    record 3, ""
    .endm
    .macro also
    record 4, ""
    .endm

    .section .data.rel.ro.golden_records, "aw"
    .globl golden_records
    .balign 8
golden_records:
    .section .rodata.golden_code, "a"

/* ---- integer -------------------------------------------------------------------------------- */

    mode 64, 3, 0
    insn nop
    insn mov rax, rbx
    insn mov eax, ebx
    insn mov ax, bx
    insn mov al, bl
    insn mov ah, bl
    insn mov r9, r15
    insn mov r15d, r9d
    insn mov eax, 0
    insn mov rax, -1
    insn movabs rax, 0x123456789abcdef0
    insn mov rax, [rsi]
    insn mov eax, [rsi + rcx*4 + 16]
    insn mov ax, [rsi]
    insn mov al, [rsi]
    insn mov r11, [r12 + r13*8]
    insn mov rax, [rip + 0x200]
    insn mov rax, fs:[0x28]
    insn mov eax, [esi + 4]
    insn mov [rdi], rax
    insn mov [rdi + rcx*4], eax
    insn mov [rdi], ax
    insn mov [rdi], al
    insn mov [rdi], ah
    insn mov qword ptr [rdi], -1
    insn mov dword ptr [rdi], 0
    insn mov word ptr [rdi], 1
    insn mov byte ptr [rdi], 0
    insn movabs al, [0x12345678]
    insn movzx eax, bl
    insn movzx eax, bh
    insn movzx eax, byte ptr [rsi]
    insn movzx eax, word ptr [rsi]
    insn movsx rax, bl
    insn movsx eax, word ptr [rsi]
    insn movsxd rax, ebx
    insn movsxd rax, dword ptr [rsi]
    insn movbe rax, [rsi]
    insn movbe [rdi], eax
    insn movnti [rdi], rax
    insn lea rax, [rsi + rcx*8 + 0x40]
    insn lea eax, [rsi + rcx]
    insn lea rax, [rip + 0x200]
    insn xchg rax, rbx
    insn xchg [rdi], rax
    insn bswap rax
    insn bswap ebx
    insn cmove rax, rbx
    insn cmovl eax, ebx
    insn cmova rax, [rsi]
    insn cbw
    insn cwde
    insn cdqe
    insn cdq
    insn cqo
    insn lahf
    insn sahf
    insn xlatb
    insn push rax
    insn push 1
    insn push [rsi]
    insn pop rbx
    insn pop [rdi]
    insn pushfq
    insn popfq
    insn leave
    insn enter 32, 0

    insn add rax, rbx
    insn add eax, ebx
    insn add ax, bx
    insn add al, bl
    insn add ah, bl
    insn add rax, 1
    insn add rax, 0x12345678
    insn add rax, [rsi]
    insn add [rdi], rax
    insn add dword ptr [rdi], 1
    insn add byte ptr [rdi], al
    insn adc rax, rbx
    insn adc eax, [rsi]
    insn adc [rdi], rax
    insn sub rax, rbx
    insn sub rsp, 0x20
    insn sbb rax, rax
    insn sbb eax, 0
    insn and rax, rbx
    insn and eax, 0xff
    insn and dword ptr [rdi], 0xf
    insn or rax, [rsi]
    insn or [rdi], eax
    insn xor rax, rbx
    insn xor eax, eax
    insn cmp rax, rbx
    insn cmp al, [rsi]
    insn cmp dword ptr [rdi], 5
    insn test rax, rax
    insn test byte ptr [rdi], 1
    insn inc rax
    insn inc dword ptr [rdi]
    insn dec ebx
    insn neg rax
    insn neg dword ptr [rdi]
    insn not rax
    insn not byte ptr [rdi]
    insn shl rax, 1
    insn shl eax, 5
    insn shl rax, cl
    insn shl byte ptr [rdi], cl
    insn shr eax, 3
    insn shr rax, cl
    insn sar rax, 63
    insn sar eax, cl
    insn rol eax, 7
    insn rol rax, cl
    insn ror ax, 8
    insn rcl rax, 1
    insn rcr eax, cl
    insn shld rax, rbx, 4
    insn shrd eax, ebx, cl
    insn bt rax, 5
    insn bt rax, rbx
    insn bt [rdi], rax
    insn bts eax, 3
    insn bts qword ptr [rdi], 3
    insn btr [rdi], rax
    insn btc rax, rbx
    insn bsf rax, rbx
    insn bsr eax, ebx
    insn tzcnt rax, rbx
    insn lzcnt eax, ebx
    insn popcnt rax, rbx
    insn imul rax, rbx
    insn imul eax, [rsi], 100
    insn imul rbx
    insn mul rbx
    insn mul ebx
    insn mul bl
    insn div rbx
    insn div ebx
    insn div bl
    insn idiv ecx
    insn idiv rbx
    insn sete al
    insn setl byte ptr [rdi]
    insn setp bl
    insn cmpxchg rbx, rcx
    insn cmpxchg [rdi], rcx
    insn lock cmpxchg [rdi], rcx
    insn lock xadd [rdi], eax
    insn lock add dword ptr [rdi], 1
    insn lock cmpxchg8b [rdi]
    insn lock cmpxchg16b [rdi]
    insn clc
    insn stc
    insn cmc
    insn cld
    insn std

    insn adcx rax, rbx
    insn adox rax, rbx
    insn mulx rax, rbx, rcx
    insn andn rax, rbx, rcx
    insn bextr rax, rbx, rcx
    insn blsi rax, rbx
    insn blsr rax, rbx
    insn blsmsk eax, ebx
    insn bzhi rax, rbx, rcx
    insn pdep rax, rbx, rcx
    insn pext rax, rbx, rcx
    insn rorx eax, ebx, 6
    insn sarx rax, rbx, rcx
    insn shlx rax, rbx, rcx
    insn shrx eax, [rsi], ecx
    insn crc32 eax, bl
    insn crc32 rax, rbx

/* ---- control -------------------------------------------------------------------------------- */

    insn jmp .+0x40
    insn jmp .-0x40
    insn jmp .+0x2000
    insn je .+0x40
    insn jl .+0x40
    insn ja .-0x40
    insn jp .+0x2000
    insn loop .-0x20
    insn jrcxz .+0x20
    insn call .+0x40
    insn call .+0x2000
    insn ret
    insn ret 16
    insn jmp rax
    insn jmp [rsi + rcx*8]
    insn call rax
    insn call [rsi + 0x18]
    insn int3
    insn int 0x80
    insn ud2
    insn syscall
    insn cpuid
    insn rdtsc
    insn rdtscp
    insn xgetbv
    insn rdpkru
    insn wrpkru
    insn pause
    insn mfence
    insn lfence
    insn prefetcht0 [rsi]
    insn clflush [rsi]
    insn endbr64
    insn rdrand rax
    insn rdfsbase rax
    insn wrgsbase rax
    insn mov ax, gs
    insn mov gs, ax
    insn movsb
    insn movsq
    insn stosb
    insn lodsd
    insn cmpsb
    insn scasb
    insn rep movsb
    insn rep movsq
    insn rep stosd
    insn repe cmpsb
    insn repne scasb

/* ---- SSE ------------------------------------------------------------------------------------ */

    insn movaps xmm0, xmm1
    insn movaps xmm0, [rsi]
    insn movups xmm0, [rsi]
    insn movups [rdi], xmm0
    insn movdqa [rdi], xmm9
    insn movntdq [rdi], xmm0
    insn movd xmm0, eax
    insn movq rax, xmm0
    insn movq xmm0, [rsi]
    insn movq xmm0, xmm1
    insn movss xmm0, [rsi]
    insn movss xmm0, xmm1
    insn movsd [rdi], xmm0
    insn movhps xmm0, [rsi]
    insn movlpd [rdi], xmm0
    insn movhlps xmm0, xmm1
    insn movmskpd eax, xmm0
    insn addps xmm0, xmm1
    insn addss xmm0, xmm1
    insn addsd xmm0, [rsi]
    insn mulpd xmm0, xmm1
    insn subsd xmm2, xmm0
    insn divsd xmm0, xmm1
    insn sqrtsd xmm0, xmm1
    insn rcpps xmm0, xmm1
    insn minss xmm0, xmm1
    insn maxpd xmm0, [rsi]
    insn cmpltps xmm0, xmm1
    insn ucomisd xmm0, xmm1
    insn comiss xmm0, [rsi]
    insn cvtsi2sd xmm0, eax
    insn cvtsi2sd xmm0, rax
    insn cvttsd2si eax, xmm0
    insn cvtss2sd xmm0, xmm1
    insn cvtsd2ss xmm0, xmm1
    insn cvtdq2ps xmm0, xmm1
    insn cvttps2dq xmm0, xmm1
    insn shufps xmm0, xmm1, 0x4e
    insn unpcklps xmm0, xmm1
    insn andps xmm0, xmm1
    insn xorps xmm0, xmm0
    insn haddpd xmm0, xmm1
    insn paddb xmm0, xmm1
    insn paddq xmm0, [rsi]
    insn psubw xmm0, xmm1
    insn pmullw xmm0, xmm1
    insn pmuludq xmm0, xmm1
    insn pmaddwd xmm0, xmm1
    insn pand xmm0, xmm1
    insn pxor xmm0, xmm0
    insn pcmpeqb xmm0, xmm1
    insn pcmpgtd xmm0, xmm1
    insn psllw xmm0, 3
    insn psrldq xmm0, 8
    insn psrad xmm0, xmm1
    insn pshufd xmm0, xmm1, 0x1b
    insn pshuflw xmm0, xmm1, 0x1b
    insn punpcklbw xmm0, xmm1
    insn packsswb xmm0, xmm1
    insn pmovmskb eax, xmm0
    insn psadbw xmm0, xmm1
    insn pminub xmm0, xmm1
    insn pshufb xmm0, xmm1
    insn palignr xmm0, xmm1, 4
    insn phaddd xmm0, xmm1
    insn pblendvb xmm1, xmm2, xmm0
    insn pinsrd xmm0, eax, 2
    insn pextrq rax, xmm0, 1
    insn pmovzxbw xmm0, xmm1
    insn pmulld xmm0, xmm1
    insn ptest xmm0, xmm1
    insn roundsd xmm0, xmm1, 1
    insn dpps xmm0, xmm1, 0xff
    insn pcmpistri xmm0, xmm1, 0x1a
    insn pcmpestrm xmm0, xmm1, 0
    insn aesenc xmm0, xmm1
    insn aeskeygenassist xmm0, xmm1, 1
    insn pclmulqdq xmm0, xmm1, 0x11
    insn sha256rnds2 xmm1, xmm2, xmm0
    insn gf2p8mulb xmm0, xmm1
    insn ldmxcsr [rsi]
    insn stmxcsr [rdi]
    insn fxsave [rdi]
    insn movq mm0, [rsi]
    insn paddw mm0, mm1
    insn emms

/* ---- AVX ------------------------------------------------------------------------------------ */

    insn vmovups ymm0, [rsi]
    insn vmovdqu [rdi], ymm0
    insn vmovups xmm0, [rsi]
    insn vmovaps ymm0, ymm1
    insn vaddps ymm0, ymm1, ymm2
    insn vaddps xmm0, xmm1, xmm2
    insn vaddsd xmm0, xmm1, [rsi]
    insn vmulpd ymm0, ymm1, [rsi]
    insn vfmadd231ps ymm0, ymm1, ymm2
    insn vfmadd213sd xmm0, xmm1, xmm2
    insn vbroadcastss ymm0, [rsi]
    insn vpbroadcastd ymm0, xmm1
    insn vextractf128 xmm0, ymm1, 1
    insn vinsertf128 ymm0, ymm1, xmm2, 1
    insn vperm2f128 ymm0, ymm1, ymm2, 0x21
    insn vpermq ymm0, ymm1, 0x4e
    insn vpermd ymm0, ymm1, ymm2
    insn vpaddd ymm0, ymm1, ymm2
    insn vpxor xmm0, xmm0, xmm0
    insn vpshufb ymm0, ymm1, ymm2
    insn vpsllvd ymm0, ymm1, ymm2
    insn vpcmpeqb ymm0, ymm1, [rsi]
    insn vpmovmskb eax, ymm0
    insn vptest ymm0, ymm1
    insn vblendvps ymm0, ymm1, ymm2, ymm3
    insn vmaskmovps ymm0, ymm1, [rsi]
    insn vpgatherdd ymm0, [rsi + ymm1*4], ymm2
    insn vcvtph2ps ymm0, xmm1
    insn vaesenc ymm0, ymm1, ymm2
    insn vpclmulqdq ymm0, ymm1, ymm2, 0
    insn vzeroupper

/* ---- x87 ------------------------------------------------------------------------------------ */

    insn fld qword ptr [rsi]
    insn fld tbyte ptr [rsi]
    insn fld st(1)
    insn fild dword ptr [rsi]
    insn fst qword ptr [rdi]
    insn fstp tbyte ptr [rdi]
    insn fistp dword ptr [rdi]
    insn fld1
    insn fadd qword ptr [rsi]
    insn faddp st(1), st
    insn fmul st, st(2)
    insn fdivr dword ptr [rsi]
    insn fxch st(1)
    insn fchs
    insn fsqrt
    insn fsin
    insn fcomip st, st(1)
    insn fnstsw ax
    insn fldcw [rsi]
    insn fnstcw [rdi]
    insn fninit
    insn fwait

/* ---- kernel --------------------------------------------------------------------------------- */

    mode 64, 0, 0
    insn cli
    insn sti
    insn hlt
    insn pushfq
    insn popfq
    insn mov rax, cr0
    insn mov rax, cr3
    insn mov cr3, rax
    insn mov cr4, rax
    insn mov rax, dr7
    insn invlpg [rax]
    insn invpcid rax, [rsi]
    insn swapgs
    insn iretq
    insn sysretq
    insn rdmsr
    insn wrmsr
    insn in al, dx
    insn out dx, eax
    insn stac
    insn clac
    insn mov ds, ax
    insn ltr ax
    insn lidt [rax]
    insn wbinvd
    insn mov rax, gs:[0x10]

/* ---- several vCPUs -------------------------------------------------------------------------- */

    mode 64, 3, 1
    insn lock add dword ptr [rdi], 1
    insn lock inc qword ptr [rdi]
    insn lock or dword ptr [rsp], 0
    insn lock xadd [rdi], eax
    insn lock cmpxchg [rdi], rcx
    insn lock cmpxchg16b [rdi]
    insn lock bts [rdi], rax
    insn xchg [rdi], rax
    insn mov [rdi], rax

/* ---- 32-bit --------------------------------------------------------------------------------- */

    mode 32, 3, 0
    insn add eax, ebx
    insn mov eax, [esi + ecx*4 + 16]
    insn mov eax, gs:[0x14]
    insn push ebx
    insn pop ebx
    insn pushad
    insn popad
    insn call .+0x40
    insn ret
    insn aaa
    insn daa
    insn inc eax
    insn movsd
    insn rep movsd
    insn mul ebx
    insn div ebx
    insn int 0x80
    insn fld qword ptr [esi]
    insn movups xmm0, [esi]
    mode 32, 0, 0
    insn iretd
    insn mov cr3, eax
    insn mov fs, ax

/* ---- idioms --------------------------------------------------------------------------------- */

    mode 64, 3, 0
    idiom "compare two registers and branch"
    cmp rax, rbx
    jl 1f
    mov ecx, 1
1:  hlt

    idiom "test for zero and branch"
    test eax, eax
    je 1f
    mov ecx, 1
1:  hlt

    idiom "compare a field with a number and branch"
    cmp dword ptr [rdi + 8], 5
    jne 1f
    mov ecx, 1
1:  hlt

    idiom "test a bit of a field and branch"
    test byte ptr [rdi + 8], 4
    jne 1f
    mov ecx, 1
1:  hlt

    idiom "a comparison as a value"
    xor eax, eax
    cmp rdi, rsi
    setl al
    ret

    idiom "minimum, maximum and absolute value without branches"
    cmp rdi, rsi
    mov rax, rdi
    cmovg rax, rsi
    mov rcx, rdi
    sar rcx, 63
    xor rdi, rcx
    sub rdi, rcx
    ret

    idiom "function prologue"
    push rbp
    mov rbp, rsp
    push r15
    push r14
    push rbx
    sub rsp, 0x28
    mov rbx, rdi
    mov rax, fs:[0x28]
    mov [rbp - 0x28], rax
    xor eax, eax
    jmp 1f
1:  hlt

    idiom "function epilogue"
    mov rdx, [rbp - 0x28]
    sub rdx, fs:[0x28]
    jne 1f
    add rsp, 0x28
    pop rbx
    pop r14
    pop r15
    pop rbp
    ret
1:  hlt

    idiom "call and return"
    call 1f
    mov ebx, eax
    hlt
1:  lea eax, [rdi + rsi]
    ret

    idiom "call through a table of functions"
    mov rax, [rdi]
    mov rdi, rbx
    call [rax + 0x18]
    also
    test eax, eax
    jne 1f
    hlt
1:  hlt

    idiom "switch"
    cmp edi, 7
    ja 1f
    movsxd rax, dword ptr [rdx + rdi*4]
    add rax, rdx
    jmp rax
1:  hlt

    idiom "add and subtract 128-bit numbers"
    add rax, rdi
    adc rdx, rsi
    sub rax, r8
    sbb rdx, r9
    jb 1f
    hlt
1:  hlt

    idiom "flags across moves and loads"
    cmp rax, rbx
    mov rcx, [rsi]
    mov rdx, [rsi + 8]
    jbe 1f
    hlt
1:  hlt

    idiom "compare floating-point numbers"
    ucomisd xmm0, xmm1
    jp 1f
    jne 1f
    mov eax, 1
1:  hlt

    idiom "fields of a structure"
    mov eax, [rdi + 8]
    add eax, [rdi + 12]
    mov [rdi + 16], eax
    mov rcx, [rdi + 24]
    mov [rdi + 32], rcx
    inc dword ptr [rdi + 40]
    or byte ptr [rdi + 44], 2
    ret

    idiom "variable arguments saved"
    mov [rsp + 0x28], rsi
    mov [rsp + 0x30], rdx
    mov [rsp + 0x38], rcx
    test al, al
    je 1f
    movaps [rsp + 0x50], xmm0
    movaps [rsp + 0x60], xmm1
    movaps [rsp + 0x70], xmm2
    movaps [rsp + 0x80], xmm3
1:  hlt

    idiom "system call and its error"
    mov eax, 39
    syscall
    also
    cmp rax, -4095
    jae 1f
    hlt
1:  hlt

    idiom "counted loop"
    hot
1:  add rax, rcx
    dec rcx
    jne 1b
    hlt

    idiom "copy bytes"
    hot
1:  movzx ecx, byte ptr [rsi + rax]
    mov [rdi + rax], cl
    inc rax
    cmp rax, rdx
    jne 1b
    hlt

    idiom "copy 32 bytes a round"
    hot
1:  movdqu xmm0, [rsi]
    movdqu xmm1, [rsi + 16]
    movups [rdi], xmm0
    movups [rdi + 16], xmm1
    add rsi, 32
    add rdi, 32
    sub rdx, 32
    ja 1b
    hlt

    idiom "length of a string by bytes"
    hot
1:  cmp byte ptr [rdi + rax], 0
    je 2f
    inc rax
    jmp 1b
2:  hlt

    idiom "length of a string, 16 bytes a round"
    hot
1:  movdqa xmm1, [rdi]
    pcmpeqb xmm1, xmm0
    pmovmskb ecx, xmm1
    add rdi, 16
    test ecx, ecx
    je 1b
    bsf ecx, ecx
    hlt

    idiom "sum of an array"
    hot
1:  add eax, [rdi + rcx*4]
    add rcx, 1
    cmp rcx, rdx
    jb 1b
    hlt

    idiom "product of matrices, doubles"
    hot
1:  movsd xmm1, [rsi + rax*8]
    mulsd xmm1, [rdi]
    addsd xmm0, xmm1
    add rdi, 0x200
    inc rax
    cmp rax, 64
    jne 1b
    hlt

    idiom "vectors of floats with SSE"
    hot
1:  movups xmm1, [rsi + rax]
    mulps xmm1, xmm7
    addps xmm1, [rdi + rax]
    movaps [rdi + rax], xmm1
    add rax, 16
    cmp rax, rdx
    jb 1b
    hlt

    idiom "vectors of doubles with AVX and FMA"
    hot
1:  vmovupd ymm1, [rsi + rax]
    vfmadd213pd ymm1, ymm7, [rdi + rax]
    vmovupd [rdi + rax], ymm1
    add rax, 32
    cmp rax, rdx
    jb 1b
    vzeroupper
    hlt

    idiom "x87 sum of products"
    hot
1:  fld qword ptr [rsi + rax*8]
    fmul qword ptr [rdi + rax*8]
    faddp st(1), st
    inc rax
    cmp rax, rdx
    jne 1b
    hlt

    idiom "walk a list"
    hot
1:  mov rdi, [rdi]
    test rdi, rdi
    jne 1b
    hlt

    idiom "find a key in a list"
    hot
1:  cmp [rdi + 8], esi
    je 2f
    mov rdi, [rdi]
    test rdi, rdi
    jne 1b
2:  hlt

    idiom "binary search without branches"
    hot
1:  mov rcx, rdx
    shr rcx, 1
    lea r8, [rdi + rcx*4]
    cmp [r8], esi
    cmovbe rdi, r8
    sub rdx, rcx
    cmp rdx, 1
    ja 1b
    hlt

    idiom "partition of quicksort"
    hot
1:  add rdi, 4
    mov eax, [rdi]
    cmp eax, ecx
    jl 1b
2:  sub rsi, 4
    mov edx, [rsi]
    cmp edx, ecx
    jg 2b
    cmp rdi, rsi
    jae 3f
    mov [rdi], edx
    mov [rsi], eax
    jmp 1b
3:  hlt

    idiom "CRC by a table"
    hot
1:  movzx ecx, byte ptr [rdi]
    xor ecx, eax
    movzx ecx, cl
    shr eax, 8
    xor eax, [rdx + rcx*4]
    inc rdi
    cmp rdi, rsi
    jne 1b
    hlt

    idiom "a round of SHA-256"
    hot
1:  mov eax, r8d
    mov ecx, r8d
    ror eax, 6
    ror ecx, 11
    xor eax, ecx
    ror ecx, 14
    xor eax, ecx
    mov ecx, r9d
    xor ecx, r10d
    and ecx, r8d
    xor ecx, r10d
    add eax, ecx
    add eax, [rsi + rdx*4]
    add eax, r11d
    mov r11d, r10d
    mov r10d, r9d
    mov r9d, r8d
    lea r8d, [rax + rbx]
    inc rdx
    cmp rdx, 64
    jne 1b
    hlt

    idiom "hash by 64-bit products"
    hot
1:  mov rax, [rdi]
    xor rax, rcx
    mul rbx
    xor rax, rdx
    mov rcx, rax
    add rdi, 8
    cmp rdi, rsi
    jne 1b
    hlt

    idiom "decimal digits by division"
    hot
1:  xor edx, edx
    mov rax, rcx
    div rbx
    add edx, '0'
    mov [rdi], dl
    dec rdi
    mov rcx, rax
    test rax, rax
    jne 1b
    hlt

    idiom "decimal digits by a product"
    hot
1:  mov eax, edi
    mov ecx, 0xcccccccd
    imul rax, rcx
    shr rax, 35
    lea ecx, [rax + rax*4]
    add ecx, ecx
    sub edi, ecx
    add edi, '0'
    mov [rsi], dil
    dec rsi
    mov edi, eax
    test eax, eax
    jne 1b
    hlt

    idiom "a row of a long product, two carries at once"
    xor eax, eax
    hot
1:  mulx r10, r9, [rsi]
    adcx r9, [rdi]
    adox r9, r8
    mov [rdi], r9
    mulx r8, r9, [rsi + 8]
    adcx r9, [rdi + 8]
    adox r9, r10
    mov [rdi + 8], r9
    lea rsi, [rsi + 16]
    lea rdi, [rdi + 16]
    dec ecx
    jne 1b
    hlt

    idiom "bits that are set, one by one"
    hot
1:  tzcnt rcx, rax
    add rdx, rcx
    blsr rax, rax
    jne 1b
    hlt

    idiom "test and set a bit of a map"
    mov ecx, edi
    shr edi, 6
    mov eax, 1
    shl rax, cl
    mov rdx, [rsi + rdi*8]
    test rdx, rax
    jne 1f
    or rdx, rax
    mov [rsi + rdi*8], rdx
1:  hlt

    idiom "integers to floating point and back"
    hot
1:  cvtsi2sd xmm0, dword ptr [rdi]
    mulsd xmm0, xmm1
    cvttsd2si eax, xmm0
    mov [rdi], eax
    add rdi, 4
    cmp rdi, rsi
    jne 1b
    hlt

    idiom "a loop that calls a function"
    hot
1:  mov rdi, rbx
    call 2f
    add r12, rax
    dec rbx
    jne 1b
    hlt
2:  lea rax, [rdi + rdi*2]
    xor rax, rdi
    ret

    idiom "a loop that calls through a table"
    hot
1:  mov rax, [rbx]
    mov rdi, rbx
    call [rax + 0x10]
    also
    add rbx, 8
    cmp rbx, r12
    jne 1b
    hlt

    idiom "recursion"
1:  cmp edi, 1
    jbe 2f
    push rbx
    mov ebx, edi
    lea edi, [rbx - 1]
    call 1b
    lea edi, [rbx - 2]
    mov ebx, eax
    call 1b
    add eax, ebx
    pop rbx
    ret
2:  mov eax, edi
    ret

    idiom "two nested loops"
1:  xor ecx, ecx
    hot
2:  mov eax, [rsi + rcx*4]
    imul eax, edi
    add [rdx + rcx*4], eax
    inc rcx
    cmp rcx, 16
    jne 2b
    add rsi, 64
    dec edi
    jne 1b
    hlt

    idiom "blocks moved by a string instruction"
    mov rcx, rdx
    shr rcx, 3
    rep movsq
    mov ecx, edx
    and ecx, 7
    rep movsb
    ret

    idiom "AES-NI in counter mode"
    hot
1:  movdqa xmm0, xmm8
    paddq xmm8, xmm9
    pshufb xmm0, xmm10
    pxor xmm0, xmm1
    aesenc xmm0, xmm2
    aesenc xmm0, xmm3
    aesenclast xmm0, xmm4
    movdqu xmm5, [rsi]
    pxor xmm5, xmm0
    movdqu [rdi], xmm5
    add rsi, 16
    add rdi, 16
    dec rcx
    jne 1b
    hlt

    idiom "four rounds of SHA-256 by its instructions"
    movdqa xmm0, [rcx]
    paddd xmm0, xmm3
    sha256rnds2 xmm2, xmm1, xmm0
    pshufd xmm0, xmm0, 0x0e
    movdqa xmm7, xmm6
    palignr xmm7, xmm5, 4
    paddd xmm4, xmm7
    sha256msg1 xmm3, xmm4
    sha256rnds2 xmm1, xmm2, xmm0
    ret

    mode 64, 3, 1
    idiom "take a spin lock, several vCPUs"
    hot
1:  mov eax, 1
    xchg [rdi], eax
    test eax, eax
    je 3f
2:  pause
    cmp dword ptr [rdi], 0
    jne 2b
    jmp 1b
3:  hlt

    idiom "count atomically, several vCPUs"
    hot
1:  lock add qword ptr [rdi], 1
    dec rcx
    jne 1b
    hlt

    idiom "compare and exchange until it succeeds, several vCPUs"
    mov rax, [rdi]
    hot
1:  lea rdx, [rax + 1]
    lock cmpxchg [rdi], rdx
    jne 1b
    hlt

    mode 64, 0, 0
    idiom "entry of a kernel for system calls"
    swapgs
    mov gs:[0x6014], rsp
    mov rsp, gs:[0x1ac10]
    push 0x2b
    push gs:[0x6014]
    push r11
    push 0x33
    push rcx
    push rax
    push rdi
    push rsi
    push rdx
    push rcx
    push -38
    push r8
    push r9
    push r10
    push r11
    xor r10d, r10d
    xor r11d, r11d
    jmp 1f
1:  hlt

    idiom "counter of this processor in a kernel"
    inc qword ptr gs:[0x1c0]
    dec dword ptr gs:[0x1ac18]
    jne 1f
    hlt
1:  hlt

    idiom "copy to user memory in a kernel"
    stac
    also
    mov [rdi], rax
    clac
    also
    xor eax, eax
    ret

    mode 32, 3, 0
    idiom "position-independent prologue, 32-bit"
    push ebp
    mov ebp, esp
    push ebx
    call 1f
1:  pop ebx
    add ebx, 0x1234
    mov eax, [ebp + 8]
    mov eax, [ebx + eax*4 + 0x20]
    hlt

    idiom "64-bit arithmetic, 32-bit"
    mov eax, [esi]
    mov edx, [esi + 4]
    add eax, ecx
    adc edx, ebx
    imul ecx, edx
    mul edi
    add edx, ecx
    mov [esi], eax
    mov [esi + 4], edx
    ret

    idiom "x87 expression, 32-bit"
    fld qword ptr [esp + 4]
    fmul qword ptr [esp + 12]
    fld st(0)
    fsqrt
    fadd dword ptr [ebx + 0x40]
    fxch st(1)
    fdivp st(1), st
    fstp qword ptr [esp + 20]
    ret

    record 5, ""
#endif
    .section .note.GNU-stack, "", @progbits
