// Control flow that cores divide: each loop writes and reads its own block alone, and gives what it means.
#include "tests/e2e/Tensors.h"

#include <fmt/format.h>
#include <regex>

using namespace weft;
using namespace weft::test;

namespace {

/// What tensors of the one line that begins @main are called outside.
std::string typed(const std::string &text) {
  size_t begin = text.find("func.func @main"), end = text.find('\n', begin);
  std::string line = text.substr(begin, end - begin);
  line = std::regex_replace(line, std::regex("tensor<[0-9x]*f32>"), "$& {xf.dtype = \"float32\"}");
  line = std::regex_replace(line, std::regex("tensor<[0-9x]*i64>"), "$& {xf.dtype = \"int64\"}");
  line = std::regex_replace(line, std::regex("-> (tensor<.*>) (.*}) \\{$"), "-> ($1 $2) {");
  return text.substr(0, begin) + line + text.substr(end);
}

/// Each loop of a program is divided, on the first mesh by `dividedBy`, and its results are as interpreted. The first
/// mesh divides few extents evenly, the second one more of them, the last one has one axis.
void check(const std::string &text, const std::vector<std::string> &dividedBy) {
  for (MeshSize mesh : {MeshSize{3, 2}, MeshSize{4, 4}, MeshSize{1, 5}}) {
    INFO("mesh " << nameOf(mesh));
    TensorCase program(typed(text));
    std::mt19937 random(11);
    std::vector<Bytes> inputs = randomInputs(program.inputs(), random);
    std::vector<Bytes> expected = program.interpret(inputs), seen = program.run(mesh, inputs);
    for (size_t i = 0; i < seen.size(); ++i)
      checkClose(seen[i], expected[i], program.outputs()[i].dtype, 0, 0);
    std::vector<std::string> how;
    for (const compiler::OpPlacement &op : program.compiled().placements)
      if (op.op.starts_with("scf.")) {
        how.push_back(op.how);
        CHECK(op.distributed);
      }
    CHECK(how.size() == dividedBy.size());
    if (mesh.width == 3)
      CHECK(how == dividedBy);
  }
}

/// Indices from integers of about ten, all over `count` of them and beyond: those become the nearest that there is.
std::string spread(const std::string &name, const std::string &of, int64_t count) {
  return fmt::format(R"(
        %{0}.step = arith.constant {2} : i64
        %{0}.far = arith.muli {1}, %{0}.step : i64
        %{0}.low = arith.maxsi %{0}.far, %least : i64
        %{0}.most = arith.constant {3} : i64
        %{0}.in = arith.minsi %{0}.low, %{0}.most : i64
        %{0} = arith.index_cast %{0}.in : i64 to index)",
                     name, of, count / 6, count - 1);
}

} // namespace

/// Rows of `columns` numbers are added to those of 301 that data chooses.
static std::string addedRows(int64_t columns) {
  return fmt::format(R"(
    func.func @main(%x: tensor<301x{1}xf32>, %n: tensor<40xi64>, %u: tensor<40x{1}xf32>) -> tensor<301x{1}xf32> {{
      %zero = arith.constant 0 : index
      %one = arith.constant 1 : index
      %count = arith.constant 40 : index
      %least = arith.constant 0 : i64
      %y = scf.for %i = %zero to %count step %one iter_args(%t = %x) -> tensor<301x{1}xf32> {{
        %id = tensor.extract %n[%i] : tensor<40xi64>
        {0}
        %update = tensor.extract_slice %u[%i, 0] [1, {1}] [1, 1] : tensor<40x{1}xf32> to tensor<{1}xf32>
        %old = tensor.extract_slice %t[%at, 0] [1, {1}] [1, 1] : tensor<301x{1}xf32> to tensor<{1}xf32>
        %sum = arith.addf %old, %update : tensor<{1}xf32>
        %w = tensor.insert_slice %sum into %t[%at, 0] [1, {1}] [1, 1] : tensor<{1}xf32> into tensor<301x{1}xf32>
        scf.yield %w : tensor<301x{1}xf32>
      }}
      return %y : tensor<301x{1}xf32>
    }})",
                     spread("at", "%id", 301), columns);
}

