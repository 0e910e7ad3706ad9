#include "compiler/codegen/SourceDigest.h"

#include "compiler/codegen/KernelTrials.h"
#include "compiler/codegen/Passes.h"

#include "mlir/IR/AsmState.h"

#include <fmt/format.h>
#define XXH_INLINE_ALL // the header alone: no library to link
#include <xxhash.h>

#include <array>

using namespace mlir;

namespace weft::codegen {

std::string sourceDigest(func::FuncOp kernel) {
  OwningOpRef<func::FuncOp> copy(kernel.clone());
  // What says which results it has and how it is called; others say what was decided or counted about it.
  const std::array<StringRef, 3> kept = {"weft.kernel", "weft.probe", unitsAttribute};
  for (NamedAttribute attribute : llvm::to_vector(copy->getOperation()->getDiscardableAttrs()))
    if (!llvm::is_contained(kept, attribute.getName().strref()))
      copy->getOperation()->removeDiscardableAttr(attribute.getName());
  std::string text;
  llvm::raw_string_ostream stream(text);
  // The form that leaves defaults out: a kernel that was read from a text has others than one that was built.
  copy->print(stream, OpPrintingFlags().useLocalScope());
  return fmt::format("{:016x}", XXH3_64bits_withSeed(text.data(), text.size(), codegenVersion));
}

void setTuning(func::FuncOp kernel, const kernels::Tuning &tuning) {
  kernel->removeAttr(tuningAttribute);
  if (tuning.empty())
    return;
  Builder builder(kernel.getContext());
  SmallVector<NamedAttribute> values;
  for (const auto &[name, value] : tuning)
    values.push_back(builder.getNamedAttr(name, builder.getI64IntegerAttr(value)));
  kernel->setAttr(tuningAttribute, builder.getDictionaryAttr(values));
}

} // namespace weft::codegen
