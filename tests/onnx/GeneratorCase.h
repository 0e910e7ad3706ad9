// Exported decoders as text generators, run from their file by the interpreter.
#pragma once

#include "compiler/frontend/onnx/Reader.h"
#include "compiler/frontend/onnx/generate/Branches.h"
#include "compiler/frontend/onnx/generate/Generator.h"
#include "compiler/graph/GraphPasses.h"
#include "compiler/graph/Interpreter.h"
#include "compiler/graph/OpSummary.h"
#include "compiler/graph/TransformerBuilder.h"
#include "runtime/support/MappedFile.h"
#include "runtime/weights/StoredBlocks.h"
#include "tests/onnx/DecoderExport.h"
#include "tests/onnx/SaveModel.h"
#include "tests/unit/architectures_support.h"

#include "mlir/IR/MLIRContext.h"
#include "mlir/Pass/PassManager.h"

#include <catch2/catch.hpp>

#include <cmath>
#include <filesystem>
#include <set>
#include <unistd.h>

namespace weft::test {

namespace onnx = weft::frontend::onnx;
using onnx::ElementType;

template <typename T> T take(Result<T> result) {
  if (!result)
    FAIL(result.error().message);
  return std::move(*result);
}

/// A file that goes away with the object.
struct TemporaryModel {
  explicit TemporaryModel(const onnx::Model &model)
      : path((std::filesystem::temp_directory_path() / ("weft-generator-" + std::to_string(getpid()) + ".onnx"))
                 .string()) {
    saveModel(model, path);
  }
  ~TemporaryModel() { std::filesystem::remove(path); }
  std::string path;
};

inline double difference(const std::vector<float> &got, std::span<const double> wanted) {
  REQUIRE(got.size() == wanted.size());
  double worst = 0, largest = 0;
  for (size_t i = 0; i < got.size(); ++i) {
    const double error = std::abs(got[i] - wanted[i]);
    worst = std::max(worst, std::isnan(error) ? HUGE_VAL : error);
    largest = std::max(largest, std::abs(wanted[i]));
  }
  return worst / largest;
}

/// Both phases of a module with @forward, ready to run.
struct Phases {
  explicit Phases(mlir::ModuleOp module) {
    mlir::PassManager passes(module.getContext());
    passes.addPass(graph::createSplitPhasesPass());
    passes.addPass(graph::createVerifyGraphPass());
    REQUIRE(mlir::succeeded(passes.run(module)));
    prefill.emplace(take(graph::Interpreter::create(module, "prefill")));
    decode.emplace(take(graph::Interpreter::create(module, "decode")));
  }
  /// Logits after a prompt and after each token that follows.
  std::vector<std::vector<float>> run(const std::vector<int32_t> &ids, size_t prompt,
                                      const graph::WeightBytes &weights) {
    std::vector<graph::HostCache> caches = prefill->freshCaches();
    std::vector<std::vector<float>> all = {take(prefill->run(std::span(ids).first(prompt), 0, weights, caches))};
    for (size_t i = prompt; i < ids.size(); ++i)
      all.push_back(take(decode->run(std::span(&ids[i], 1), static_cast<int64_t>(i), weights, caches)));
    return all;
  }
  std::optional<graph::Interpreter> prefill, decode;
};

struct Imported {
  explicit Imported(const std::string &path)
      : model(std::make_shared<const onnx::Model>(take(onnx::readModel(path, 0)))), weights(onnx::weightsOf(*model)),
        file(take(runtime::MappedFile::open(path))) {}

