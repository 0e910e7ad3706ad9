#include "tests/onnx/ExportGraph.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace weft::test {
namespace {

using namespace frontend;
using Strings = std::vector<std::string>;
using Numbers = std::vector<int64_t>;

constexpr const char *microsoft = "com.microsoft";

class DecoderMaker : ExportGraph {
public:
  DecoderMaker(const TransformerConfig &config, const StoredValues &values, const ExportOptions &options)
      : ExportGraph(values, options, options.style == Exporter::Attention23 ? 23 : 18), config(config) {}

  onnx::Model make() {
    addInputs();
    std::string x = options.packedTokens ? packedRows(config.embedding.tokens, "input_ids")
                                         : g.node("Gather", {weight(config.embedding.tokens), "input_ids"});
    if (config.embedding.scale != 1)
      x = g.node("Mul", {x, real(config.embedding.scale)});
    if (config.embedding.positions)
      x = add(x, g.node("Gather", {weight(config.embedding.positions), shifted(config.embedding.positionOffset)}));
    x = norm(config.embedding.norm, x);
    makeAngles();
    for (size_t i = 0; i < config.layers.size(); ++i)
      x = layer(config.layers[i], i, x);
    x = norm(config.finalNorm, x);
    const HeadConfig &head = config.heads.front();
    x = linear(head.steps.back().linear, x);
    if (head.softcap != 0)
      x = g.node("Mul", {g.node("Tanh", {g.node("Div", {x, real(head.softcap)})}), real(head.softcap)});
    rename(x, "logits");
    g.model.graph.outputs.insert(g.model.graph.outputs.begin(), {"logits", {}});
    g.model.graph.outputs[0].type.element = options.type;
    g.model.graph.outputs[0].type.shape.emplace(3);
    return std::move(g.model);
  }

private:
  bool hasCaches() const { return options.style != Exporter::WithoutCache; }
  bool isGenAi() const { return options.style == Exporter::GenAi || options.style == Exporter::GenAiPacked; }

  // ---- inputs
  void addInputs() {
    const std::pair<std::string, int64_t> batch = {"batch_size", options.tokens < 0 ? -1 : 1},
                                          tokens = {"sequence_length", options.tokens},
                                          past = {"past_sequence_length", options.past};
    input("input_ids", ElementType::Int64, {batch, tokens});
    const int64_t all = options.tokens < 0 ? -1 : options.tokens + std::max<int64_t>(options.past, 0);
    if (hasCaches() || options.tokens < 0)
      input("attention_mask", ElementType::Int64,
            {batch, {hasCaches() ? "total_sequence_length" : "sequence_length", all}});
    if (!isGenAi())
      input("position_ids", ElementType::Int64, {batch, tokens});
    for (size_t i = 0; hasCaches() && i < config.layers.size(); ++i) {
      const AttentionConfig &a = config.layers[i].attention;
      const std::string base = "past_key_values." + std::to_string(i);
      if (options.style == Exporter::Stacked) {
        input("past_" + std::to_string(i), options.type, {{"", 2}, batch, {"", a.kvHeads}, past, {"", a.headDim}});
        continue;
      }
      if (options.style == Exporter::SideBySide) {
        input(base + ".key_value", options.type, {batch, past, {"", 2 * a.headDim}});
        continue;
      }
      for (const char *part : {".key", ".value"})
        input(base + part, options.type, {batch, {"", a.kvHeads}, past, {"", a.headDim}});
    }
  }

  std::string tokens() { return sizeOf("input_ids", 1); }
  std::string pastLength() {
    if (!hasCaches())
      return g.integers({0});
    if (options.style == Exporter::SideBySide)
      return sizeOf("past_key_values.0.key_value", 1);
    return options.style == Exporter::Stacked ? sizeOf("past_0", 3) : sizeOf("past_key_values.0.key", 2);
  }
  /// [batch, tokens]
  std::string positions() {
    if (!options.older || !hasCaches())
      return "position_ids";
    std::string counted = g.node("CumSum", {"attention_mask", g.integers({}, {1})});
    std::string all = g.node("Sub", {g.node("Mul", {counted, "attention_mask"}), g.integers({1})});
    return g.node("Slice", {all, pastLength(), g.integers({INT64_MAX}), g.integers({1}), g.integers({1})});
  }
  std::string shifted(int64_t offset) { return offset == 0 ? positions() : add(positions(), g.integers({offset})); }

