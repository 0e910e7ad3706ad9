// The formats of model files. Internal to compiler/pipeline.
#pragma once

#include "compiler/pipeline/Import.h"

namespace weft::compiler {

Result<Imported> importHuggingFace(const ImportOptions &options);

/// A file that begins as GGUF does, or has its suffix.
bool isGguf(const std::string &path);
Result<Imported> importGguf(const ImportOptions &options);

} // namespace weft::compiler
