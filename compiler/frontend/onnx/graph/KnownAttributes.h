// Which attributes an op has, whether or not its lowering has use for them.
#pragma once

#include <cstdint>
#include <string_view>

namespace weft::frontend::onnx {

/// Whether an op of `domain` has an attribute of that name, in any opset from 7 on.
bool hasAttribute(std::string_view domain, std::string_view op, std::string_view attribute);

/// The first opset of ONNX in which an op has an input instead of that attribute; 0: there is none.
int64_t becameInput(std::string_view op, std::string_view attribute);

} // namespace weft::frontend::onnx