  // ---- angles and masks
  size_t half() const { return config.rope.inverseFrequencies.size(); }

  void makeAngles() {
    if (half() == 0)
      return;
    if (isGenAi() || options.style == Exporter::Attention23 || options.style == Exporter::MultiHead) {
      Values c{{}, {config.maxPositions, half()}}, s = c;
      for (uint32_t i = 0; i < config.maxPositions; ++i)
        for (double frequency : config.rope.inverseFrequencies) {
          c.numbers.push_back(float(std::cos(i * frequency) * config.rope.scale));
          s.numbers.push_back(float(std::sin(i * frequency) * config.rope.scale));
        }
      cosines = tensor(c, "cos_cache");
      sines = tensor(s, "sin_cache");
      return;
    }
    if (options.pairs)
      return gatherAngles();
    if (options.older) {
      auto cut = [&](double (*function)(double)) {
        Values table{{}, {config.maxPositions, 2 * half()}};
        for (uint32_t i = 0; i < config.maxPositions; ++i)
          for (size_t j = 0; j < 2 * half(); ++j)
            table.numbers.push_back(
                float(function(i * config.rope.inverseFrequencies[j % half()]) * config.rope.scale));
        std::string rows = g.node("Slice", {tensor(table, "", true), g.integers({0}), add(pastLength(), tokens()),
                                            g.integers({0}), g.integers({1})});
        return narrow(g.node("Unsqueeze", {g.node("Gather", {rows, positions()}), g.integers({1})}));
      };
      cosines = cut(std::cos);
      sines = cut(std::sin);
      return;
    }
    Values frequencies{{}, {1, half(), 1}};
    for (double frequency : config.rope.inverseFrequencies)
      frequencies.numbers.push_back(float(frequency));
    std::string position = castTo(g.node("Unsqueeze", {"position_ids", g.integers({1})}), ElementType::Float);
    std::string angles = transpose(g.node("MatMul", {tensor(frequencies, "inv_freq", true), position}), {0, 2, 1});
    std::string both = g.node("Concat", {angles, angles}, {{"axis", int64_t(-1)}});
    auto table = [&](const char *op) {
      std::string scaled = g.node("Mul", {g.node(op, {both}), tensor({{float(config.rope.scale)}, {}}, "", true)});
      return narrow(g.node("Unsqueeze", {scaled, g.integers({1})}));
    };
    cosines = table("Cos");
    sines = table("Sin");
  }

  /// Sines and cosines side by side in one table; of a row each stands twice, next to itself.
  void gatherAngles() {
    Values table{{}, {1, config.maxPositions, 2 * half()}};
    for (uint32_t i = 0; i < config.maxPositions; ++i)
      for (double (*function)(double) :
           {static_cast<double (*)(double)>(std::sin), static_cast<double (*)(double)>(std::cos)})
        for (double frequency : config.rope.inverseFrequencies)
          table.numbers.push_back(float(function(i * frequency) * config.rope.scale));
    const auto columns = static_cast<int64_t>(2 * half());
    std::string places =
        g.node("Tile", {g.node("Unsqueeze", {"position_ids", g.integers({-1})}), g.integers({1, 1, columns})});
    std::string rows = g.node("GatherElements", {tensor(table), places}, {{"axis", int64_t(1)}});
    Strings parts = g.nodes("Split", {rows, g.integers({columns / 2, columns / 2})}, 2, {{"axis", int64_t(-1)}});
    auto doubled = [&](const std::string &x) {
      std::string twice = g.node("Unsqueeze", {g.node("Unsqueeze", {x, g.integers({2})}), g.integers({4})});
      return g.node("Reshape", {g.node("Tile", {twice, g.integers({1, 1, 1, 1, 2})}), g.integers({0, 0, 1, columns})});
    };
    sines = doubled(parts[0]);
    cosines = doubled(parts[1]);
  }

