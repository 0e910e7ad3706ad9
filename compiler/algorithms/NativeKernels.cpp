#include "compiler/algorithms/NativeKernels.h"

#include <algorithm>
#include <cstring>

namespace weft::algorithms {
namespace {

float *floats(void *const *operands, size_t index) { return static_cast<float *>(operands[index]); }

/// c[m][n] += a[m][k] b[k][n]
void gemm(void *const *operands, const int64_t *scalars) {
  const float *a = floats(operands, 0), *b = floats(operands, 1);
  float *c = floats(operands, 2);
  const int64_t rows = scalars[0], inner = scalars[1], cols = scalars[2];
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t k = 0; k < inner; ++k)
      for (int64_t j = 0; j < cols; ++j)
        c[i * cols + j] += a[i * inner + k] * b[k * cols + j];
}

/// c[m][n] = a[m][k] b[n][k] transposed
void gemmTransposed(void *const *operands, const int64_t *scalars) {
  const float *a = floats(operands, 0), *b = floats(operands, 1);
  float *c = floats(operands, 2);
  const int64_t rows = scalars[0], inner = scalars[1], cols = scalars[2];
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < cols; ++j) {
      float sum = 0;
      for (int64_t k = 0; k < inner; ++k)
        sum += a[i * inner + k] * b[j * inner + k];
      c[i * cols + j] = sum;
    }
}

/// y[n] = x[m] w[m][n]
void gemv(void *const *operands, const int64_t *scalars) {
  const float *x = floats(operands, 0), *w = floats(operands, 1);
  float *y = floats(operands, 2);
  const int64_t rows = scalars[0], cols = scalars[1];
  std::fill(y, y + cols, 0.0f);
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < cols; ++j)
      y[j] += x[i] * w[i * cols + j];
}

void clear(void *const *operands, const int64_t *scalars) {
  std::memset(operands[0], 0, static_cast<size_t>(scalars[0]));
}

void copy(void *const *operands, const int64_t *scalars) {
  std::memcpy(operands[0], operands[1], static_cast<size_t>(scalars[0]));
}

/// A queue of `scalars[0]` blocks of `scalars[1]` bytes and a spare one after them: takes the spare in at one end and
/// drops the block at the other, if step `scalars[2]` is below `scalars[3]`. On a core that is a change of pointers.
void advanceQueue(void *const *operands, const int64_t *scalars) {
  auto *queue = static_cast<char *>(operands[0]);
  const auto blocks = static_cast<size_t>(scalars[0]), bytes = static_cast<size_t>(scalars[1]);
  if (scalars[2] < scalars[3])
    std::memmove(queue, queue + bytes, blocks * bytes);
}

void retreatQueue(void *const *operands, const int64_t *scalars) {
  auto *queue = static_cast<char *>(operands[0]);
  const auto blocks = static_cast<size_t>(scalars[0]), bytes = static_cast<size_t>(scalars[1]);
  if (scalars[2] >= scalars[3])
    return;
  std::memmove(queue + bytes, queue, (blocks - 1) * bytes);
  std::memcpy(queue, queue + blocks * bytes, bytes);
}

void nothing(void *const *, const int64_t *) {}

} // namespace

runtime::KernelFunction nativeKernel(std::string_view name) {
  struct Entry {
    std::string_view name;
    runtime::KernelFunction function;
  };
  static constexpr Entry entries[] = {{"gemm", gemm},
                                      {"gemm_transposed", gemmTransposed},
                                      {"gemv", gemv},
                                      {"clear", clear},
                                      {"copy", copy},
                                      {"advance_queue", advanceQueue},
                                      {"retreat_queue", retreatQueue},
                                      {"next_step", nothing},
                                      {"local", nothing}};
  for (const Entry &entry : entries)
    if (entry.name == name.substr(0, name.find('#')))
      return entry.function;
  return nullptr;
}

} // namespace weft::algorithms
