// The formats of model files. Internal to compiler/pipeline.
#pragma once

#include "compiler/pipeline/Import.h"

namespace weft::compiler {

Result<Imported> importHuggingFace(const ImportOptions &options);

/// A file that begins as ONNX's protobuf does, or has its suffix.
bool isOnnx(const std::string &path);
Result<Imported> importOnnx(const ImportOptions &options);

} // namespace weft::compiler