  /// Scores that a stored mask and the input of one leave, divided when they are masked.
  std::string cutAndMasked(const AttentionConfig &a, const std::string &scores) {
    const auto positions = static_cast<int64_t>(config.maxPositions);
    if (triangle.empty()) {
      std::vector<bool> seen;
      for (int64_t row = 0; row < positions; ++row)
        for (int64_t key = 0; key < positions; ++key)
          seen.push_back(key <= row);
      triangle = truths(seen, {1, 1, positions, positions});
    }
    std::string past = pastLength(), all = add(past, tokens()), one = g.integers({1});
    std::string rows = g.node("Slice", {triangle, past, all, g.integers({2}), one});
    std::string seen = g.node("Slice", {rows, g.integers({0}), all, g.integers({3}), one});
    std::string left = g.node("Where", {seen, scores, real(-3.4e38)});
    left = g.node("Div", {left, real(1 / a.scale)});
    std::string used = castTo(g.node("Unsqueeze", {"attention_mask", g.integers({1, 2})}), options.type);
    return add(left, g.node("Mul", {g.node("Sub", {real(1), used}), real(-3.4e38)}));
  }

  /// ALiBi, [1, heads, 1, keys].
  std::string slopesOf(int64_t heads) {
    Values slopes{{}, {1, static_cast<uint64_t>(heads), 1, 1}};
    for (int64_t head = 1; head <= heads; ++head)
      slopes.numbers.push_back(float(std::exp2(-8.0 * double(head) / double(heads))));
    std::string keys = g.node("Range", {g.integers({}, {0}), scalar(add(pastLength(), tokens())), g.integers({}, {1})});
    return g.node("Mul", {tensor(slopes), castTo(keys, options.type)});
  }

  /// What is added to scores, [batch, 1, tokens, keys].
  std::string mask(int64_t window) {
    std::string &known = masks[window];
    if (!known.empty())
      return known;
    std::string past = pastLength(), all = add(past, tokens()), one = g.integers({}, {1});
    std::string rows = g.node("Range", {scalar(past), scalar(all), one});
    std::string keys = g.node("Range", {g.integers({}, {0}), scalar(all), one});
    rows = g.node("Unsqueeze", {rows, g.integers({1})});
    keys = g.node("Unsqueeze", {keys, g.integers({0})});
    std::string seen = g.node("LessOrEqual", {keys, rows});
    if (window)
      seen = g.node("And", {seen, g.node("Greater", {keys, g.node("Sub", {rows, g.integers({window})})})});
    const double least = options.type == ElementType::Float16 ? -65504 : -3.3e38;
    if (options.older) {
      std::string own = g.node("Where", {seen, real(0), real(least)});
      std::string nothing = g.node("Expand", {real(least), g.node("Shape", {own})});
      std::string places = g.node("Range", {g.integers({}, {0}), scalar(tokens()), one});
      own = g.node("ScatterND", {nothing, g.node("Unsqueeze", {places, g.integers({1})}), own});
      return known = g.node("Unsqueeze", {own, g.integers({0, 1})});
    }
    seen = g.node("Unsqueeze", {seen, g.integers({0, 1})});
    if (hasCaches() || options.tokens < 0) {
      std::string used = castTo("attention_mask", ElementType::Bool);
      seen = g.node("And", {seen, g.node("Unsqueeze", {used, g.integers({1, 2})})});
    }
    return known = g.node("Where", {seen, real(0), real(least)});
  }