TEST_CASE("rows that data chooses are added by their owners, twice where they come twice") {
  check(addedRows(5), {"x: dimension 1 of 5, y: dimension 0 of 301"});
  check(addedRows(1), {"x: dimension 0 of 301"});
}

TEST_CASE("elements that data chooses along one axis: the loop over the other one is divided") {
  check(fmt::format(R"(
    func.func @main(%x: tensor<47x29xi64>, %n: tensor<47x33xi64>, %u: tensor<47x33xi64>) -> tensor<47x29xi64> {{
      %zero = arith.constant 0 : index
      %one = arith.constant 1 : index
      %rows = arith.constant 47 : index
      %count = arith.constant 33 : index
      %least = arith.constant 0 : i64
      %y = scf.for %i = %zero to %rows step %one iter_args(%s = %x) -> tensor<47x29xi64> {{
        %z = scf.for %j = %zero to %count step %one iter_args(%t = %s) -> tensor<47x29xi64> {{
          %id = tensor.extract %n[%i, %j] : tensor<47x33xi64>
          {}
          %update = tensor.extract %u[%i, %j] : tensor<47x33xi64>
          %old = tensor.extract %t[%i, %at] : tensor<47x29xi64>
          %product = arith.muli %old, %update : i64
          %w = tensor.insert %product into %t[%i, %at] : tensor<47x29xi64>
          scf.yield %w : tensor<47x29xi64>
        }}
        scf.yield %z : tensor<47x29xi64>
      }}
      return %y : tensor<47x29xi64>
    }})",
                    spread("at", "%id", 29)),
        {"x: dimension 0 of 47, y: dimension 1 of 29"});
}

TEST_CASE("running sums forwards, the best of each row one after the other, and branches on both") {
  check(R"(
    func.func @main(%x: tensor<53x37xi64>, %n: tensor<i64>) -> (tensor<53x37xi64>, tensor<53x3xi64>, tensor<53x37xi64>) {
      %zero = arith.constant 0 : index
      %one = arith.constant 1 : index
      %rows = arith.constant 53 : index
      %three = arith.constant 3 : index
      %none = arith.constant 0 : i64
      %least = arith.constant -1000000 : i64
      %ei = tensor.empty() : tensor<1x37xi64>
      %init = linalg.fill ins(%none : i64) outs(%ei : tensor<1x37xi64>) -> tensor<1x37xi64>
      %into = tensor.empty() : tensor<53x37xi64>
      %sum:2 = scf.for %i = %zero to %rows step %one iter_args(%s = %init, %t = %into) -> (tensor<1x37xi64>, tensor<53x37xi64>) {
        %last = arith.constant 52 : index
        %at = arith.subi %last, %i : index
        %row = tensor.extract_slice %x[%at, 0] [1, 37] [1, 1] : tensor<53x37xi64> to tensor<1x37xi64>
        %next = arith.addi %s, %row : tensor<1x37xi64>
        %w = tensor.insert_slice %next into %t[%at, 0] [1, 37] [1, 1] : tensor<1x37xi64> into tensor<53x37xi64>
        scf.yield %next, %w : tensor<1x37xi64>, tensor<53x37xi64>
      }
      %found = tensor.empty() : tensor<53x3xi64>
      %best:2 = scf.for %k = %zero to %three step %one iter_args(%open = %x, %t = %found) -> (tensor<53x37xi64>, tensor<53x3xi64>) {
        %el = tensor.empty() : tensor<53xi64>
        %low = linalg.fill ins(%least : i64) outs(%el : tensor<53xi64>) -> tensor<53xi64>
        %most = linalg.reduce {arith.maxsi} ins(%open : tensor<53x37xi64>) outs(%low : tensor<53xi64>) dimensions = [1]
        %eo = tensor.empty() : tensor<53x37xi64>
        %rest = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (i, j)>],
                                iterator_types = ["parallel", "parallel"]}
            ins(%open, %most : tensor<53x37xi64>, tensor<53xi64>) outs(%eo : tensor<53x37xi64>) {
          ^bb0(%a: i64, %b: i64, %o: i64):
            %taken = arith.cmpi eq, %a, %b : i64
            %left = arith.select %taken, %least, %a : i64
            %row = linalg.index 0 : index
            %column = linalg.index 1 : index
            %y = tensor.extract %x[%row, %column] : tensor<53x37xi64>
            %z = arith.minsi %left, %y : i64
            linalg.yield %z : i64
        } -> tensor<53x37xi64>
        %column = tensor.expand_shape %most [[0, 1]] output_shape [53, 1] : tensor<53xi64> into tensor<53x1xi64>
        %w = tensor.insert_slice %column into %t[0, %k] [53, 1] [1, 1] : tensor<53x1xi64> into tensor<53x3xi64>
        scf.yield %rest, %w : tensor<53x37xi64>, tensor<53x3xi64>
      }
      %number = tensor.extract %n[] : tensor<i64>
      %more = arith.cmpi sgt, %number, %none : i64
      %chosen = scf.if %more -> tensor<53x37xi64> {
        %twice = arith.addi %x, %x : tensor<53x37xi64>
        scf.yield %twice : tensor<53x37xi64>
      } else {
        %halves = scf.while (%t = %sum#1, %i = %number) : (tensor<53x37xi64>, i64) -> tensor<53x37xi64> {
          %again = arith.cmpi slt, %i, %none : i64
          scf.condition(%again) %t : tensor<53x37xi64>
        } do {
        ^bb0(%t: tensor<53x37xi64>):
          %m = arith.muli %t, %t : tensor<53x37xi64>
          scf.yield %m, %none : tensor<53x37xi64>, i64
        }
        scf.yield %halves : tensor<53x37xi64>
      }
      return %sum#1, %best#1, %chosen : tensor<53x37xi64>, tensor<53x3xi64>, tensor<53x37xi64>
    })",
        {"x: dimension 1 of 37, y: dimension 0 of 53", "x: dimension 0 of 53",
         "x: dimension 1 of 37, y: dimension 0 of 53"});
}

