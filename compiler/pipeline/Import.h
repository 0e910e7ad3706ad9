// Model files of any format as one graph: what a reader and a builder leave for the phases. A format is one function
// here and a line in the table of Import.cpp.
#pragma once

#include "compiler/frontend/ModelConfig.h"
#include "compiler/pipeline/Compile.h"
#include "hw-models/support/Result.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace weft::compiler {

struct ImportOptions {
  std::string model;                   // a directory or a file
  bool shapesOnly = false;             // weights are shapes without values
  uint32_t layers = 0;                 // with `shapesOnly`: only the first ones; 0: all
  std::map<std::string, int64_t> dims; // symbolic dimensions of tensor programs by name
  ImportAs as = ImportAs::Auto;
};

/// What later phases ask of a model that generates text, whatever its architecture.
struct GeneratorFacts {
  uint32_t vocabSize = 0, maxPositions = 0, layers = 0;
  int32_t bosToken = -1; // -1: none
  std::vector<int32_t> eosTokens;
};

struct Imported {
  std::string name, architecture; // for people
  /// Of a module with @forward (compiler/graph/GraphModule.h); none: a tensor program, a module with @main.
  std::optional<GeneratorFacts> generator;
  bool fromGraph = false;      // its ops were found in a graph of smaller ones, and are worth a report
  int64_t roundedProducts = 0; // of a graph: those for which it lets inputs be rounded to 8 bits, and we do not
  std::string noText;          // of a tensor program that might be asked for text: why it gives none
  std::string tokenizer;       // the file that has it, if not a tokenizer.json beside the model
  std::unique_ptr<frontend::WeightSource> weights; // outlives what `build` makes
  /// Builds the graph. `maxSeq`: tokens that a generator's cache holds; ignored for tensor programs.
  std::function<Result<mlir::OwningOpRef<mlir::ModuleOp>>(mlir::MLIRContext &, uint32_t maxSeq)> build;
};

/// Reads what is at `options.model`, checked as far as that goes without a graph. Errors: a file that is not there or
/// is of no known format, and whatever is wrong in it.
Result<Imported> importModel(const ImportOptions &options);

} // namespace weft::compiler
