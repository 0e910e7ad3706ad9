// Records of `weft tune` for a compilation: a file's, or those that are shipped.
#pragma once

#include "compiler/pipeline/Compile.h"
#include "explore/tune/Record.h"

namespace weft::tools {

/// What is shipped for the presets (hw-models/tuned).
const std::vector<explore::TuneRecord> &shippedRecords();

/// Those of `path` (empty: shipped, "none": none) for the core of `options` into CompileOptions::tuned. A file that
/// cannot be used is a warning: a compilation needs none.
void useTuneRecords(const std::string &path, compiler::CompileOptions &options);

} // namespace weft::tools