// Each has one thing that one row has of others, so that the rows stay together.
TEST_CASE("loops whose iterations need each other stay whole where they do") {
  auto loop = [](const std::string &carried, const std::string &types, const std::string &init,
                 const std::string &body) {
    return fmt::format(R"(
    func.func @main(%x: tensor<64x48xi64>, %n: tensor<64xi64>) -> tensor<64x48xi64> {{
      %zero = arith.constant 0 : index
      %one = arith.constant 1 : index
      %rows = arith.constant 64 : index
      %columns = arith.constant 48 : index
      %none = arith.constant 0 : i64
      %least = arith.constant 0 : i64
      %y{0} = scf.for %i = %zero to %rows step %one iter_args({1}) -> ({2}) {{
        {3}
      }}
      return %y#0 : tensor<64x48xi64>
    }})",
                       types.find(',') == std::string::npos ? ":1" : ":2", carried + init, types, body);
  };
  const std::string tensor = "tensor<64x48xi64>", row = "[1, 48] [1, 1] : tensor<64x48xi64> to tensor<48xi64>",
                    put = "[1, 48] [1, 1] : tensor<48xi64> into tensor<64x48xi64>";
  const std::vector<std::string> columns = {"x: dimension 1 of 48"};
  // What is read goes to another row.
  check(loop("%t = ", tensor, "%x",
             fmt::format(R"(
        %id = tensor.extract %n[%i] : tensor<64xi64>
        {}
        %old = tensor.extract_slice %t[%at, 0] {}
        %w = tensor.insert_slice %old into %t[%i, 0] {}
        scf.yield %w : {})",
                         spread("at", "%id", 64), row, put, tensor)),
        columns);
  // A number that all iterations add to.
  check(loop("%t = %x, %s = ", tensor + ", i64", "%none",
             fmt::format(R"(
        %id = tensor.extract %n[%i] : tensor<64xi64>
        %sum = arith.addi %s, %id : i64
        %old = tensor.extract_slice %t[%i, 0] {}
        %all = tensor.splat %sum : tensor<48xi64>
        %new = arith.addi %old, %all : tensor<48xi64>
        %w = tensor.insert_slice %new into %t[%i, 0] {}
        scf.yield %w, %sum : {}, i64)",
                         row, put, tensor)),
        columns);
}

