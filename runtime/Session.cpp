#include "runtime/Session.h"

#include <fmt/format.h>

#include <algorithm>

namespace weft::runtime {

Result<Session> Session::create(const Package &package, Device &device, bool timingOnly) {
  if (!package.model)
    return internalError("the package has no model");
  if (package.shapes_only && !timingOnly)
    return userError("the package was compiled with --weights none and has nothing to compute with; run it with "
                     "--timing-only, or compile the model with its weights");
  Session session(package, device, timingOnly);
  const bool prefill = session.hasProgram("prefill"), decode = session.hasProgram("decode");
  if (!prefill && !(timingOnly && decode))
    return userError("the package has no program prefill; compile the model again, or run with --timing-only");
  if (!decode && !timingOnly)
    return userError("the package has no program decode; compile the model again, or run with --timing-only");
  return session;
}

bool Session::hasProgram(std::string_view name) const {
  return std::any_of(loaded->programs.begin(), loaded->programs.end(),
                     [&](const auto &program) { return program->name == name; });
}

Result<void> Session::assumeCached(uint32_t tokens) {
  if (!timingOnly)
    return internalError("a cache with data cannot be assumed");
  if (tokens > loaded->model->max_seq)
    return userError(fmt::format("a cache of {} tokens, the package was compiled for at most {}; compile it with a "
                                 "larger --max-seq",
                                 tokens, loaded->model->max_seq));
  cached = tokens;
  launches.clear();
  return success();
}

Result<void> Session::checkToken(int32_t token) const {
  const uint32_t vocabulary = loaded->model->vocab_size;
  if (token < 0 || uint32_t(token) >= vocabulary)
    return userError(fmt::format("token {} is not in the vocabulary of {}: ids are 0 to {}", token, loaded->model->name,
                                 int64_t(vocabulary) - 1));
  return success();
}

Result<std::span<const float>> Session::launch(const char *program, uint32_t tokens, std::span<const int32_t> ids) {
  std::vector<int32_t> words = {int32_t(tokens)};
  words.insert(words.end(), ids.begin(), ids.end());
  const Launch launch{program, tokens, {{"tokens", words}}};
  Result<LaunchResult> result = target->run(launch);
  if (!result)
    return result.takeError();
  const size_t expected = timingOnly ? 0 : loaded->model->vocab_size;
  std::vector<float> values = result->logits();
  if (values.size() != expected)
    return internalError(fmt::format("{} returned {} logits instead of {}", program, values.size(), expected));
  cached = tokens;
  logits = std::move(values);
  launches.push_back(std::move(result->report));
  return std::span<const float>(logits);
}

Result<std::span<const float>> Session::prefill(std::span<const int32_t> tokens) {
  if (tokens.empty())
    return userError("the prompt is empty; give at least one token");
  const uint32_t capacity = loaded->model->max_seq;
  if (tokens.size() > capacity)
    return userError(fmt::format("the prompt has {} tokens, the package was compiled for at most {}; compile it with a "
                                 "larger --max-seq or shorten the prompt",
                                 tokens.size(), capacity));
  for (int32_t token : tokens)
    if (Result<void> ok = checkToken(token); !ok)
      return ok.takeError();
  if (cached > 0)
    if (Result<void> ok = target->reset(); !ok)
      return ok.takeError();
  cached = 0;
  launches.clear();
  return launch("prefill", uint32_t(tokens.size()), tokens);
}

Result<std::span<const float>> Session::decode(int32_t token) {
  if (cached == 0 && hasProgram("prefill"))
    return internalError("decode before prefill");
  if (cached >= loaded->model->max_seq)
    return userError(fmt::format("the cache is full: the package was compiled for {} tokens; compile it with a larger "
                                 "--max-seq",
                                 loaded->model->max_seq));
  if (Result<void> ok = checkToken(token); !ok)
    return ok.takeError();
  return launch("decode", cached + 1, {&token, 1});
}

/// A launch for each new token after `cached` ones, which no launch brought in.
static Result<Generation> decodeOnly(Session &session, uint32_t cached, const GenerateOptions &options) {
  if (Result<void> assumed = session.assumeCached(cached); !assumed)
    return assumed.takeError();
  Generation generation;
  while (generation.tokens.size() < options.maxNew) {
    if (Result<std::span<const float>> ran = session.decode(0); !ran)
      return ran.takeError();
    generation.tokens.push_back(0);
    if (options.onProgress)
      options.onProgress(double(generation.tokens.size()) / options.maxNew);
  }
  return generation;
}

Result<Generation> generate(Session &session, std::span<const int32_t> prompt, const GenerateOptions &options) {
  const pkg::ModelT &model = *session.package().model;
  if (!prompt.empty() && prompt.size() + uint64_t(options.maxNew) > model.max_seq)
    return userError(fmt::format("{} prompt tokens and {} new ones do not fit: the package was compiled for {} tokens; "
                                 "compile it with a larger --max-seq, shorten the prompt or lower --max-new",
                                 prompt.size(), options.maxNew, model.max_seq));
  const double launches = std::max<double>(options.maxNew, 1);
  Sampler sampler(options.sampling);
  Generation generation;
  if (!session.hasProgram("prefill"))
    return decodeOnly(session, uint32_t(prompt.size()), options);
  Result<std::span<const float>> logits = session.prefill(prompt);
  for (;;) {
    if (!logits)
      return logits.takeError();
    if (!session.isTimingOnly() && options.onLogits)
      options.onLogits(*logits);
    if (options.onProgress)
      options.onProgress(double(session.reports().size()) / launches);
    if (generation.tokens.size() >= options.maxNew)
      return generation;
    Result<int32_t> token = session.isTimingOnly() ? Result<int32_t>(0) : sampler.next(*logits);
    if (!token)
      return token.takeError();
    generation.tokens.push_back(*token);
    if (!session.isTimingOnly()) {
      if (options.onToken)
        options.onToken(*token);
      generation.stoppedAtEos = std::find(model.eos.begin(), model.eos.end(), *token) != model.eos.end();
    }
    if (generation.stoppedAtEos || generation.tokens.size() == options.maxNew || !session.hasProgram("decode"))
      return generation;
    logits = session.decode(*token);
  }
}

} // namespace weft::runtime
