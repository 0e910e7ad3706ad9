// What a bench program has on the heap: its operators new and delete count.
#pragma once

#include <cstddef>

namespace weft::bench {

/// Bytes now, and at most since the program began or resetPeak() was called.
size_t heapBytes();
size_t peakHeapBytes();
void resetPeak();

} // namespace weft::bench