TEST_CASE("a scalar above control flow is read from the whole tensor of which that has blocks") {
  // The bound, a number that the body adds and the condition: of a tensor that is carried, and of one that is read too.
  auto program = [](const std::string &read, const std::string &body) {
    return fmt::format(R"(
    func.func @main(%x: tensor<64x47xi64>) -> tensor<64x47xi64> {{
      %zero = arith.constant 0 : index
      %one = arith.constant 1 : index
      %row = arith.constant 61 : index
      %column = arith.constant 41 : index
      %few = arith.constant 7 : i64
      {}[%row, %column] : tensor<64x47xi64>
      %least = arith.andi %s, %few : i64
      {}
      return %y : tensor<64x47xi64>
    }})",
                       read, body);
  };
  const std::vector<std::string> both = {"x: dimension 1 of 47, y: dimension 0 of 64"};
  auto repeated = [](const std::string &added) {
    return fmt::format(R"(
      %n = arith.index_cast %least : i64 to index
      %y = scf.for %i = %zero to %n step %one iter_args(%t = %x) -> tensor<64x47xi64> {{
        %all = tensor.splat %s : tensor<64x47xi64>
        %sum = arith.addi %t, %all : tensor<64x47xi64>
        %next = arith.addi %sum, {} : tensor<64x47xi64>
        scf.yield %next : tensor<64x47xi64>
      }})",
                       added);
  };
  check(program("%s = tensor.extract %x", repeated("%t")), both);
  check(program("%s = tensor.extract %x", repeated("%x")), both);
  check(program("%twice = arith.addi %x, %x : tensor<64x47xi64>\n%s = tensor.extract %twice", R"(
      %odd = arith.trunci %least : i64 to i1
      %y = scf.if %odd -> tensor<64x47xi64> {
        %new = arith.muli %twice, %twice : tensor<64x47xi64>
        scf.yield %new : tensor<64x47xi64>
      } else {
        %all = tensor.splat %s : tensor<64x47xi64>
        %new = arith.addi %twice, %all : tensor<64x47xi64>
        scf.yield %new : tensor<64x47xi64>
      })"),
        both);
}

// Were each write a branch, buffers would be looked for on both sides of each.
TEST_CASE("a chain of many writes that data places is compiled in no time") {
  auto program = [](const std::string &write) {
    std::string body;
    constexpr int count = 26;
    for (int i = 0; i < count; ++i)
      body += fmt::format(
                  "\n        %more{0} = arith.constant {0} : i64\n        %id{0} = arith.addi %id, %more{0} : i64", i) +
              spread(fmt::format("at{}", i), fmt::format("%id{}", i), 640) + fmt::format(fmt::runtime(write), i, i + 1);
    return fmt::format(R"(
    func.func @main(%x: tensor<640x2xi64>, %n: tensor<16xi64>, %u: tensor<16x2xi64>) -> tensor<640x2xi64> {{
      %zero = arith.constant 0 : index
      %one = arith.constant 1 : index
      %count = arith.constant 16 : index
      %least = arith.constant 0 : i64
      %y = scf.for %i = %zero to %count step %one iter_args(%t0 = %x) -> tensor<640x2xi64> {{
        %id = tensor.extract %n[%i] : tensor<16xi64>
        %new = tensor.extract %u[%i, %zero] : tensor<16x2xi64>
        %row = tensor.extract_slice %u[%i, 0] [1, 2] [1, 1] : tensor<16x2xi64> to tensor<2xi64>{}
        scf.yield %t{} : tensor<640x2xi64>
      }}
      return %y : tensor<640x2xi64>
    }})",
                       body, count);
  };
  check(program(R"(
        %t{1} = tensor.insert %new into %t{0}[%at{0}, %zero] : tensor<640x2xi64>)"),
        {"x: dimension 0 of 640, y: dimension 1 of 2"});
  check(program(R"(
        %t{1} = tensor.insert_slice %row into %t{0}[%at{0}, 0] [1, 2] [1, 1] : tensor<2xi64> into tensor<640x2xi64>)"),
        {"x: dimension 0 of 640, y: dimension 1 of 2"});
}

