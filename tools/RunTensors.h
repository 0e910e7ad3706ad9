// `weft run` of a package that takes tensors and gives tensors. Internal to tools.
#pragma once

#include "runtime/package/PackageFile.h"
#include "tools/RunCommand.h"

namespace weft::tools {

/// Whether --input and --output name files of the kinds that they take; better told before a model is compiled.
Result<void> checkTensorFiles(const RunOptions &options);

/// Launches the program once with the arrays of options.inputs and writes its results to options.outputPath.
Result<void> runTensors(const RunOptions &options, const Tool &tool, const runtime::Package &package,
                        std::ostream &out);

} // namespace weft::tools
