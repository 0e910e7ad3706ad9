#include "compiler/frontend/onnx/generate/Generator.h"

#include "compiler/frontend/onnx/generate/Branches.h"

#include "mlir/IR/MLIRContext.h"

#include <cmath>
#include <fmt/format.h>

using namespace mlir;

namespace weft::frontend::onnx {
namespace {

/// Of caches in what is compared.
constexpr uint32_t anySize = 1;
/// Enough to tell a mask from another, and a frequency from the next.
constexpr int64_t usualTokens = 16;

struct Launched {
  BoundLaunch bound;
  LaunchGraph graph;
};

GraphOptions optionsOf(const BoundLaunch &bound) {
  GraphOptions options{bound.dims};
  options.launch = &bound.launch;
  return options;
}

Result<Launched> launchAs(MLIRContext &context, const Model &model, const GeneratorInputs &inputs, int64_t past,
                          int64_t tokens) {
  Result<BoundLaunch> bound = bindLaunch(inputs, past, tokens);
  if (!bound)
    return bound.takeError();
  Result<LaunchGraph> graph = buildLaunch(context, model, optionsOf(*bound));
  if (!graph)
    return graph.takeError();
  return Launched{std::move(*bound), std::move(*graph)};
}

Error changing(const Generator &generator, uint32_t maxSeq, const std::string &what) {
  return userError(fmt::format("{}: {} for the first {} tokens and for the last of {}; no text can be generated "
                               "from a graph that depends so on the sequence's length; try a smaller --max-seq",
                               generator.model->path, what, generator.firstTokens, maxSeq));
}

/// The first launch fits the graph, the last one of so many tokens does not: a table or a mask in it ends before.
Error tooLong(const Generator &generator, uint32_t maxSeq, const Error &error) {
  return Error{fmt::format("{}: no text of {} tokens can be generated, try a smaller --max-seq: {}",
                           generator.model->path, maxSeq, reasonOf(error, generator.model->path)),
               error.fault};
}

/// How far frequencies may be apart that were read from rows of few positions of tables of that type.
double precisionOf(const Generator &generator) {
  for (const ValueInfo &output : generator.model->graph.outputs)
    if (output.name == generator.inputs.logits)
      return output.type.element == ElementType::Float16    ? 3e-4
             : output.type.element == ElementType::BFloat16 ? 3e-3
                                                            : 2e-5;
  return 2e-5;
}

/// In what `last` is another program than the generator's first launch, apart from rounding and windows that only it
/// shows; empty: in nothing.
std::string differenceOf(const Generator &generator, const Converted &last) {
  const Converted &first = generator.first;
  if (first.rest != last.rest)
    return "its ops are others";
  for (size_t i = 0; i < first.rotations.size(); ++i)
    for (size_t j = 0; j < first.rotations[i].frequencies.size(); ++j) {
      const double a = first.rotations[i].frequencies[j], b = last.rotations[i].frequencies[j];
      if (std::fabs(a - b) > 1e-3 * std::fabs(b) + precisionOf(generator) ||
          std::fabs(first.rotations[i].scale / last.rotations[i].scale - 1) > 1e-2)
        return "rotary positions turn otherwise";
    }
  for (size_t i = 0; i < first.windows.size(); ++i)
    if (first.windows[i] != 0 && first.windows[i] != last.windows[i])
      return "windows of attention are others";
  return "";
}

/// Of a model without branches.
Result<Generator> findPlain(const std::shared_ptr<const Model> &model, const std::string &name) {
  Generator generator;
  generator.name = name;
  generator.model = model;
  Result<GeneratorInputs> inputs = generatorInputs(*model);
  if (!inputs)
    return inputs.takeError();
  generator.inputs = std::move(*inputs);
  const int64_t tokens = generator.inputs.tokens.value_or(usualTokens);
  const int64_t past = generator.inputs.past.value_or(0);
  if (tokens < 2)
    return userError(fmt::format(
        "it was exported for {} token at a time, where nothing tells what it does with more; {}", tokens, exportAgain));
  generator.fixedTokens = generator.inputs.tokens.has_value();
  generator.firstTokens = tokens;
  MLIRContext context(MLIRContext::Threading::DISABLED);
  Result<Launched> launched = launchAs(context, *model, generator.inputs, past, tokens);
  if (!launched)
    return launched.takeError();
  Result<Converted> converted = convertLaunch(*launched->graph.module, launched->bound.launch, name, anySize);
  if (!converted && !launched->graph.unknown.empty() && converted.error().fault == Fault::User &&
      converted.error().message.find(notCausal) == std::string::npos)
    return userError(launched->graph.unknown);
  if (!converted)
    return converted.takeError();
  generator.positions = launched->graph.positions;
  generator.first = std::move(*converted);
  generator.first.module = {}; // its context ends here
  return generator;
}

/// Whether the graph can be lowered, be it a generator's or not.
Result<void> checkPlain(const Model &model) {
  Result<GeneratorInputs> inputs = generatorInputs(model);
  if (!inputs)
    return inputs.takeError();
  Result<BoundLaunch> bound = bindLaunch(*inputs, inputs->past.value_or(0), inputs->tokens.value_or(usualTokens));
  if (!bound)
    return bound.takeError();
  MLIRContext context(MLIRContext::Threading::DISABLED);
  return checkLaunch(context, model, optionsOf(*bound));
}

/// `path`: of the model.
Error inBranch(const Error &error, const std::string &path) {
  return Error{fmt::format("its branch without caches: {}", reasonOf(error, path)), error.fault};
}

/// Whether the branch without caches is the same model, as far as it generates text alone. What it is not made of ops
/// of layers tells nothing; a graph that is not valid would not run anywhere.
Result<void> checkOther(const Generator &found, const std::shared_ptr<const Model> &without) {
  Result<Generator> other = findPlain(without, found.name);
  if (!other) {
    Result<void> valid = checkPlain(*without);
    return valid ? std::move(valid) : Result<void>(inBranch(valid.error(), without->path));
  }
  if (std::string what = differenceOf(found, other->first); !what.empty())
    return userError(fmt::format("its branches with caches and without are not the same model: {}; give one of the "
                                 "graphs that were merged",
                                 what));
  return success();
}

} // namespace

std::string reasonOf(const Error &error, const std::string &path) {
  const std::string prefix = path + ": ";
  return error.message.substr(error.message.starts_with(prefix) ? prefix.size() : 0);
}

Result<Generator> findGenerator(const std::shared_ptr<const Model> &model, const std::string &name) {
  const std::string input = branchInput(*model);
  if (input.empty())
    return findPlain(model, name);
  std::shared_ptr<const Model> branches[2];
  for (bool withCaches : {false, true}) {
    Result<Model> branch = takeBranch(*model, input, withCaches);
    if (!branch)
      return branch.takeError();
    branches[withCaches] = std::make_shared<const Model>(std::move(*branch));
  }
  Result<Generator> found = findPlain(branches[true], name);
  if (found) {
    Result<void> checked = checkOther(*found, branches[false]);
    return checked ? std::move(found) : Result<Generator>(checked.takeError());
  }
  // That branch may have been exported for one token at a time, without a mask; the other one has it. Whatever else is
  // wrong with it is an error.
  if (found.error().message.find(notCausal) == std::string::npos)
    return found;
  Result<Generator> other = findPlain(branches[false], name);
  return other ? std::move(other) : Result<Generator>(inBranch(other.error(), model->path));
}

Result<OwningOpRef<ModuleOp>> buildGenerator(MLIRContext &context, const Generator &generator, uint32_t maxSeq) {
  const int64_t past = generator.inputs.past.value_or(0);
  const bool again = !generator.fixedTokens && !generator.inputs.past;
  int64_t lastPast = past, lastTokens = generator.firstTokens;
  if (again && generator.inputs.caches.empty()) { // all tokens, as far as their mask is worth evaluating
    lastTokens = std::clamp<int64_t>(maxSeq, 2, 256);
  } else if (again) {
    lastTokens = std::clamp<int64_t>(maxSeq, 2, 4);
    lastPast = std::max<int64_t>(int64_t(maxSeq) - lastTokens, 0);
  }
  Result<Launched> launched = launchAs(context, *generator.model, generator.inputs, lastPast, lastTokens);
  if (!launched)
    return tooLong(generator, maxSeq, launched.error());
  const GeneratorLaunch &launch = launched->bound.launch;
  Result<Converted> comparable = convertLaunch(*launched->graph.module, launch, generator.name, anySize);
  if (!comparable)
    return tooLong(generator, maxSeq, comparable.error());
  if (std::string what = differenceOf(generator, *comparable); !what.empty())
    return changing(generator, maxSeq, what);
  Result<Converted> converted = convertLaunch(*launched->graph.module, launch, generator.name, maxSeq);
  if (!converted)
    return converted.takeError();
  return std::move(converted->module);
}

} // namespace weft::frontend::onnx
