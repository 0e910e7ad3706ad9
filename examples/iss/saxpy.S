# y = a * x + y on 1000 elements with vector instructions, for `weft iss` (docs/iss.md). Exits with 0 if the sum of y is
# what it should be, else with 1. With an argument it writes a greeting first.
    .option arch, rv64gcv
    .section .text
    .globl _start
_start:
    li      t0, 2
    blt     a0, t0, fill          # argc < 2: no argument
    li      a0, 1                 # write(1, greeting, size)
    la      a1, greeting
    li      a2, 6
    li      a7, 64
    ecall
fill:                             # x[i] = y[i] = i
    la      a1, x
    la      a2, y
    li      a3, 1000
    li      t0, 0
1:  vsetvli t1, a3, e32, m4, ta, ma
    vid.v   v8
    vadd.vx v8, v8, t0
    vfcvt.f.x.v v8, v8
    vse32.v v8, (a1)
    vse32.v v8, (a2)
    slli    t2, t1, 2
    add     a1, a1, t2
    add     a2, a2, t2
    add     t0, t0, t1
    sub     a3, a3, t1
    bnez    a3, 1b

    la      a1, x                 # y += 2 * x
    la      a2, y
    li      a3, 1000
    li      t0, 0x40000000        # 2.0
    fmv.w.x fa0, t0
2:  vsetvli t1, a3, e32, m4, ta, ma
    vle32.v v8, (a1)
    vle32.v v16, (a2)
    vfmacc.vf v16, fa0, v8
    vse32.v v16, (a2)
    slli    t2, t1, 2
    add     a1, a1, t2
    add     a2, a2, t2
    sub     a3, a3, t1
    bnez    a3, 2b

    la      a2, y                 # the sum of y as whole numbers: 3 * 999 * 1000 / 2
    li      a3, 1000
    vsetvli t1, zero, e32, m1, ta, ma
    vmv.s.x v24, zero
3:  vsetvli t1, a3, e32, m4, ta, ma
    vle32.v v8, (a2)
    vfcvt.x.f.v v8, v8
    vredsum.vs v24, v8, v24
    slli    t2, t1, 2
    add     a2, a2, t2
    sub     a3, a3, t1
    bnez    a3, 3b
    vmv.x.s a0, v24
    li      t0, 1498500
    sub     a0, a0, t0
    snez    a0, a0

    slli    a0, a0, 1             # tohost = exit code << 1 | 1
    ori     a0, a0, 1
    la      t0, tohost
    sd      a0, 0(t0)
4:  j       4b

    .section .rodata
greeting:
    .ascii  "hello\n"
    .section .data
    .balign 64
    .globl  tohost
tohost:
    .dword  0
    .section .bss
    .balign 64
x:  .space  4000
y:  .space  4000
