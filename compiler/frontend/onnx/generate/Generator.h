// Text generators in ONNX files: decoders with or without caches, whose graphs are made of a transformer's ops alone.
#pragma once

#include "compiler/frontend/onnx/generate/Convert.h"
#include "compiler/frontend/onnx/generate/Launch.h"

#include <memory>

namespace weft::frontend::onnx {

struct Generator {
  std::string name;
  std::shared_ptr<const Model> model; // read with every tensor left in its file
  GeneratorInputs inputs;
  int64_t positions = 0;    // most tokens of a sequence, as far as the graph says; INT64_MAX: it does not
  bool fixedTokens = false; // exported for one number of tokens; longer sequences are taken to go on as these do
  Converted first;          // of a launch at the beginning of a sequence; without its module
  int64_t firstTokens = 0;
};

/// Looks at the graph as a first launch of a generator. Errors: why it is none.
Result<Generator> findGenerator(const std::shared_ptr<const Model> &model, const std::string &name);

/// @forward of caches for `maxSeq` tokens (GraphModule.h). The graph is looked at once more, as the launch that fills
/// the caches: what both launches have is what holds for all. Errors: they do not have the same.
Result<mlir::OwningOpRef<mlir::ModuleOp>> buildGenerator(mlir::MLIRContext &context, const Generator &generator,
                                                         uint32_t maxSeq);

/// A message about the model in `path` without its name, which the one that it becomes a part of has.
std::string reasonOf(const Error &error, const std::string &path);

} // namespace weft::frontend::onnx
