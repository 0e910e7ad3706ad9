// weft-opt: reads MLIR, runs passes by name, prints MLIR. For looking at one pass at a time and for the lit tests.
#include "tools/RegisterEverything.h"

#include "mlir/Tools/mlir-opt/MlirOptMain.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  weft::registerEverything(registry);
  return mlir::asMainReturnCode(mlir::MlirOptMain(argc, argv, "Weft's optimizer driver\n", registry));
}
