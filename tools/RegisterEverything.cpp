#include "tools/RegisterEverything.h"

#include "compiler/codegen/Passes.h"
#include "compiler/graph/GraphPasses.h"
#include "compiler/place/General.h"
#include "compiler/place/Place.h"
#include "compiler/plan/FabricBuffers.h"
#include "compiler/route/FabricChannels.h"
#include "compiler/spmd/Spmd.h"
#include "dialects/fabric/FabricDialect.h"
#include "dialects/grid/GridDialect.h"
#include "dialects/rv/Rv.h"
#include "dialects/xf/XfDialect.h"
#include "dialects/xf/XfPasses.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Transforms/Passes.h"

void weft::registerEverything(mlir::DialectRegistry &registry) {
  registry.insert<mlir::arith::ArithDialect, mlir::bufferization::BufferizationDialect, mlir::cf::ControlFlowDialect,
                  mlir::func::FuncDialect, mlir::linalg::LinalgDialect, mlir::LLVM::LLVMDialect,
                  mlir::math::MathDialect, mlir::memref::MemRefDialect, mlir::scf::SCFDialect,
                  mlir::tensor::TensorDialect, mlir::vector::VectorDialect>();
  registry.insert<grid::GridDialect, fabric::FabricDialect, rv::RvDialect>();
  xf::registerXfDialect(registry);

  mlir::registerCanonicalizerPass();
  mlir::registerCSEPass();
  xf::registerXfPasses();
  graph::registerGraphPasses();
  place::registerPlacePasses();
  place::registerGeneralPasses();
  spmd::registerSpmdPasses();
  route::registerRoutePasses();
  plan::registerPlanPasses();
  codegen::registerCodegenPasses();
}
