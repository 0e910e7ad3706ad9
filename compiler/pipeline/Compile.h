// From a model directory and a machine to a package. The one entry to the compiler for tools.
#pragma once

#include "compiler/codegen/Schedule.h"
#include "compiler/pipeline/Phases.h"
#include "compiler/place/ExpertLoadFile.h"
#include "hw-models/Hardware.h"
#include "kernels/Tuning.h"
#include "runtime/package/KernelCosts.h"
#include "runtime/package/PackageFile.h"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace weft::compiler {

enum class GemmChoice { Auto, MeshGemm, Cannon };
/// Who combines the words of a reduction.
enum class ReduceChoice { Auto, Core, Router };
/// How a text generator's ops get onto the mesh: as the layers they are where that has a lowering and one by one else,
/// only so, or one by one.
enum class PlaceChoice { Auto, Whole, General };
/// What a graph of ops is compiled to: a text generator, a tensor program, or what it looks like (docs/models.md).
enum class ImportAs { Auto, Text, Tensors };
/// What a compilation is for: the package, or the code that the mesh's cores run.
enum class Product { Package, Assembly, Elf };

/// How a kernel is written for the core compiled for, found beforehand.
struct TunedKernel {
  std::string source; // codegen::sourceDigest of the kernel that it was found for
  kernels::Tuning tuning;
  codegen::Schedule schedule;
  double cycles = 0, defaultCycles = 0;
};

struct CompileOptions {
  std::string model;                   // a Hugging Face directory or a file; with `shapesOnly` a config file will do
  std::map<std::string, int64_t> dims; // symbolic dimensions of a tensor program, by name
  ImportAs as = ImportAs::Auto;        // of a format that can be both
  /// Weights are shapes without values: the package runs for its timing only, and the layers may lie on several meshes
  /// (Stages).
  bool shapesOnly = false;
  uint64_t stageBytes = 0; // that a core of such a mesh has for buffers; 0: what the hardware says
  uint32_t layers = 0;     // 0: all of the model's; else only the first ones, with `shapesOnly`
  std::string program;     // "prefill" or "decode", if the other one is not wanted
  hw::Hardware hardware;
  uint32_t meshWidth = 0, meshHeight = 0; // 0: that of the hardware
  uint32_t maxSeq = 0;                    // 0: what the model was made for, at most defaultMaxSeq
  std::string dtype;                      // of weights in SRAM: "f32", "f16", "bf16", "i8"; empty: as stored
  GemmChoice gemm = GemmChoice::Auto;
  ReduceChoice reduce = ReduceChoice::Auto; // Router: an error where the hardware's routers cannot
  PlaceChoice place = PlaceChoice::Auto;
  place::ExpertsMode experts = place::ExpertsMode::Auto;
  std::optional<place::ExpertLoadFile> expertLoads;      // absent: all experts are chosen alike
  std::map<std::string, std::vector<TunedKernel>> tuned; // by the kernel's symbol, of all its sources
  bool keepKernels = false;                              // Compilation::kernels
  Phase until = Phase::Package;
  Product product = Product::Package;   // of the cores' code: nothing after the link phase is done
  std::string dumpDirectory;            // the IR after each phase goes there; empty: nowhere
  std::function<void(double)> progress; // fraction done
  /// Measures the kernels of the package in a simulator, which the compiler does not know; absent, or none for cores
  /// that cannot be simulated: not measured.
  std::function<Result<std::optional<runtime::KernelCosts>>(const runtime::Package &)> measureKernels;
};

inline constexpr uint32_t defaultMaxSeq = 512;

/// A choice the compiler made, with what else it could have taken.
struct Decision {
  std::string phase, op, choice;
  std::string
      reason; // "predicted" cost, "requested" by the user, "measured" cost, or "listed" for a unit if none is known
  struct Alternative {
    std::string name;
    int64_t predictedCycles = 0;
  };
  std::vector<Alternative> alternatives; // the chosen one among them
};

/// What became of one op of a tensor program.
struct OpPlacement {
  std::string name, op; // the model's name of it; its kind
  bool distributed = false;
  std::string how; // which dimension lies on which axis, or why every core computes it
};

struct PhaseTime {
  std::string name;
  double seconds = 0;
};

/// Meshes that hold a model's layers in turn, of a compilation with shapes only.
struct Stages {
  uint64_t needed = 1;       // meshes of the size compiled for
  uint64_t onMachine = 1;    // that the machine's cores have room for side by side
  uint64_t modelBytes = 0;   // weights and cache, without padding
  uint64_t machineBytes = 0; // what all cores of the machine have for buffers
};

/// Tokens that the cache of a decode program can hold at most, whatever the sequence compiled for.
struct Capacity {
  uint64_t meshes = 1;   // that hold the layers
  uint64_t rows = 0;     // tokens whose keys and values fit on one core, with those of its layers
  uint64_t shifted = 0;  // tokens in all, spread over the rows of cores as docs/program-model.md says
  uint64_t appended = 0; // new tokens, if they all stayed on the last row of cores
};

/// What came of CompileOptions::tuned.
struct TuningUse {
  uint64_t kernels = 0; // that the core has code of
  uint64_t hits = 0;    // of them, written as was found
  uint64_t stale = 0;   // records of another version of one of them, ignored
  uint64_t reordered = 0,
           notReordered = 0; // of the hits: loops in another order; loops that are no more what they were
};

/// What a tensor program, or a text generator found in a graph of ops, is made of when it is imported.
struct ImportedOps {
  std::map<std::string, int64_t> raised; // ops of transformers, by name: how many there are
  std::vector<std::string> generic;      // the model's own names of what else computes
  int64_t unrounded = 0; // products whose inputs the graph rounds to 8 bits, or may, and which are not rounded
};

struct Compilation {
  std::unique_ptr<runtime::Package> package; // null if stopped before the package phase
  std::string ir;                            // after the last phase run
  std::string code;                          // what Product::Assembly and Product::Elf ask for
  std::vector<PhaseTime> times;
  std::vector<Decision> decisions;
  std::optional<ImportedOps> ops;           // of tensor programs and graphs of ops
  std::vector<OpPlacement> placements;      // of tensor programs
  std::vector<place::ExpertChoice> experts; // of layers that have some
  std::optional<runtime::KernelCosts> kernelCosts;
  std::string costsProblem; // why there are none, although they were to be measured; the package is good all the same
  std::vector<std::string> warnings; // what the user may not have meant
  TuningUse tuning;
  std::string kernels; // the kernels before anything is chosen for the core, as text
  uint32_t maxSeq = 0;
  std::optional<Stages> stages;     // with CompileOptions::shapesOnly, after the plan phase
  std::optional<Capacity> capacity; // the same, of a program for decode
};

/// Errors: whatever is wrong with model, mesh or machine (the user's), or with the compiler (ours).
Result<Compilation> compile(const CompileOptions &options);

/// The `weft.compile/1` report (docs/json.md).
std::string toJson(const CompileOptions &options, const Compilation &compilation);

} // namespace weft::compiler
