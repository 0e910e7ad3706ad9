// Blocks of a divided dimension into their places in the whole.
#include "kernels/KernelBuilder.h"

#include <fmt/format.h>

using namespace mlir;

namespace weft::kernels {

TileKernel buildPlaceBlock(ModuleOp module, Type element, int64_t outer, int64_t block, int64_t extent, int64_t inner,
                           int64_t ranks) {
  // Values are moved as they are, so that elements of one size share a kernel. A boolean is a byte.
  TileKernel kernel;
  std::string type;
  llvm::raw_string_ostream(type) << (element.isInteger(1) ? IntegerType::get(element.getContext(), 8) : element);
  kernel.name = symbol("place_block_" + type, {{"o", outer}, {"b", block}, {"e", extent}, {"i", inner}, {"n", ranks}});
  const int64_t bytes = outer * block * inner * ((element.getIntOrFloatBitWidth() + 7) / 8);
  kernel.work.loadBytes.base = kernel.work.storeBytes.base = bytes;
  defineOn(module, kernel.name, element.isInteger(1) ? IntegerType::get(element.getContext(), 8) : element,
           {{outer, block * inner}, {outer, extent * inner}}, 3, [&](KernelBody &body) {
             Value rank = body.scalar(0);
             for (unsigned i : {1, 2})
               rank = body.add(rank, body.scalar(i));
             Value source = body.rem(rank, ranks);
             Value first = body.min(body.mul(source, block), body.constant(extent - block));
             Value place = body.view(body.buffer(1), OpFoldResult(body.mul(first, inner)),
                                     {body.fixed(outer), body.fixed(block * inner)}, {extent * inner, 1});
             body.copy(body.buffer(0), place);
           });
  Probe probe;
  probe.scalars = {0, 0, 0};
  probe.rows = Probe::noRows;
  setProbe(module, kernel.name, probe);
  return kernel;
}

} // namespace weft::kernels
