// The building blocks of a graph: weights and the small ops over them, by the model's own names. Internal to
// compiler/graph.
#pragma once

#include "compiler/frontend/TransformerConfig.h"
#include "dialects/xf/XfDialect.h"
#include "hw-models/support/Result.h"

#include "llvm/ADT/StringMap.h"

#include <optional>
#include <string>

namespace weft::graph {

/// Emits ops at the insertion point of `builder`. The first error stays in `failure`; what is emitted after it is
/// thrown away.
class Blocks {
public:
  Blocks(mlir::MLIRContext &context, std::string model, const frontend::WeightSource &weights)
      : builder(&context), model(std::move(model)), weights(weights) {}

  mlir::Location named(const std::string &name) { return mlir::NameLoc::get(builder.getStringAttr(name)); }

  /// The weight after its steps.
  mlir::Value weight(const frontend::WeightRef &ref);
  mlir::Value weightOrNull(const frontend::WeightRef &ref) { return ref ? weight(ref) : mlir::Value(); }
  /// `name`: the op's, if not the weight's own.
  mlir::Value linear(const frontend::LinearConfig &config, mlir::Value x, const std::string &name = "");
  /// x itself where there is no norm.
  mlir::Value norm(const frontend::NormConfig &config, mlir::Value x);
  mlir::Value activation(const std::string &name, frontend::ActivationKind kind, mlir::Value x);
  mlir::Value scale(const std::string &name, mlir::Value x, double factor);
  /// cap · tanh(x / cap)
  mlir::Value softcap(const std::string &name, mlir::Value x, double cap);

  void fail(Error error) {
    if (!failure)
      failure = std::move(error);
  }

  mlir::OpBuilder builder;
  std::optional<Error> failure;

private:
  mlir::Value view(mlir::Value value, const frontend::ViewStep &step, mlir::Location loc);

  std::string model;
  const frontend::WeightSource &weights;
  llvm::StringMap<mlir::Value> params; // one op a weight and function
};

xf::Activation activationOf(frontend::ActivationKind kind);

/// A weight's own name as an op's: without "model." and ".weight".
std::string opName(const frontend::WeightRef &ref);

} // namespace weft::graph
