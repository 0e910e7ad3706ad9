# Every outside library, found once. All of them are Debian 12 packages; `./dev` installs them.

# The MLIR version file wants major.minor.
find_package(MLIR 19.1 REQUIRED CONFIG HINTS /usr/lib/llvm-19/lib/cmake/mlir)
find_package(LLD 19.1 REQUIRED CONFIG HINTS /usr/lib/llvm-19/lib/cmake/lld)
find_path(FLATBUFFERS_INCLUDE flatbuffers/flatbuffers.h REQUIRED) # header only as we use it
find_package(yaml-cpp REQUIRED)
find_package(ZLIB REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(fmt REQUIRED)
find_package(CLI11 REQUIRED)
find_package(Eigen3 REQUIRED)
find_package(Threads REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(Pagmo REQUIRED)
find_package(Protobuf REQUIRED)
find_package(ONNX REQUIRED CONFIG) # the classes of its files only; they know opset 17, so types and shapes are ours
find_package(Python3 REQUIRED COMPONENTS Interpreter)
find_path(XXHASH_INCLUDE xxhash.h REQUIRED)
if(WEFT_TESTS)
  find_package(Catch2 2 REQUIRED)
  find_package(benchmark REQUIRED)
endif()

list(APPEND CMAKE_MODULE_PATH ${MLIR_CMAKE_DIR} ${LLVM_CMAKE_DIR})
include(TableGen)
include(AddLLVM)
include(AddMLIR)
