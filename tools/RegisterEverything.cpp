#include "tools/RegisterEverything.h"

#include "compiler/graph/GraphPasses.h"
#include "dialects/xf/XfDialect.h"
#include "dialects/xf/XfPasses.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Transforms/Passes.h"

void weft::registerEverything(mlir::DialectRegistry &registry) {
  registry.insert<mlir::arith::ArithDialect, mlir::bufferization::BufferizationDialect, mlir::func::FuncDialect,
                  mlir::linalg::LinalgDialect, mlir::math::MathDialect, mlir::memref::MemRefDialect,
                  mlir::scf::SCFDialect, mlir::tensor::TensorDialect, mlir::vector::VectorDialect>();
  xf::registerXfDialect(registry);

  mlir::registerCanonicalizerPass();
  mlir::registerCSEPass();
  xf::registerXfPasses();
  graph::registerGraphPasses();
}