  // ---- layers
  std::string norm(const NormConfig &norm, const std::string &x) {
    if (!norm)
      return x;
    std::string gamma = weight(norm.weight);
    if (norm.offset != 0)
      gamma = add(gamma, real(norm.offset));
    if (norm.kind == NormKind::Layer)
      return g.node("LayerNormalization", {x, gamma, weight(norm.bias)},
                    {{"axis", int64_t(-1)}, {"epsilon", norm.epsilon}});
    if (isGenAi())
      return g.node("SimplifiedLayerNormalization", {x, gamma},
                    {{"axis", int64_t(-1)}, {"epsilon", norm.epsilon}, {"stash_type", int64_t(1)}});
    std::string from = wide(x);
    std::string two = tensor({{2}, {}}, "", true), epsilon = tensor({{float(norm.epsilon)}, {}}, "", true);
    std::string mean = g.node("ReduceMean", {g.node("Pow", {from, two}), g.integers({-1})});
    std::string root = g.node("Sqrt", {add(mean, epsilon)});
    std::string scaled = g.node("Mul", {from, g.node("Div", {tensor({{1}, {}}, "", true), root})});
    return g.node("Mul", {gamma, narrow(scaled)});
  }

  std::string linear(const LinearConfig &config, const std::string &x) {
    std::string y = product(x, valuesOf(config.weight));
    return config.bias ? add(y, tensor(valuesOf(config.bias))) : y;
  }

  /// The first part of each head turned, neighbours together; [batch, tokens, heads, size].
  std::string rotatePairs(const std::string &x, int64_t size) {
    const auto turning = static_cast<int64_t>(2 * half());
    std::string part = turning == size ? x : slice(x, 0, turning), last = g.integers({-1});
    std::string second = g.node("Neg", {slice(part, 1, INT64_MAX, 2)}), first = slice(part, 0, INT64_MAX, 2);
    std::string stacked = g.node("Concat", {g.node("Unsqueeze", {second, last}), g.node("Unsqueeze", {first, last})},
                                 {{"axis", int64_t(-1)}});
    std::string turned = g.node("Reshape", {stacked, g.integers({0, 0, 0, -1})});
    std::string y = add(g.node("Mul", {part, cosines}), g.node("Mul", {turned, sines}));
    return turning == size ? y : g.node("Concat", {y, slice(x, turning, INT64_MAX)}, {{"axis", int64_t(-1)}});
  }

  /// [batch, tokens, heads * size] as [batch, heads, tokens, size], with a norm of heads before.
  std::string split(const std::string &x, int64_t heads, int64_t size, const NormConfig &own, bool turns) {
    const bool whole = own && valuesOf(own.weight).numbers.size() != static_cast<size_t>(size);
    std::string y = g.node("Reshape", {whole ? norm(own, x) : x, g.integers({0, 0, heads, size})});
    y = own && !whole ? norm(own, y) : y;
    return transpose(turns && options.pairs ? rotatePairs(y, size) : y, {0, 2, 1, 3});
  }

  std::string rotate(const std::string &x, int64_t size) {
    const auto turning = static_cast<int64_t>(2 * half());
    std::string part = turning == size ? x : slice(x, 0, turning);
    std::string first = slice(part, 0, turning / 2), second = slice(part, turning / 2, INT64_MAX);
    std::string turned = g.node("Concat", {g.node("Neg", {second}), first}, {{"axis", int64_t(-1)}});
    std::string y = add(g.node("Mul", {part, cosines}), g.node("Mul", {turned, sines}));
    return turning == size ? y : g.node("Concat", {y, slice(x, turning, INT64_MAX)}, {{"axis", int64_t(-1)}});
  }

  void present(const std::string &value, const std::string &name) {
    rename(value, name);
    g.model.graph.outputs.push_back({name, {}});
    g.model.graph.outputs.back().type.element = options.type;
    g.model.graph.outputs.back().type.shape.emplace(options.style == Exporter::Stacked      ? 5
                                                    : options.style == Exporter::SideBySide ? 3
                                                                                            : 4);
  }

  /// Softmax of scores, times values, with batch and heads in one dimension.
  std::string mergedAttention(const AttentionConfig &a, const std::string &q, const std::string &k,
                              const std::string &v) {
    const auto heads = int64_t(a.heads);
    std::string product = g.node("MatMul", {mergeHeads(q, heads), transpose(mergeHeads(k, heads), {0, 2, 1})});
    std::string nothing = g.node("Mul", {g.node("Expand", {real(0), g.node("Shape", {product})}), real(1)});
    std::string scores = add(apart(add(product, nothing), heads), mask(a.window));
    scores = mergeHeads(g.node("Max", {scores, real(-3.3e38)}), heads);
    std::string weights = g.node("Softmax", {scores}, {{"axis", int64_t(-1)}});
    return apart(g.node("MatMul", {weights, mergeHeads(v, heads)}), heads);
  }

