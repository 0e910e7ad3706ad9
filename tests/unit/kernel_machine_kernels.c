// Kernels for kernel_machine_test.cpp, good and bad ones, compiled for a RISC-V core.
typedef long int64_t;
typedef void *const *Operands;

static const int factors[4] = {3, 5, 7, 11};

// y[i] = x[i] * factors[i % 4] for the first scalars[0] elements
void scale(Operands operands, const int64_t *scalars) {
  const int *x = operands[0];
  int *y = operands[1];
  for (int64_t i = 0; i < scalars[0]; ++i)
    y[i] = x[i] * factors[i & 3];
}

// As many bytes of the stack as scalars[0] says, in steps that touch each of them.
__attribute__((noinline)) static int64_t descend(int64_t bytes) {
  volatile char block[512];
  for (int i = 0; i < 512; ++i)
    block[i] = (char)bytes;
  return bytes <= 512 ? block[0] : descend(bytes - 512) + block[1];
}
void use_stack(Operands operands, const int64_t *scalars) { *(int64_t *)operands[0] = descend(scalars[0]); }

void store_at(Operands operands, const int64_t *scalars) { ((volatile char *)operands[0])[scalars[0]] = 7; }
void load_at(Operands operands, const int64_t *scalars) {
  *(char *)operands[0] = ((volatile char *)operands[0])[scalars[0]];
}
void write_constants(Operands operands, const int64_t *scalars) { *(volatile int *)&factors[0] = 0; }
void write_arguments(Operands operands, const int64_t *scalars) { *(volatile int64_t *)scalars = 0; }
void illegal(Operands operands, const int64_t *scalars) { __asm__ volatile(".word 0"); }
// What LLVM may begin with: a whole register moved before vtype is set, which needs a legal one.
void move_first(Operands operands, const int64_t *scalars) {
  __asm__ volatile("vl1re8.v v8, (%0)\n vmv1r.v v9, v8\n vs1r.v v9, (%1)" ::"r"(operands[0]), "r"(operands[1])
                   : "memory");
}
void endless(Operands operands, const int64_t *scalars) {
  for (;;)
    __asm__ volatile("");
}
void exits(Operands operands, const int64_t *scalars) { __asm__ volatile("li a7, 93\n ecall"); }
void _start(void) {}
