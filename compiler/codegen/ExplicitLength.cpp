// The walk over a function: what every vector becomes. Which instruction an operation is stands in VectorSelector.cpp.
#include "compiler/codegen/ExplicitLength.h"

#include "compiler/codegen/VectorSelector.h"

#include "llvm/ADT/PostOrderIterator.h"
#include "llvm/IR/Module.h"
#include "llvm/IR/Verifier.h"
#include "llvm/Support/raw_ostream.h"

namespace weft::codegen {
namespace {

/// Rewrites one function, or nothing of it.
class FunctionRewriter {
public:
  FunctionRewriter(llvm::Function &function, const hw::Isa &isa) : function(function), selector(function, isa) {}

  bool run() {
    if (!rewriteAll() || !completePhis()) {
      selector.discard();
      return false;
    }
    replaceOld();
    return true;
  }

private:
  static bool concernsVectors(const llvm::Instruction &instruction) {
    auto isVector = [](const llvm::Value *value) { return llvm::isa<llvm::FixedVectorType>(value->getType()); };
    return isVector(&instruction) || llvm::any_of(instruction.operands(), isVector);
  }

  bool rewriteAll() {
    for (llvm::BasicBlock *block : llvm::ReversePostOrderTraversal<llvm::Function *>(&function))
      for (llvm::Instruction &instruction : *block) {
        // What the selector has put before this one is not of fixed length.
        if (!concernsVectors(instruction))
          continue;
        old.push_back(&instruction);
        if (!selector.rewrite(instruction))
          return false;
      }
    return true;
  }

  /// Values from further down the loop exist now.
  bool completePhis() {
    for (llvm::Instruction *instruction : old)
      if (auto *phi = llvm::dyn_cast<llvm::PHINode>(instruction))
        if (!selector.completePhi(*phi))
          return false;
    return true;
  }

  void replaceOld() {
    for (llvm::Instruction *instruction : old)
      if (llvm::Value *scalar = selector.scalarResult(*instruction))
        instruction->replaceAllUsesWith(scalar);
    for (llvm::Instruction *instruction : old)
      instruction->dropAllReferences();
    for (llvm::Instruction *instruction : old)
      instruction->eraseFromParent();
    selector.removeUnused();
  }

  llvm::Function &function;
  VectorSelector selector;
  llvm::SmallVector<llvm::Instruction *> old;
};

} // namespace

Result<llvm::SmallVector<llvm::Function *>> makeLengthsExplicit(llvm::Module &module, const hw::Isa &isa) {
  llvm::SmallVector<llvm::Function *> left;
  for (llvm::Function &function : module) {
    if (function.isDeclaration())
      continue;
    if (!FunctionRewriter(function, isa).run())
      left.push_back(&function);
    // What is broken here would end in a crash of the code generator.
    std::string problem;
    llvm::raw_string_ostream text(problem);
    if (llvm::verifyFunction(function, &text))
      return internalError("kernel " + function.getName().str() + " with vectors of explicit length: " + problem);
  }
  return left;
}

} // namespace weft::codegen