  /// One product that makes queries, keys and values, head by head.
  std::array<std::string, 3> interleaved(const AttentionConfig &a, const std::string &x) {
    const uint64_t heads = a.heads, size = a.headDim;
    Values fused, bias;
    const LinearConfig *parts[] = {&a.q, &a.k, &a.v};
    const uint64_t in = transposed(a.q.weight).shape[0];
    fused.shape = {in, heads * 3 * size};
    bias.shape = {heads * 3 * size};
    for (uint64_t row = 0; row <= in; ++row) // the last one is the bias
      for (uint64_t head = 0; head < heads; ++head)
        for (const LinearConfig *part : parts)
          for (uint64_t i = head * size; i < (head + 1) * size; ++i)
            if (row < in)
              fused.numbers.push_back(transposed(part->weight).numbers[row * heads * size + i]);
            else
              bias.numbers.push_back(part->bias ? valuesOf(part->bias).numbers[i] : 0);
    std::string all = add(tensor(bias), g.node("MatMul", {x, tensor(fused)}));
    all = g.node("Reshape", {all, g.integers({0, 0, int64_t(heads), int64_t(3 * size)})});
    // Heads before tokens, or behind, before they are taken apart.
    const bool turnedFirst = hasCaches();
    if (turnedFirst)
      all = transpose(all, {0, 2, 1, 3});
    std::array<std::string, 3> made;
    for (int64_t i = 0; i < 3; ++i) {
      made[size_t(i)] = slice(all, i * int64_t(size), (i + 1) * int64_t(size));
      if (!turnedFirst)
        made[size_t(i)] = transpose(made[size_t(i)], {0, 2, 1, 3});
    }
    return made;
  }

  /// Queries, and keys and values of the only head as one cache has them, each for all queries.
  std::array<std::string, 3> sideBySide(const AttentionConfig &a, size_t layer, const std::string &x) {
    const auto heads = int64_t(a.heads), size = int64_t(a.headDim);
    const std::string base = std::to_string(layer);
    std::string all = g.node("MatMul", {x, packed({a.q.weight, a.k.weight, a.v.weight})});
    all = add(packedBias({a.q.bias, a.k.bias, a.v.bias}), all);
    Strings parts = g.nodes("Split", {all, g.integers({heads * size, 2 * size})}, 2, {{"axis", int64_t(2)}});
    std::string both = g.node("Concat", {"past_key_values." + base + ".key_value", parts[1]}, {{"axis", int64_t(-2)}});
    present(both, "present." + base + ".key_value");
    Strings made =
        g.nodes("Split", {"present." + base + ".key_value", g.integers({size, size})}, 2, {{"axis", int64_t(-1)}});
    auto forAll = [&](const std::string &y) {
      return g.node("Expand", {g.node("Unsqueeze", {y, g.integers({1})}), g.integers({1, heads, 1, 1})});
    };
    return {split(parts[0], heads, size, {}, false), forAll(made[0]), forAll(made[1])};
  }

