// Sets of cores: made from masks and expanded again, and what the Presburger library proves of them against counting.
#include "dialects/fabric/Classes.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"

#include <catch2/catch.hpp>

#include <random>

using namespace mlir;
using namespace weft::fabric;

namespace {

using Relation = CoreMask::Relation;

struct Fixture {
  Fixture() : context(MLIRContext::Threading::DISABLED), builder(&context) {
    context.loadDialect<FabricDialect>();
    context.getDiagEngine().registerHandler([this](Diagnostic &diagnostic) { messages += diagnostic.str() + "\n"; });
  }

  int64_t pick(int64_t low, int64_t high) { return std::uniform_int_distribution<int64_t>(low, high)(random); }

  /// Scattered, periodic, or a run.
  std::vector<bool> positions(int64_t n) {
    std::vector<bool> mask(n);
    int64_t shape = pick(0, 2), from = pick(0, n - 1), period = pick(1, 4);
    for (int64_t i = 0; i < n; ++i)
      mask[i] = shape == 0 ? pick(0, 1) == 1 : shape == 1 ? i >= from && (i - from) % period == 0 : i >= from;
    return mask;
  }
  CoreMask mask(int64_t width, int64_t height) {
    return {positions(width), positions(height), static_cast<Relation>(pick(0, 2))};
  }

  /// Whether verifyStepClasses accepts a step with a task for each of `members`.
  bool accepts(const std::vector<SmallVector<IntegerSet>> &members, int64_t width, int64_t height, bool all) {
    messages.clear();
    OwningOpRef<ProgramOp> program =
        builder.create<ProgramOp>(builder.getUnknownLoc(), "program", width, height, false, builder.getArrayAttr({}));
    OpBuilder inProgram = OpBuilder::atBlockEnd(&program->getBody().emplaceBlock());
    auto step = inProgram.create<StepOp>(builder.getUnknownLoc(), "op", "kind", all);
    OpBuilder inStep = OpBuilder::atBlockEnd(&step.getBody().emplaceBlock());
    for (auto [index, sets] : llvm::enumerate(members)) {
      SmallVector<Attribute> attributes;
      for (IntegerSet set : sets)
        attributes.push_back(IntegerSetAttr::get(set));
      std::string name = "class" + std::to_string(index);
      inProgram.create<ClassOp>(builder.getUnknownLoc(), name, builder.getArrayAttr(attributes));
      inStep.create<TaskOp>(builder.getUnknownLoc(), name).getBody().emplaceBlock();
    }
    return succeeded(verifyStepClasses(step, width, height));
  }

  MLIRContext context;
  OpBuilder builder;
  std::string messages;
  std::mt19937 random{7};
};

} // namespace

TEST_CASE_METHOD(Fixture, "a mask and its affine sets hold the same cores") {
  for (int round = 0; round < 400; ++round) {
    int64_t width = pick(1, 12), height = pick(1, 12);
    CoreMask cores = mask(width, height);
    SmallVector<IntegerSet> sets = toSets(&context, cores);
    bool some = false;
    for (int64_t x = -1; x <= width; ++x)
      for (int64_t y = -1; y <= height; ++y) {
        bool inside = x >= 0 && y >= 0 && x < width && y < height && cores.contains(x, y);
        REQUIRE(contains(sets, x, y) == inside);
        some |= inside;
      }
    REQUIRE(cores.empty() == !some);
  }
}

TEST_CASE_METHOD(Fixture, "periodic positions take one set") {
  CHECK(toSets(&context, CoreMask::all(16, 16)).size() == 1);
  std::vector<bool> odd(16), line(1, true);
  for (int i = 1; i < 16; i += 2)
    odd[i] = true;
  CHECK(toSets(&context, {odd, odd, Relation::Any}).size() == 1);
  CHECK(toSets(&context, {odd, line, Relation::OnDiagonal}).size() == 1);
  CHECK(toSets(&context, {odd, line, Relation::OffDiagonal}).size() == 2);
}

TEST_CASE_METHOD(Fixture, "a step's classes are accepted exactly if counting finds them disjoint and covering") {
  int accepted = 0, overlapping = 0, holed = 0;
  for (int round = 0; round < 300; ++round) {
    CAPTURE(round);
    int64_t width = pick(1, 7), height = pick(1, 7), parts = pick(1, 4);
    bool all = pick(0, 1) == 1;
    // Cut the rectangle into pieces along one axis and, sometimes, along the diagonal.
    std::vector<SmallVector<IntegerSet>> members;
    bool alongX = pick(0, 1) == 1, diagonal = pick(0, 1) == 1;
    std::vector<int64_t> owner(alongX ? width : height);
    for (int64_t &part : owner)
      part = pick(0, parts - 1);
    for (int64_t part = 0; part < parts; ++part) {
      CoreMask piece = CoreMask::all(width, height);
      for (size_t i = 0; i < owner.size(); ++i)
        (alongX ? piece.xs : piece.ys)[i] = owner[i] == part;
      for (Relation relation : {Relation::OnDiagonal, Relation::OffDiagonal}) {
        piece.relation = diagonal ? relation : Relation::Any;
        if (!piece.empty())
          members.push_back(toSets(&context, piece));
        if (!diagonal)
          break;
      }
    }
    // Then harm it: one more class, or one less.
    int64_t harm = pick(0, 3);
    if (harm == 1)
      members.push_back(toSets(&context, mask(width, height)));
    if (harm == 2 && !members.empty())
      members.pop_back();
    bool disjoint = true, covering = true;
    for (int64_t x = 0; x < width; ++x)
      for (int64_t y = 0; y < height; ++y) {
        int64_t count = llvm::count_if(members, [&](ArrayRef<IntegerSet> sets) { return contains(sets, x, y); });
        disjoint &= count <= 1;
        covering &= count >= 1;
      }
    bool expected = disjoint && (covering || !all);
    CAPTURE(width, height, all, disjoint, covering);
    REQUIRE(accepts(members, width, height, all) == expected);
    accepted += expected;
    overlapping += !disjoint;
    holed += disjoint && !covering && all;
    CHECK((messages.find("F2:") != std::string::npos) == !disjoint);
    CHECK((messages.find("F3:") != std::string::npos) == (disjoint && !covering && all));
  }
  // Each of the three happened often enough to mean something.
  CHECK(accepted > 30);
  CHECK(overlapping > 30);
  CHECK(holed > 15);
}

TEST_CASE_METHOD(Fixture, "a class that reaches beyond the rectangle is refused") {
  CHECK(accepts({toSets(&context, CoreMask::all(3, 2))}, 3, 2, true));
  CHECK_FALSE(accepts({toSets(&context, CoreMask::all(4, 2))}, 3, 2, true));
  CHECK(messages.find("F3:") != std::string::npos);
  CHECK_FALSE(accepts({toSets(&context, CoreMask::all(3, 1))}, 3, 2, true));
  CHECK(accepts({toSets(&context, CoreMask::all(3, 1))}, 3, 2, false));
}
