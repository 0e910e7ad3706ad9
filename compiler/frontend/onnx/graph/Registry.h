// Op type -> lowering, over ranges of opsets. A family of ops is one file with one add…() function.
#pragma once

#include "compiler/frontend/onnx/graph/Node.h"

#include <map>
#include <string>
#include <vector>

namespace weft::frontend::onnx {

using Lowering = void (*)(NodeBuilder &);

/// The domain of ops that ONNX Runtime adds.
inline constexpr const char *microsoftDomain = "com.microsoft";

class Registry {
public:
  /// `lowering` holds from opset `since` of the domain on, up to the next entry of the same op.
  void add(const std::string &op, Lowering lowering, int64_t since = 1, const std::string &domain = "");
  /// Null: no such op in this opset.
  Lowering find(const std::string &domain, const std::string &op, int64_t opset) const;
  std::vector<std::string> names() const;

private:
  std::map<std::pair<std::string, std::string>, std::map<int64_t, Lowering>> lowerings;
};

void addElementwise(Registry &registry);
void addReduce(Registry &registry);
void addMovement(Registry &registry);
void addWindow(Registry &registry);
void addIndex(Registry &registry);
void addControl(Registry &registry);
void addSequence(Registry &registry);
void addLinear(Registry &registry);
void addConvolution(Registry &registry);
void addNormalise(Registry &registry);
void addAttention(Registry &registry);
void addQuantise(Registry &registry);
void addPool(Registry &registry);
void addChannelNorm(Registry &registry);
void addResize(Registry &registry);
void addRecurrent(Registry &registry);
void addSampling(Registry &registry);
void addSignal(Registry &registry);
void addSelect(Registry &registry);
void addLoss(Registry &registry);
void addContribAttention(Registry &registry);
/// After those of ONNX itself.
void addContrib(Registry &registry);
void addContribQuantised(Registry &registry);
void addFewBits(Registry &registry);

/// Every op that is known.
const Registry &allOps();

} // namespace weft::frontend::onnx
