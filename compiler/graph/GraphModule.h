// The names a graph module goes by: what the builder writes and every later phase reads.
//
//   module attributes {xf.model = "llama", xf.vocab = 256, xf.hidden = 64, xf.layers = 2, xf.heads = 4, xf.kv_heads =
//   2,
//                      xf.head_dim = 16, xf.max_seq = 128} {
//     func.func @forward(%ids: tensor<?xi32>, %position: index, %cache0: !xf.kv_cache<…>, …)
//         -> (tensor<1xVOCABxf32>, !xf.kv_cache<…>, …)
//   }
//
// After `--graph-split-phases`, instead of @forward:
//
//     func.func @prefill(%ids: tensor<?xi32>, caches…) -> (logits, caches…)
//     func.func @decode(%ids: tensor<1xi32>, %position: index, caches…) -> (logits, caches…)
//
// A model that sees whole sequences or anything else at once is a tensor program instead: a module with
//
//     func.func @main(%ids: tensor<1x12xi64> {xf.name = "input_ids", xf.dtype = "int64"}, …)
//         -> (tensor<1x12x64xf32> {xf.name = "last_hidden_state", xf.dtype = "float32"}, …)
//
// An input with `xf.default = N : i64` may be left out and is then filled with N.
#pragma once

#include "llvm/ADT/StringRef.h"

namespace weft::graph {

inline constexpr llvm::StringLiteral forwardFunction = "forward";
inline constexpr llvm::StringLiteral prefillFunction = "prefill";
inline constexpr llvm::StringLiteral decodeFunction = "decode";
/// The one function of a tensor program, from static tensors to static tensors. Attributes of its arguments and
/// results: the tensor's name, and the type of its elements as NumPy or ONNX calls it.
inline constexpr llvm::StringLiteral mainFunction = "main";
inline constexpr llvm::StringLiteral nameAttr = "xf.name";
inline constexpr llvm::StringLiteral dtypeAttr = "xf.dtype";

inline constexpr llvm::StringLiteral modelAttr = "xf.model"; // a string: the model's name
// Integers (i64):
inline constexpr llvm::StringLiteral vocabAttr = "xf.vocab";
inline constexpr llvm::StringLiteral hiddenAttr = "xf.hidden";
inline constexpr llvm::StringLiteral layersAttr = "xf.layers";
inline constexpr llvm::StringLiteral headsAttr = "xf.heads";
inline constexpr llvm::StringLiteral kvHeadsAttr = "xf.kv_heads";
inline constexpr llvm::StringLiteral headDimAttr = "xf.head_dim";
inline constexpr llvm::StringLiteral maxSeqAttr = "xf.max_seq";
inline constexpr llvm::StringLiteral valueDimAttr = "xf.value_dim"; // only where it is not xf.head_dim

inline constexpr llvm::StringLiteral defaultAttr = "xf.default"; // of arguments: an i64
// Of arguments that shapes depend on: the values that the graph was built for, integers in row-major order.
inline constexpr llvm::StringLiteral valueAttr = "xf.value";

} // namespace weft::graph