  std::vector<std::vector<float>> run(const std::vector<int32_t> &ids, size_t prompt, uint32_t maxSeq) {
    mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
    onnx::Generator generator = take(onnx::findGenerator(model, "made"));
    weights = onnx::weightsOf(*generator.model); // of a merged decoder a branch
    auto module = take(onnx::buildGenerator(context, generator, maxSeq));
    graph::OpSummary summary = graph::summarizeOps(*module);
    CHECK(summary.generic.empty());
    ops = summary.transformer;
    return Phases(*module).run(ids, prompt, [&](const std::string &name) {
      const frontend::WeightInfo *info = weights->find(name);
      REQUIRE(info);
      if (info->apart)
        return numbersOf(*info);
      uint64_t bytes = info->type == frontend::WeightType::F32 ? 4 : 2;
      for (uint64_t size : info->shape)
        bytes *= size;
      return file.bytes().subspan(info->offset, bytes);
    });
  }

  /// Of codes whose scales lie apart.
  std::span<const std::byte> numbersOf(const frontend::WeightInfo &info) {
    const frontend::ApartPlaces &apart = *info.apart;
    auto place = [&](const frontend::ApartPlaces::Place &at) {
      return at.bytes.empty() ? runtime::PlaceInFile{file.bytes(), at.offset} : runtime::PlaceInFile{at.bytes, 0};
    };
    auto tensor = runtime::apartTensor(apart.format, info.shape[0], info.shape[1], {file.bytes(), info.offset},
                                       place(apart.scales), place(apart.zeros));
    REQUIRE(tensor);
    std::vector<float> &made = numbers[info.name];
    made.clear();
    for (uint64_t i = 0; i < info.shape[0] * info.shape[1]; ++i)
      made.push_back(tensor->at(i));
    return std::as_bytes(std::span(made));
  }

  std::shared_ptr<const onnx::Model> model;
  std::unique_ptr<frontend::WeightSource> weights;
  std::map<std::string, std::vector<float>> numbers;
  runtime::MappedFile file;
  std::map<std::string, int64_t> ops;
};

/// A fixture's model exported, and what it must say.
struct Case {
  explicit Case(const std::string &name)
      : fixture(fixtureFolder / (name + ".json")), config(take(fixture.read())), ids(fixture.json.at("ids")),
        prompt(fixture.json.at("prompt")), expected(fixture.json.at("logits")) {}

  onnx::Model exported(const ExportOptions &options) const {
    return exportDecoder(
        config, [&](const std::string &name) { return fixtureValues(name, fixture.find(name)->shape); }, options);
  }

  /// What our own graph of the same config says, for one that differs from the fixture's.
  void expectOwn(uint32_t maxSeq) {
    mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
    auto module = take(graph::buildTransformer(context, config, maxSeq, fixture));
    expected.clear();
    for (const auto &logits : Phases(*module).run(ids, prompt, [&](const std::string &n) { return fixture.bytes(n); }))
      expected.emplace_back(logits.begin(), logits.end());
  }

  void check(const ExportOptions &options, double tolerance = 3e-5) { check(exported(options), tolerance); }

  void check(const onnx::Model &exported, double tolerance = 3e-5) {
    TemporaryModel file(exported);
    Imported imported(file.path);
    auto got = imported.run(ids, prompt, static_cast<uint32_t>(ids.size() + 3));
    REQUIRE(got.size() == expected.size());
    for (size_t i = 0; i < got.size(); ++i) {
      CAPTURE(i);
      CHECK(difference(got[i], expected[i]) <= tolerance);
    }
    CHECK(imported.ops["attention"] == static_cast<int64_t>(config.layers.size()));
    CHECK(imported.ops["kv_append"] == static_cast<int64_t>(config.layers.size()));
  }

  Fixture fixture;
  frontend::TransformerConfig config;
  std::vector<int32_t> ids;
  size_t prompt;
  std::vector<std::vector<double>> expected;
};

inline std::string whyNot(const onnx::Model &model) {
  TemporaryModel file(model);
  auto generator =
      onnx::findGenerator(std::make_shared<const onnx::Model>(take(onnx::readModel(file.path, 0))), "made");
  REQUIRE_FALSE(generator);
  return generator.error().message;
}

} // namespace weft::test
