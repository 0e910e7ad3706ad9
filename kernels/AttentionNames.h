// Symbols of the attention kernels, and where q, k and v lie in a core's columns. Internal to kernels/.
#pragma once

#include "kernels/KernelBuilder.h"

#include <fmt/format.h>

namespace weft::kernels {

/// The symbol of a kernel that depends on all of `shape`.
inline std::string attentionSymbol(std::string_view kind, const AttentionShape &shape) {
  return symbol(kind, {{"r", shape.rows},
                       {"kv", shape.kvHeads},
                       {"g", shape.group},
                       {"w", shape.width},
                       {"h", shape.ranks},
                       {"c", shape.capacity},
                       {"t", shape.tokens}}) +
         "_" + bitsOf(shape.scale) + (shape.window ? symbol("", {{"window", shape.window}}) : "") +
         (shape.ofValue ? symbol("", {{"v", shape.ofValue}}) : "");
}

/// Columns of K, of V.
inline int64_t keyColumns(const AttentionShape &shape) { return shape.kvHeads * shape.width; }
inline int64_t valueColumns(const AttentionShape &shape) { return shape.kvHeads * shape.valueWidth(); }
/// Columns of attention's output.
inline int64_t outputColumns(const AttentionShape &shape) { return shape.heads() * shape.valueWidth(); }
/// Column of qkv where K begins; V follows it.
inline int64_t kColumn(const AttentionShape &shape) { return shape.heads() * shape.width; }
inline int64_t vColumn(const AttentionShape &shape) { return kColumn(shape) + keyColumns(shape); }

} // namespace weft::kernels