  std::string plainAttention(const AttentionConfig &a, size_t layer, const std::string &x) {
    const auto heads = int64_t(a.heads), kv = int64_t(a.kvHeads), size = int64_t(a.headDim);
    std::string q, k, v;
    const bool together = options.style == Exporter::SideBySide;
    if (together || (options.older && heads == kv && !a.queryNorm && layer % 2 == 0)) {
      std::array<std::string, 3> made = together ? sideBySide(a, layer, x) : interleaved(a, x);
      q = made[0], k = made[1], v = made[2];
    } else {
      const bool turns = a.rotary && half();
      q = split(linear(a.q, x), heads, size, a.queryNorm, turns);
      k = split(linear(a.k, x), kv, size, a.keyNorm, turns);
      v = split(linear(a.v, x), kv, size, {}, false);
    }
    if (a.rotary && half() && !options.pairs) {
      q = rotate(q, size);
      k = rotate(k, size);
    }
    if (hasCaches() && !together) {
      const std::string base = std::to_string(layer);
      k = g.node("Concat", {"past_key_values." + base + ".key", k}, {{"axis", int64_t(-2)}});
      v = g.node("Concat", {"past_key_values." + base + ".value", v}, {{"axis", int64_t(2)}});
      present(k, "present." + base + ".key");
      present(v, "present." + base + ".value");
      k = "present." + base + ".key";
      v = "present." + base + ".value";
    }
    if (!together) {
      k = repeat(k, kv, heads / kv, size);
      v = repeat(v, kv, heads / kv, size);
    }
    if (options.older && a.softcap == 0) {
      std::string mixed = mergedAttention(a, g.node("Mul", {q, real(a.scale)}), k, v);
      return linear(a.output, g.node("Reshape", {transpose(mixed, {0, 2, 1, 3}), g.integers({0, 0, heads * size})}));
    }
    std::string product = g.node("MatMul", {q, transpose(k, {0, 1, 3, 2})});
    std::string scores = g.node("Mul", {product, real(a.scale)});
    if (a.softcap != 0)
      scores = g.node("Mul", {g.node("Tanh", {g.node("Div", {scores, real(a.softcap)})}), real(a.softcap)});
    if (options.alibi)
      scores = add(scores, slopesOf(heads));
    scores = options.pairs ? cutAndMasked(a, product) : add(scores, mask(a.window));
    std::string weights = narrow(g.node("Softmax", {wide(scores)}, {{"axis", int64_t(-1)}}));
    std::string mixed = transpose(g.node("MatMul", {weights, v}), {0, 2, 1, 3});
    return linear(a.output, g.node("Reshape", {mixed, g.integers({0, 0, heads * size})}));
  }

  std::string fusedAttention(const AttentionConfig &a, size_t layer, const std::string &x) {
    const auto heads = int64_t(a.heads), kv = int64_t(a.kvHeads);
    const std::string base = std::to_string(layer), key = "past_key_values." + base + ".key",
                      value = "past_key_values." + base + ".value";
    std::string q, k, v;
    if (options.style == Exporter::GenAiPacked) {
      q = product(x, stacked({a.q.weight, a.k.weight, a.v.weight}));
      if (a.q.bias)
        q = add(q, packedBias({a.q.bias, a.k.bias, a.v.bias}));
    } else {
      q = linear(a.q, x);
      k = linear(a.k, x);
      v = linear(a.v, x);
    }
    Strings made;
    if (isGenAi()) {
      std::string length =
          g.node("Sub", {g.node("ReduceSum", {"attention_mask", g.integers({1})}, {{"keepdims", int64_t(0)}}),
                         g.integers({1})});
      std::string total = g.node("Squeeze", {sizeOf("attention_mask", 1)});
      Attributes attributes = {{"num_heads", heads},
                               {"kv_num_heads", kv},
                               {"scale", a.scale},
                               {"softcap", a.softcap},
                               {"local_window_size", a.window ? int64_t(a.window) : int64_t(-1)},
                               {"do_rotary", int64_t(a.rotary && half())}};
      made = g.nodes(
          "GroupQueryAttention",
          {q, k, v, key, value, castTo(length, ElementType::Int32), castTo(total, ElementType::Int32), cosines, sines},
          3, attributes, microsoft);
    } else if (options.style == Exporter::Attention23) {
      if (a.rotary && half())
        for (auto [rows, count] : {std::pair(&q, heads), std::pair(&k, kv)})
          *rows = g.node("RotaryEmbedding", {*rows, cosines, sines, "position_ids"},
                         {{"num_heads", count}, {"rotary_embedding_dim", int64_t(2 * half())}});
      made = g.nodes("Attention", {q, k, v, mask(a.window), key, value}, 3,
                     {{"q_num_heads", heads}, {"kv_num_heads", kv}, {"scale", a.scale}, {"softcap", a.softcap}});
    } else if (options.style == Exporter::MultiHead) {
      if (a.rotary && half())
        for (std::string *rows : {&q, &k})
          *rows = g.node("RotaryEmbedding", {*rows, "position_ids", cosines, sines},
                         {{"num_heads", heads}, {"rotary_embedding_dim", int64_t(2 * half())}}, microsoft);
      made = g.nodes("MultiHeadAttention", {q, k, v, "", "", mask(a.window), key, value}, 3,
                     {{"num_heads", heads}, {"scale", a.scale}}, microsoft);
    }
    present(made[1], "present." + base + ".key");
    present(made[2], "present." + base + ".value");
    return linear(a.output, made[0]);
  }