TEST_CASE("a branch in an inner loop looks at what the outer one made of the tensor that it writes") {
  auto program = [](const std::string &made) {
    return fmt::format(R"(
    func.func @main(%x: tensor<23x32xi64>, %n: tensor<9xi64>, %w: tensor<32x32xi64>) -> tensor<23x32xi64> {{
      %zero = arith.constant 0 : index
      %one = arith.constant 1 : index
      %twice = arith.constant 2 : index
      %count = arith.constant 9 : index
      %none = arith.constant 0 : i64
      %some = arith.constant 4 : i64
      %y = scf.for %o = %zero to %twice step %one iter_args(%u = %x) -> tensor<23x32xi64> {{
        %e = tensor.empty() : tensor<23x32xi64>
        %f = linalg.fill ins(%none : i64) outs(%e : tensor<23x32xi64>) -> tensor<23x32xi64>
        %z = {}
        %r = scf.for %i = %zero to %count step %one iter_args(%t = %u) -> tensor<23x32xi64> {{
          %id = tensor.extract %n[%i] : tensor<9xi64>
          %more = arith.cmpi sgt, %id, %some : i64
          %q = scf.if %more -> tensor<23x32xi64> {{
            %a = arith.addi %t, %z : tensor<23x32xi64>
            scf.yield %a : tensor<23x32xi64>
          }} else {{
            scf.yield %t : tensor<23x32xi64>
          }}
          scf.yield %q : tensor<23x32xi64>
        }}
        scf.yield %r : tensor<23x32xi64>
      }}
      return %y : tensor<23x32xi64>
    }})",
                       made);
  };
  check(program("linalg.matmul ins(%u, %w : tensor<23x32xi64>, tensor<32x32xi64>) outs(%f : tensor<23x32xi64>)"
                " -> tensor<23x32xi64>"),
        {"x: dimension 0 of 23"});
  check(program("arith.muli %u, %u : tensor<23x32xi64>"), {"x: dimension 0 of 23, y: dimension 1 of 32"});
  check(program("arith.ori %u, %u : tensor<23x32xi64> // is %u"), {"x: dimension 0 of 23, y: dimension 1 of 32"});
}

TEST_CASE("a reshaped tensor without contents, and one of equal numbers, have the form of what is made of them") {
  check(R"(
    func.func @main(%x: tensor<64x47xi64>, %n: tensor<i64>) -> tensor<64x47xi64> {
      %zero = arith.constant 0 : index
      %one = arith.constant 1 : index
      %times = arith.constant 3 : index
      %s = tensor.extract %n[] : tensor<i64>
      %ones = arith.constant dense<1> : tensor<3008xi64>
      %y = scf.for %i = %zero to %times step %one iter_args(%t = %x) -> tensor<64x47xi64> {
        %e = tensor.empty() : tensor<64x1x47xi64>
        %into = tensor.collapse_shape %e [[0, 1], [2]] : tensor<64x1x47xi64> into tensor<64x47xi64>
        %left = tensor.extract_slice %t[0, 8] [64, 39] [1, 1] : tensor<64x47xi64> to tensor<64x39xi64>
        %half = tensor.insert_slice %left into %into[0, 0] [64, 39] [1, 1] : tensor<64x39xi64> into tensor<64x47xi64>
        %right = tensor.extract_slice %t[0, 0] [64, 8] [1, 1] : tensor<64x47xi64> to tensor<64x8xi64>
        %turned = tensor.insert_slice %right into %half[0, 39] [64, 8] [1, 1] : tensor<64x8xi64> into tensor<64x47xi64>
        %filled = linalg.fill ins(%s : i64) outs(%e : tensor<64x1x47xi64>) -> tensor<64x1x47xi64>
        %all = tensor.collapse_shape %filled [[0, 1], [2]] : tensor<64x1x47xi64> into tensor<64x47xi64>
        %sum = arith.addi %turned, %all : tensor<64x47xi64>
        %unit = tensor.expand_shape %ones [[0, 1]] output_shape [64, 47] : tensor<3008xi64> into tensor<64x47xi64>
        %more = arith.addi %sum, %unit : tensor<64x47xi64>
        scf.yield %more : tensor<64x47xi64>
      }
      return %y : tensor<64x47xi64>
    })",
        {"x: dimension 0 of 64"});
}
