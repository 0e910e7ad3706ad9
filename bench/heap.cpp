#include "heap.h"

#include <atomic>
#include <cstdlib>
#include <malloc.h>
#include <new>

namespace {

std::atomic<size_t> now{0}, peak{0}; // the operators have no other place for their count

void *counted(void *memory) {
  if (!memory)
    throw std::bad_alloc();
  const size_t bytes = now += malloc_usable_size(memory);
  size_t most = peak;
  while (most < bytes && !peak.compare_exchange_weak(most, bytes)) {
  }
  return memory;
}

void released(void *memory) {
  now -= memory ? malloc_usable_size(memory) : 0;
  std::free(memory);
}

} // namespace

void *operator new(size_t bytes) { return counted(std::malloc(bytes)); }
void *operator new(size_t bytes, std::align_val_t alignment) {
  const auto step = static_cast<size_t>(alignment);
  return counted(std::aligned_alloc(step, (bytes + step - 1) / step * step));
}
void operator delete(void *memory) noexcept { released(memory); }
void operator delete(void *memory, size_t) noexcept { released(memory); }
void operator delete(void *memory, std::align_val_t) noexcept { released(memory); }
void operator delete(void *memory, size_t, std::align_val_t) noexcept { released(memory); }

namespace weft::bench {

size_t heapBytes() { return now; }
size_t peakHeapBytes() { return peak; }
void resetPeak() { peak = now.load(); }

} // namespace weft::bench