  std::string stackedAttention(const AttentionConfig &a, size_t layer, const std::string &x) {
    const Attributes attributes = {{"num_heads", int64_t(a.heads)}, {"unidirectional", int64_t(1)}, {"scale", a.scale}};
    const std::string bias = packedBias({a.q.bias, a.k.bias, a.v.bias}), past = "past_" + std::to_string(layer);
    Values weight = stacked({a.q.weight, a.k.weight, a.v.weight});
    const SignedCodes w = isDynamic() ? signedCodes(weight) : SignedCodes{};
    Strings made;
    if (isDynamic() && !options.asNumbers) {
      const Strings q = rounded(x);
      made = g.nodes("QAttention", {q[0], w.codes, bias, q[1], w.scales, "attention_mask", q[2], w.zeros, past}, 2,
                     attributes, microsoft);
    } else {
      made = g.nodes("Attention", {x, tensor(turned(weight)), bias, "attention_mask", past}, 2, attributes, microsoft);
    }
    present(made[1], "present_" + std::to_string(layer));
    return linear(a.output, made[0]);
  }

  std::string activation(ActivationKind kind, const std::string &x) {
    if (kind == ActivationKind::Silu)
      return g.node("Mul", {x, g.node("Sigmoid", {x})});
    if (kind == ActivationKind::Relu)
      return g.node("Relu", {x});
    if (kind == ActivationKind::GeluTanh) {
      std::string cube = g.node("Pow", {x, real(3)});
      std::string inner = g.node("Mul", {add(x, g.node("Mul", {cube, real(0.044715)})), real(std::sqrt(2 / M_PI))});
      return g.node("Mul", {g.node("Mul", {x, real(0.5)}), add(g.node("Tanh", {inner}), real(1))});
    }
    std::string erf = g.node("Erf", {g.node("Div", {x, real(std::sqrt(2.0))})});
    return g.node("Mul", {g.node("Mul", {x, add(erf, real(1))}), real(0.5)});
  }

  std::string mlp(const MlpConfig &mlp, const std::string &x) {
    if (!mlp.gate)
      return linear(mlp.down, activation(mlp.activation, linear(mlp.up, x)));
    return linear(mlp.down, g.node("Mul", {activation(mlp.activation, linear(mlp.gate, x)), linear(mlp.up, x)}));
  }

  std::string layer(const LayerConfig &layer, size_t i, const std::string &input) {
    std::string normed = norm(layer.attentionNorms.pre, input);
    const AttentionConfig &a = layer.attention;
    std::string mixed = options.style == Exporter::Optimum || options.style == Exporter::WithoutCache ||
                                options.style == Exporter::SideBySide
                            ? plainAttention(a, i, normed)
                        : options.style == Exporter::Stacked ? stackedAttention(a, i, normed)
                                                             : fusedAttention(a, i, normed);
    std::string x = norm(layer.attentionNorms.after, add(input, norm(layer.attentionNorms.post, mixed)));
    std::string bent = mlp(layer.mlp, norm(layer.mlpNorms.pre, layer.parallel ? input : x));
    return norm(layer.mlpNorms.after, add(x, norm(layer.mlpNorms.post, bent)));
  }

  const TransformerConfig &config;
  std::string cosines, sines, triangle;
  std::map<int64_t, std::string> masks;
};

} // namespace

onnx::Model exportDecoder(const TransformerConfig &config, const StoredValues &values, const ExportOptions &options) {
  return DecoderMaker(config, values, options).make();
}

} // namespace weft::test
