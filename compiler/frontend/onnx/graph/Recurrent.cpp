// RNN, GRU and LSTM: a loop over time whose body is one step, once for each direction.
#include "compiler/frontend/onnx/graph/Registry.h"
#include "compiler/frontend/onnx/graph/SlidingWindow.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include <cmath>

using namespace mlir;

namespace weft::frontend::onnx {
namespace {

struct Activation {
  std::string name;
  double alpha = 0, beta = 0;
};

Scalar activate(Scalar x, const Activation &f) {
  if (f.name == "Sigmoid")
    return sigmoid(x);
  if (f.name == "Tanh")
    return hyperbolicTangent(x);
  if (f.name == "Relu")
    return maximum(x, x.same(0));
  if (f.name == "LeakyRelu")
    return select(x < 0, x * f.alpha, x);
  if (f.name == "ThresholdedRelu")
    return select(x > f.alpha, x, x.same(0));
  if (f.name == "Affine")
    return x * f.alpha + f.beta;
  if (f.name == "ScaledTanh")
    return hyperbolicTangent(x * f.beta) * f.alpha;
  if (f.name == "HardSigmoid")
    return clamp(x * f.alpha + f.beta, 0, 1);
  if (f.name == "Elu")
    return select(x < 0, unary<math::ExpM1Op>(x) * f.alpha, x);
  if (f.name == "Softsign")
    return x / (absolute(x) + 1.0);
  return softplus(x); // the last one that activations() lets through
}

/// The activations of all directions, with the parameters that they have by default.
std::vector<Activation> activations(NodeBuilder &n, ArrayRef<StringRef> defaults, size_t directions) {
  static const std::map<std::string, std::pair<double, double>> parameters = {
      {"Sigmoid", {0, 0}},      {"Tanh", {0, 0}},       {"Relu", {0, 0}},
      {"LeakyRelu", {0.01, 0}}, {"Affine", {1, 0}},     {"ThresholdedRelu", {1, 0}},
      {"Elu", {1, 0}},          {"ScaledTanh", {1, 1}}, {"HardSigmoid", {0.2, 0.5}},
      {"Softsign", {0, 0}},     {"Softplus", {0, 0}}};
  std::vector<std::string> names;
  if (const Attribute *given = n.find("activations"))
    names = given->texts;
  else
    for (size_t i = 0; i < directions; ++i)
      for (StringRef name : defaults)
        names.push_back(name.str());
  n.require(names.size() == defaults.size() * directions, "it has {} activations instead of {}", names.size(),
            defaults.size() * directions);
  std::vector<float> alphas = n.reals("activation_alpha"), betas = n.reals("activation_beta");
  std::vector<Activation> out;
  size_t alpha = 0, beta = 0;
  for (const std::string &name : names) {
    auto known =
        llvm::find_if(parameters, [&](const auto &entry) { return StringRef(entry.first).equals_insensitive(name); });
    n.require(known != parameters.end(), "its activation '{}' is not known", name);
    Activation f{known->first, known->second.first, known->second.second};
    // The lists hold numbers only for those that have parameters, in order.
    if (f.alpha != 0 && alpha < alphas.size())
      f.alpha = alphas[alpha++];
    if ((f.name == "Affine" || f.name == "ScaledTanh" || f.name == "HardSigmoid") && beta < betas.size())
      f.beta = betas[beta++];
    out.push_back(f);
  }
  return out;
}

/// One direction of one layer, its tensors without the dimension of directions.
struct Layer {
  Tensor w, r, wBias, rBias, peephole; // (gates * H, in), (gates * H, H), (1, gates * H) each, (1, 3 * H)
  std::vector<Activation> f;
  double clip = 0;
  int64_t hidden = 0;
  bool coupled = false;           // LSTM: the forget gate is one minus the input gate
  bool linearBeforeReset = false; // GRU
};

struct State {
  Tensor h, c;
};

Scalar gate(Scalar x, const Activation &f, double clip) { return activate(clip > 0 ? clamp(x, -clip, clip) : x, f); }

/// Gate `i` of a row of gates.
Tensor gateOf(NodeBuilder &n, Tensor gates, const Layer &layer, int64_t i) {
  return n.sliceAxis(gates, 1, i * layer.hidden, layer.hidden);
}

Tensor sumOf(NodeBuilder &n, ArrayRef<Tensor> terms) {
  std::vector<Tensor> all;
  for (Tensor term : terms)
    if (term)
      all.push_back(term);
  return n.elementwise(all[0].type, all, [](ArrayRef<Scalar> a) {
    Scalar sum = a[0];
    for (const Scalar &term : a.drop_front())
      sum = sum + term;
    return sum;
  });
}

Tensor gateTensor(NodeBuilder &n, Tensor x, const Activation &f, const Layer &layer) {
  return n.map(x, [&](Scalar s) { return gate(s, f, layer.clip); });
}

/// x·Wᵀ, for all gates.
Tensor project(NodeBuilder &n, Tensor x, Tensor w) { return n.contract({x, w}, {{0, 2}, {1, 2}}, {0, 1}, x.type); }

State rnnStep(NodeBuilder &n, const Layer &l, Tensor x, State s) {
  return {gateTensor(n, sumOf(n, {x, project(n, s.h, l.r), l.wBias, l.rBias}), l.f[0], l), {}};
}

/// Gates z, r, h.
State gruStep(NodeBuilder &n, const Layer &l, Tensor x, State s) {
  auto biasOf = [&](Tensor bias, int64_t i) { return bias ? gateOf(n, bias, l, i) : Tensor{}; };
  auto recurrent = [&](int64_t i, Tensor h) { return project(n, h, n.sliceAxis(l.r, 0, i * l.hidden, l.hidden)); };
  auto plain = [&](int64_t i) {
    return gateTensor(n, sumOf(n, {gateOf(n, x, l, i), recurrent(i, s.h), biasOf(l.wBias, i), biasOf(l.rBias, i)}),
                      l.f[0], l);
  };
  Tensor z = plain(0), r = plain(1), candidate;
  if (l.linearBeforeReset) {
    Tensor inner = recurrent(2, s.h);
    if (l.rBias)
      inner = n.add(inner, biasOf(l.rBias, 2));
    candidate = sumOf(n, {gateOf(n, x, l, 2), n.multiply(r, inner), biasOf(l.wBias, 2)});
  } else {
    candidate =
        sumOf(n, {gateOf(n, x, l, 2), recurrent(2, n.multiply(r, s.h)), biasOf(l.wBias, 2), biasOf(l.rBias, 2)});
  }
  candidate = gateTensor(n, candidate, l.f[1], l);
  return {
      n.elementwise(x.type, {z, candidate, s.h}, [](ArrayRef<Scalar> a) { return (1.0 - a[0]) * a[1] + a[0] * a[2]; }),
      {}};
}

/// Gates i, o, f, c; peepholes i, o, f.
State lstmStep(NodeBuilder &n, const Layer &l, Tensor x, State s) {
  Tensor all = sumOf(n, {x, project(n, s.h, l.r), l.wBias, l.rBias});
  auto withPeephole = [&](int64_t i, int64_t p, Tensor c) {
    Tensor own = gateOf(n, all, l, i);
    return l.peephole ? n.add(own, n.multiply(gateOf(n, l.peephole, l, p), c)) : own;
  };
  Tensor input = gateTensor(n, withPeephole(0, 0, s.c), l.f[0], l);
  Tensor forget =
      l.coupled ? n.map(input, [](Scalar i) { return 1.0 - i; }) : gateTensor(n, withPeephole(2, 2, s.c), l.f[0], l);
  Tensor candidate = gateTensor(n, gateOf(n, all, l, 3), l.f[1], l);
  Tensor c = n.elementwise(x.type, {forget, s.c, input, candidate},
                           [](ArrayRef<Scalar> a) { return a[0] * a[1] + a[2] * a[3]; });
  Tensor output = gateTensor(n, withPeephole(1, 1, c), l.f[0], l);
  Tensor h = n.elementwise(x.type, {output, c}, [&](ArrayRef<Scalar> a) { return a[0] * activate(a[1], l.f[2]); });
  return {h, c};
}

using Step = State (*)(NodeBuilder &, const Layer &, Tensor, State);

/// One direction: x is (time, batch, in). Gives all h (time, batch, H) and the last state.
std::pair<Tensor, State> runLayer(NodeBuilder &n, const Layer &layer, Step step, Tensor x, State state, Tensor lengths,
                                  bool backwards) {
  const int64_t steps = x.size(0), batch = x.size(1), gates = layer.w.size(0);
  // The inputs' part of all steps is one product.
  Tensor projected = n.reshape(project(n, n.reshape(x, {steps * batch, x.size(2)}), layer.w), {steps, batch, gates});
  Tensor all = fill(n, x.type, {steps, batch, layer.hidden}, 0);
  SmallVector<Value> carried = {all.value, state.h.value};
  if (state.c)
    carried.push_back(state.c.value);
  auto loop = n.b.create<scf::ForOp>(
      n.loc, n.index(0), n.index(steps), n.index(1), carried, [&](OpBuilder &, Location loc, Value i, ValueRange now) {
        Value time = backwards ? n.b.create<arith::SubIOp>(loc, n.index(steps - 1), i).getResult() : i;
        auto row = [&](int64_t width) {
          SmallVector<OpFoldResult> offsets = {time, n.b.getIndexAttr(0), n.b.getIndexAttr(0)};
          auto sizes = getAsIndexOpFoldResult(n.b.getContext(), {1, batch, width});
          return std::pair(offsets, sizes);
        };
        SmallVector<OpFoldResult> ones(3, n.b.getIndexAttr(1));
        auto [from, shape] = row(gates);
        Tensor part{n.b.create<tensor::ExtractSliceOp>(loc, projected.value, from, shape, ones), x.type};
        State before{{now[1], x.type}, state.c ? Tensor{now[2], x.type} : Tensor{}};
        State after = step(n, layer, n.reshape(part, {batch, gates}), before);
        Tensor shown = after.h;
        if (lengths) {
          // A sequence that is over (or, backwards, has not begun) keeps its state and shows zeros.
          Tensor alive = n.elementwise(ElementType::Bool, {n.reshape(lengths, {batch, 1})}, [&](ArrayRef<Scalar> a) {
            Scalar here{n.b.create<arith::IndexCastOp>(loc, n.b.getI64Type(), time), ElementType::Int64, &n.b, loc};
            return here < cast(a[0], ElementType::Int64);
          });
          auto keep = [&](Tensor yes, Tensor no) {
            return n.elementwiseRaw(x.type, {alive, yes, no},
                                    [](ArrayRef<Scalar> a) { return select(a[0], a[1], a[2]); });
          };
          shown = keep(after.h, n.scalar(x.type, 0));
          after.h = keep(after.h, before.h);
          if (after.c)
            after.c = keep(after.c, before.c);
        }
        auto [to, width] = row(layer.hidden);
        Tensor whole{n.b.create<tensor::InsertSliceOp>(loc, n.reshape(shown, {1, batch, layer.hidden}).value, now[0],
                                                       to, width, ones),
                     x.type};
        SmallVector<Value> next = {whole.value, after.h.value};
        if (after.c)
          next.push_back(after.c.value);
        n.b.create<scf::YieldOp>(loc, next);
      });
  return {{loop.getResult(0), x.type},
          {{loop.getResult(1), x.type}, state.c ? Tensor{loop.getResult(2), x.type} : Tensor{}}};
}

struct Kind {
  int64_t gates;
  Step step;
  bool hasCell;
  std::vector<StringRef> activations;
};

/// Direction `d` of `x`, without that dimension; null if `x` is.
Tensor directionOf(NodeBuilder &n, Tensor x, int64_t d) {
  if (!x)
    return x;
  Tensor part = n.sliceAxis(x, 0, d, 1);
  return x.rank() == 2 ? part : n.reshape(part, Sizes(x.shape().drop_front()));
}

void recurrent(NodeBuilder &n, const Kind &kind) {
  const bool batchFirst = n.number("layout", 0) != 0;
  const std::string direction = n.text("direction", "forward");
  n.require(direction == "forward" || direction == "reverse" || direction == "bidirectional",
            "direction '{}' is not known", direction);
  const int64_t directions = direction == "bidirectional" ? 2 : 1;
  Tensor x = n.in(0), w = n.in(1), r = n.in(2), bias = n.optional(3), lengths = n.optional(4);
  n.require(x.rank() == 3 && w.rank() == 3 && r.rank() == 3, "its input and weights need three dimensions");
  if (batchFirst)
    x = n.transpose(x, {1, 0, 2});
  const int64_t hidden = r.size(2), batch = x.size(1);
  n.require(w.size(0) == directions && r.size(0) == directions && w.size(1) == kind.gates * hidden &&
                r.size(1) == w.size(1) && w.size(2) == x.size(2) && n.number("hidden_size", hidden) == hidden,
            "its weights do not fit {} directions of {} hidden units", directions, hidden);
  n.require(!bias || ArrayRef<int64_t>({directions, 2 * kind.gates * hidden}) == bias.shape(), "its bias does not fit");
  n.require(!lengths || ArrayRef<int64_t>({batch}) == lengths.shape(), "its sequence_lens does not fit");
  if (Tensor peephole = kind.hasCell ? n.optional(7) : Tensor{})
    n.require(ArrayRef<int64_t>({directions, 3 * hidden}) == peephole.shape(), "its peepholes of [{}] are not [{}, {}]",
              fmt::join(peephole.shape(), ", "), directions, 3 * hidden);
  const ElementType type = computeType(x.type);
  auto wide = [&](Tensor t) { return t ? n.castTo(t, type) : t; };
  auto stateOf = [&](size_t i, int64_t d) {
    Tensor given = wide(n.optional(i));
    if (!given)
      return fill(n, type, {batch, hidden}, 0);
    const Sizes expected = batchFirst ? Sizes{batch, directions, hidden} : Sizes{directions, batch, hidden};
    n.require(ArrayRef<int64_t>(expected) == given.shape(), "its initial state of [{}] is not [{}]",
              fmt::join(given.shape(), ", "), fmt::join(expected, ", "));
    return directionOf(n, batchFirst ? n.transpose(given, {1, 0, 2}) : given, d);
  };
  std::vector<Activation> functions = activations(n, kind.activations, static_cast<size_t>(directions));
  std::vector<Tensor> all, lastH, lastC;
  for (int64_t d = 0; d < directions; ++d) {
    Layer layer;
    layer.w = directionOf(n, wide(w), d);
    layer.r = directionOf(n, wide(r), d);
    if (bias) {
      Tensor both = directionOf(n, wide(bias), d);
      layer.wBias = n.sliceAxis(both, 1, 0, kind.gates * hidden);
      layer.rBias = n.sliceAxis(both, 1, kind.gates * hidden, kind.gates * hidden);
    }
    if (kind.hasCell)
      layer.peephole = directionOf(n, wide(n.optional(7)), d);
    const size_t own = kind.activations.size();
    layer.f.assign(functions.begin() + static_cast<int64_t>(own) * d,
                   functions.begin() + static_cast<int64_t>(own) * (d + 1));
    layer.clip = n.real("clip", 0);
    layer.hidden = hidden;
    layer.coupled = n.number("input_forget", 0) != 0;
    layer.linearBeforeReset = n.number("linear_before_reset", 0) != 0;
    State state{stateOf(5, d), kind.hasCell ? stateOf(6, d) : Tensor{}};
    auto [h, last] = runLayer(n, layer, kind.step, wide(x), state, lengths, direction == "reverse" || d == 1);
    all.push_back(n.unsqueeze(h, 1));
    lastH.push_back(n.unsqueeze(last.h, 0));
    if (kind.hasCell)
      lastC.push_back(n.unsqueeze(last.c, 0));
  }
  auto give = [&](size_t i, ArrayRef<Tensor> parts, int64_t axis, ArrayRef<int64_t> order) {
    if (!n.wants(i))
      return;
    Tensor whole = n.castTo(n.concat(parts, axis), x.type);
    n.out(i, batchFirst ? n.transpose(whole, order) : whole);
  };
  give(0, all, 1, {2, 0, 1, 3});
  give(1, lastH, 0, {1, 0, 2});
  if (kind.hasCell)
    give(2, lastC, 0, {1, 0, 2});
}

void rnn(NodeBuilder &n) { recurrent(n, {1, rnnStep, false, {"Tanh"}}); }
void gru(NodeBuilder &n) { recurrent(n, {3, gruStep, false, {"Sigmoid", "Tanh"}}); }
void lstm(NodeBuilder &n) { recurrent(n, {4, lstmStep, true, {"Sigmoid", "Tanh", "Tanh"}}); }

} // namespace

void addRecurrent(Registry &r) {
  r.add("RNN", rnn);
  r.add("GRU", gru);
  r.add("LSTM", lstm);
}

} // namespace weft::frontend::onnx
