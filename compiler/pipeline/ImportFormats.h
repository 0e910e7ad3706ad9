// The formats of model files. Internal to compiler/pipeline.
#pragma once

#include "compiler/pipeline/Import.h"

namespace weft::compiler {

Result<Imported> importHuggingFace(const ImportOptions &options);

} // namespace weft::compiler
