// A kernel of the package ABI, loaded by weights_test: operands[1][i] = scalars[1] * operands[0][i], i < scalars[0].
#include <stdint.h>

void double_it(void *const *operands, const int64_t *scalars) {
  const float *in = operands[0];
  float *out = operands[1];
  for (int64_t i = 0; i < scalars[0]; ++i)
    out[i] = (float)scalars[1] * in[i];
}
