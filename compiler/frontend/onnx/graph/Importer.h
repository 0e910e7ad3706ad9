// Lowers a whole model, node by node. Internal to this folder; Import.h is its face.
#pragma once

#include "compiler/frontend/onnx/Model.h"
#include "compiler/frontend/onnx/graph/Evaluate.h"
#include "compiler/frontend/onnx/graph/Import.h"
#include "compiler/frontend/onnx/graph/Node.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <set>

namespace weft::frontend::onnx {

class Raiser;

/// Names and what they stand for: of the main graph, of a subgraph within it, or of a function's body.
struct Scope {
  Scope *parent = nullptr;      // names of the graph around are seen, too; none for a function
  const Graph *graph = nullptr; // none for a function
  const std::map<std::string, Attribute> *attributes = nullptr; // what a function's attributes are bound to
  const std::map<std::string, int64_t> *opsets = nullptr;
  std::map<std::string, Bound> values;
};

/// An error, and the program's inputs that decide what had to be known.
struct ImportError {
  Error error;
  std::vector<std::string> decidedBy;
};

class Importer {
public:
  /// `fixed`: integers that inputs are taken to have, by name.
  Importer(mlir::MLIRContext &context, const Model &model, const GraphOptions &options,
           const std::map<std::string, std::vector<int64_t>> &fixed);

  ~Importer();

  /// As Raiser has it; empty where nothing is raised.
  std::string firstUnknown() const;

  /// Null: see failure().
  mlir::OwningOpRef<mlir::ModuleOp> run();
  ImportError takeFailure() { return std::move(*failure); }

  // ---- for NodeBuilder
  const Bound *lookup(Scope &scope, const std::string &name);
  std::optional<Sizes> declaredShape(const Scope &scope, const std::string &name, unsigned depth = 0);
  std::vector<Bound> runGraph(const Graph &graph, Scope &around, llvm::ArrayRef<Bound> arguments);
  Tensor constant(const TensorData &data, const std::string &name);
  /// The bytes of a tensor of the model, from its file if need be.
  std::optional<std::vector<std::byte>> bytesOf(const TensorData &data) const;
  /// Null: it has no such initializer.
  const TensorData *initializerOf(const Graph &graph, const std::string &name);
  /// Remembers which inputs of the program decide `value`, for the error that follows.
  void noteDecidedBy(mlir::Value value);
  const GeneratorLaunch *launch() const { return options.launch; }
  /// Tokens that the model's tables of positions have rows for, as far as some have been met.
  int64_t positions = INT64_MAX;
  Evaluator evaluator;
  const Model &model;
  mlir::OpBuilder builder;

private:
  Tensor unpacked(const TensorData &data, mlir::Location loc);
  std::optional<Sizes> shapeOfUser(const Scope &scope, const std::string &name, unsigned depth);
  void createFunction();
  void addInput(const ValueInfo &input, llvm::SmallVectorImpl<mlir::Type> &types,
                llvm::SmallVectorImpl<mlir::Attribute> &attributes);
  void bindInputs();
  void returnOutputs();
  void returnLogits();
  void lowerNodes(const std::vector<Node> &nodes, Scope &scope);
  void lowerNode(const Node &node, Scope &scope);
  void callFunction(const Function &function, const Node &node, Scope &scope);
  Sizes staticShape(const ValueInfo &value);
  mlir::DictionaryAttr tensorAttributes(const std::string &name, ElementType type);
  [[noreturn]] void fail(const std::string &message);

  const GraphOptions &options;
  const std::map<std::string, std::vector<int64_t>> &fixed;
  std::optional<ImportError> failure;
  std::vector<std::string> decidedBy;
  std::map<const Graph *, std::map<std::string_view, const TensorData *>> initializers;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  mlir::func::FuncOp function;
  Scope main;
  std::unique_ptr<Raiser> raiser; // null: graphs stay as they are exported
  /// The tensors of each input of the graph, as arguments of @main.
  struct Input {
    const ValueInfo *info;
    std::vector<Sizes> shapes;
    bool isSequence;
  };
  std::vector<Input> inputs;
};

} // namespace weft::frontend::onnx
