// The formats of model files. Internal to compiler/pipeline.
#pragma once

#include "compiler/frontend/TransformerConfig.h"
#include "compiler/pipeline/Import.h"

namespace weft::compiler {

/// What every format that describes a transformer leaves: facts if it generates text, weights, and how it is built.
void takeTransformer(Imported &imported, frontend::TransformerConfig config,
                     std::unique_ptr<frontend::WeightSource> weights, const std::map<std::string, int64_t> &dims);

Result<Imported> importHuggingFace(const ImportOptions &options);

/// A file that begins as GGUF does, or has its suffix.
bool claimsGguf(const ImportOptions &options);
Result<Imported> importGguf(const ImportOptions &options);

/// Whether a file is text in MLIR: its name says so, or a function begins in it.
bool claimsMlir(const ImportOptions &options);
/// linalg on tensors: @main, or the only public function. It has no weights but constants.
Result<Imported> importMlir(const ImportOptions &options);
/// A file that begins as ONNX's protobuf does, or has its suffix; a folder with one, or with genai_config.json, and
/// without safetensors, unless a config alone is asked for, and it has that.
bool claimsOnnx(const ImportOptions &options);
Result<Imported> importOnnx(const ImportOptions &options);

} // namespace weft::compiler
