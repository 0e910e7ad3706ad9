// Loops, branches, movement of data, and what is empty, in kernels from tensors.
#include "general_support.h"

#include <fmt/format.h>

#include <numeric>

using namespace weft;
using namespace weft::kernels;
using namespace weft::test;

static Buffer<double> scratchOf(const GeneralKernel &kernel) {
  return Buffer<double>(static_cast<size_t>((kernel.scratchBytes + 7) / 8), NAN);
}

TEST_CASE("tensors are joined, padded, cut, reshaped and transposed", "[kernels]") {
  Suite suite;
  GeneralKernel move = buildGeneral(suite, R"(
  func.func @f(%a: tensor<2x3xi32>, %b: tensor<2x4xi32>) -> (tensor<7x4xi32>, tensor<2x2xi32>, tensor<6xi32>) {
    %zero = arith.constant -1 : i32
    %joined = tensor.concat dim(1) %a, %b : (tensor<2x3xi32>, tensor<2x4xi32>) -> tensor<2x7xi32>
    %empty = tensor.empty() : tensor<7x2xi32>
    %turned = linalg.transpose ins(%joined : tensor<2x7xi32>) outs(%empty : tensor<7x2xi32>) permutation = [1, 0]
    %padded = tensor.pad %turned low[0, 1] high[0, 1] {
    ^bb0(%i: index, %j: index):
      tensor.yield %zero : i32
    } : tensor<7x2xi32> to tensor<7x4xi32>
    %cut = tensor.extract_slice %joined[0, 1] [2, 2] [1, 4] : tensor<2x7xi32> to tensor<2x2xi32>
    %shape = arith.constant dense<6> : tensor<1xindex>
    %flat = tensor.reshape %a(%shape) : (tensor<2x3xi32>, tensor<1xindex>) -> tensor<6xi32>
    return %padded, %cut, %flat : tensor<7x4xi32>, tensor<2x2xi32>, tensor<6xi32>
  })");
  suite.compile();
  Buffer<int32_t> a{0, 1, 2, 10, 11, 12}, b{3, 4, 5, 6, 13, 14, 15, 16}, padded(28), cut(4), flat(6);
  Buffer<double> scratch = scratchOf(move);
  suite.call(move, {}, a, b, padded, cut, flat, scratch);
  for (int32_t i = 0; i < 7; ++i)
    for (int32_t j = 0; j < 4; ++j)
      REQUIRE(padded[4 * i + j] == (j == 1 || j == 2 ? 10 * (j - 1) + i : -1));
  REQUIRE(cut.values() == std::vector<int32_t>{1, 5, 11, 15});
  REQUIRE(flat.values() == a.values());
}

TEST_CASE("a kernel that updates a buffer moves what it changes and no more", "[kernels]") {
  Suite suite;
  GeneralKernel append = buildGeneral(suite, R"(
  func.func @f(%cache: tensor<64x3xf32>, %rows: tensor<2x3xf32>, %at: index) -> tensor<64x3xf32> {
    %none = arith.constant 0 : index
    %one = arith.constant 1 : index
    %two = arith.constant 2 : index
    %next = scf.for %i = %none to %two step %one iter_args(%t = %cache) -> tensor<64x3xf32> {
      %row = tensor.extract_slice %rows[%i, 0] [1, 3] [1, 1] : tensor<2x3xf32> to tensor<1x3xf32>
      %place = arith.addi %at, %i : index
      %w = tensor.insert_slice %row into %t[%place, 0] [1, 3] [1, 1] : tensor<1x3xf32> into tensor<64x3xf32>
      scf.yield %w : tensor<64x3xf32>
    }
    return %next : tensor<64x3xf32>
  })",
                                      /*updated=*/0);
  suite.compile();
  Buffer<float> cache(64 * 3), rows{1, 2, 3, 4, 5, 6};
  std::iota(cache.begin(), cache.end(), 100.0F);
  std::vector<float> expected = cache.values();
  std::copy(rows.begin(), rows.end(), expected.begin() + 3 * 40);
  CHECK(append.scratchBytes == 0);
  CHECK(append.work.storeBytes.base == 2 * 3 * 4);
  suite.call(append, {40}, rows, cache); // the cache stands where results do
  CHECK(cache.values() == expected);
}

TEST_CASE("a part of an argument is updated where the result is wanted", "[kernels]") {
  Suite suite;
  GeneralKernel update = buildGeneral(suite, R"(
  func.func @f(%x: tensor<8x4xf32>, %values: tensor<2xf32>, %at: index) -> tensor<4x4xf32> {
    %none = arith.constant 0 : index
    %one = arith.constant 1 : index
    %two = arith.constant 2 : index
    %part = tensor.extract_slice %x[%at, 0] [4, 4] [1, 1] : tensor<8x4xf32> to tensor<4x4xf32>
    %next = scf.for %i = %none to %two step %one iter_args(%t = %part) -> tensor<4x4xf32> {
      %value = tensor.extract %values[%i] : tensor<2xf32>
      %first = arith.cmpi eq, %i, %none : index
      %w = scf.if %first -> tensor<4x4xf32> {
        %put = tensor.insert %value into %t[%i, %two] : tensor<4x4xf32>
        scf.yield %put : tensor<4x4xf32>
      } else {
        scf.yield %t : tensor<4x4xf32>
      }
      scf.yield %w : tensor<4x4xf32>
    }
    return %next : tensor<4x4xf32>
  })");
  suite.compile();
  Buffer<float> x(32), values{-1, -2}, out(16);
  std::iota(x.begin(), x.end(), 0.0F);
  std::vector<float> expected(x.begin() + 12, x.begin() + 28);
  expected[2] = -1;
  CHECK(update.scratchBytes == 0);
  suite.call(update, {3}, x, values, out);
  CHECK(out.values() == expected);
}

TEST_CASE("a kernel gathers, scatters and takes indices", "[kernels]") {
  Suite suite;
  GeneralKernel gather = buildGeneral(suite, R"(
  func.func @f(%table: tensor<5x3xf32>, %ids: tensor<4xi64>) -> tensor<4x3xf32> {
    %empty = tensor.empty() : tensor<4x3xf32>
    %0 = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (i, j)>],
                         iterator_types = ["parallel", "parallel"]} ins(%ids : tensor<4xi64>) outs(%empty : tensor<4x3xf32>) {
    ^bb0(%id: i64, %out: f32):
      %row = arith.index_cast %id : i64 to index
      %column = linalg.index 1 : index
      %value = tensor.extract %table[%row, %column] : tensor<5x3xf32>
      linalg.yield %value : f32
    } -> tensor<4x3xf32>
    return %0 : tensor<4x3xf32>
  })");
  GeneralKernel scatter = buildGeneral(suite, R"(
  func.func @f(%data: tensor<5xf32>, %ids: tensor<4xi64>, %values: tensor<4xf32>) -> tensor<5xf32> {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c4 = arith.constant 4 : index
    %0 = scf.for %i = %c0 to %c4 step %c1 iter_args(%now = %data) -> tensor<5xf32> {
      %id = tensor.extract %ids[%i] : tensor<4xi64>
      %at = arith.index_cast %id : i64 to index
      %old = tensor.extract %now[%at] : tensor<5xf32>
      %value = tensor.extract %values[%i] : tensor<4xf32>
      %sum = arith.addf %old, %value : f32
      %next = tensor.insert %sum into %now[%at] : tensor<5xf32>
      scf.yield %next : tensor<5xf32>
    }
    return %0 : tensor<5xf32>
  })");
  GeneralKernel slice = buildGeneral(suite, R"(
  func.func @f(%data: tensor<8xi16>, %x: index, %y: index) -> (tensor<3xi16>, tensor<8xi16>) {
    %0 = tensor.extract_slice %data[%x] [3] [1] : tensor<8xi16> to tensor<3xi16>
    %1 = tensor.insert_slice %0 into %data[%y] [3] [1] : tensor<3xi16> into tensor<8xi16>
    return %0, %1 : tensor<3xi16>, tensor<8xi16>
  })");
  suite.compile();
  Buffer<float> table(15), rows(12), data{0, 1, 2, 3, 4}, values{10, 20, 30, 40}, sums(5);
  std::iota(table.begin(), table.end(), 0.0F);
  Buffer<int64_t> ids{4, 0, 2, 4};
  suite.call(gather, {}, table, ids, rows);
  for (size_t i = 0; i < 12; ++i)
    REQUIRE(rows[i] == table[3 * ids[i / 3] + i % 3]);
  REQUIRE(scatter.scratchBytes == 0); // it adds in the result
  suite.call(scatter, {}, data, ids, values, sums);
  REQUIRE(sums.values() == std::vector<float>{20, 1, 32, 3, 54});
  Buffer<int16_t> all{0, 1, 2, 3, 4, 5, 6, 7}, part(3), moved(8);
  REQUIRE(slice.scratchBytes == 0);
  suite.call(slice, {4, 1}, all, part, moved);
  REQUIRE(part.values() == std::vector<int16_t>{4, 5, 6});
  REQUIRE(moved.values() == std::vector<int16_t>{0, 4, 5, 6, 4, 5, 6, 7});
}

TEST_CASE("loops carry tensors that change places", "[kernels]") {
  Suite suite;
  GeneralKernel swap = buildGeneral(suite, R"(
  func.func @f(%a: tensor<3xf32>, %b: tensor<3xf32>, %n: index) -> (tensor<3xf32>, tensor<3xf32>) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %0:2 = scf.for %i = %c0 to %n step %c1 iter_args(%x = %a, %y = %b) -> (tensor<3xf32>, tensor<3xf32>) {
      %sum = arith.addf %x, %y : tensor<3xf32>
      scf.yield %y, %sum : tensor<3xf32>, tensor<3xf32>
    }
    return %0#0, %0#1 : tensor<3xf32>, tensor<3xf32>
  })");
  GeneralKernel turn = buildGeneral(suite, R"(
  func.func @f(%a: tensor<2xi8>, %b: tensor<2xi8>, %c: tensor<2xi8>, %n: index) -> (tensor<2xi8>, tensor<2xi8>, tensor<2xi8>) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %0:3 = scf.for %i = %c0 to %n step %c1 iter_args(%x = %a, %y = %b, %z = %c) -> (tensor<2xi8>, tensor<2xi8>, tensor<2xi8>) {
      scf.yield %y, %z, %x : tensor<2xi8>, tensor<2xi8>, tensor<2xi8>
    }
    return %0#0, %0#1, %0#2 : tensor<2xi8>, tensor<2xi8>, tensor<2xi8>
  })");
  GeneralKernel loop = buildGeneral(suite, R"(
  func.func @f(%start: tensor<i64>, %x: tensor<4xf32>) -> (tensor<i64>, tensor<4xf32>, tensor<6x4xf32>) {
    %c6 = arith.constant 6 : i64
    %c1 = arith.constant 1 : i64
    %zero = arith.constant 0.0 : f32
    %empty = tensor.empty() : tensor<6x4xf32>
    %all = linalg.fill ins(%zero : f32) outs(%empty : tensor<6x4xf32>) -> tensor<6x4xf32>
    %i0 = tensor.extract %start[] : tensor<i64>
    %0:3 = scf.while (%i = %i0, %v = %x, %scan = %all) : (i64, tensor<4xf32>, tensor<6x4xf32>) -> (tensor<4xf32>, i64, tensor<6x4xf32>) {
      %c0 = arith.constant 0 : index
      %first = tensor.extract %v[%c0] : tensor<4xf32>
      %limit = arith.constant 100.0 : f32
      %small = arith.cmpf olt, %first, %limit : f32
      %more = arith.cmpi slt, %i, %c6 : i64
      %go = arith.andi %small, %more : i1
      scf.condition(%go) %v, %i, %scan : tensor<4xf32>, i64, tensor<6x4xf32>
    } do {
    ^bb0(%v: tensor<4xf32>, %i: i64, %scan: tensor<6x4xf32>):
      %twice = arith.addf %v, %v : tensor<4xf32>
      %at = arith.index_cast %i : i64 to index
      %kept = tensor.insert_slice %twice into %scan[%at, 0] [1, 4] [1, 1] : tensor<4xf32> into tensor<6x4xf32>
      %next = arith.addi %i, %c1 : i64
      scf.yield %next, %twice, %kept : i64, tensor<4xf32>, tensor<6x4xf32>
    }
    %steps = tensor.from_elements %0#1 : tensor<i64>
    return %steps, %0#0, %0#2 : tensor<i64>, tensor<4xf32>, tensor<6x4xf32>
  })");
  GeneralKernel branch = buildGeneral(suite, R"(
  func.func @f(%c: tensor<i1>, %a: tensor<3xf64>, %b: tensor<3xf64>) -> tensor<3xf64> {
    %0 = tensor.extract %c[] : tensor<i1>
    %1 = scf.if %0 -> tensor<3xf64> {
      %2 = arith.mulf %a, %b : tensor<3xf64>
      scf.yield %2 : tensor<3xf64>
    } else {
      scf.yield %b : tensor<3xf64>
    }
    %3 = arith.addf %1, %a : tensor<3xf64>
    return %3 : tensor<3xf64>
  })");
  suite.compile();
  Buffer<float> a{1, 2, 3}, b{1, 1, 1}, x(3), y(3);
  Buffer<double> swapScratch = scratchOf(swap), turnScratch = scratchOf(turn), loopScratch = scratchOf(loop),
                 branchScratch = scratchOf(branch);
  suite.call(swap, {5}, a, b, x, y, swapScratch);
  REQUIRE(x.values() == std::vector<float>{8, 11, 14}); // 5 steps of Fibonacci's
  REQUIRE(y.values() == std::vector<float>{13, 18, 23});
  suite.call(swap, {0}, a, b, x, y, swapScratch);
  REQUIRE(x.values() == a.values());
  Buffer<int8_t> p{1, 2}, q{3, 4}, r{5, 6}, u(2), v(2), w(2);
  suite.call(turn, {4}, p, q, r, u, v, w, turnScratch);
  REQUIRE(u.values() == q.values());
  REQUIRE(v.values() == r.values());
  REQUIRE(w.values() == p.values());
  Buffer<int64_t> start{1}, steps(1);
  Buffer<float> values{1, 2, 3, 4}, last(4), scan(24);
  suite.call(loop, {}, start, values, steps, last, scan, loopScratch);
  REQUIRE(steps[0] == 6);
  for (size_t i = 0; i < 24; ++i)
    REQUIRE(scan[i] == (i < 4 ? 0 : std::ldexp(values[i % 4], int(i / 4))));
  REQUIRE(last[0] == 32);
  values[0] = 30;
  suite.call(loop, {}, start, values, steps, last, scan, loopScratch);
  REQUIRE(steps[0] == 3);
  REQUIRE(last[0] == 120);
  Buffer<double> c{1, 2, 3}, d{4, 5, 6}, e(3);
  Buffer<uint8_t> yes{1}, no{0};
  suite.call(branch, {}, yes, c, d, e, branchScratch);
  REQUIRE(e.values() == std::vector<double>{5, 12, 21});
  suite.call(branch, {}, no, c, d, e, branchScratch);
  REQUIRE(e.values() == std::vector<double>{5, 7, 9});
}

TEST_CASE("arguments, constants and twins are results too", "[kernels]") {
  Suite suite;
  GeneralKernel kernel = buildGeneral(suite, R"(
  func.func @f(%a: tensor<3xi64>) -> (tensor<3xi64>, tensor<2x2xf32>, tensor<3xi64>, tensor<3xi64>) {
    %0 = arith.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>
    %1 = arith.addi %a, %a : tensor<3xi64>
    return %a, %0, %1, %1 : tensor<3xi64>, tensor<2x2xf32>, tensor<3xi64>, tensor<3xi64>
  })");
  suite.compile();
  Buffer<int64_t> a{1, 2, 3}, same(3), twice(3), again(3);
  Buffer<float> constant(4);
  Buffer<double> scratch = scratchOf(kernel);
  suite.call(kernel, {}, a, same, constant, twice, again, scratch);
  REQUIRE(same.values() == a.values());
  REQUIRE(constant.values() == std::vector<float>{1, 2, 3, 4});
  REQUIRE(twice.values() == std::vector<int64_t>{2, 4, 6});
  REQUIRE(again.values() == twice.values());
}

TEST_CASE("results that are made of each other keep their own values", "[kernels]") {
  Suite suite;
  GeneralKernel kernel = buildGeneral(suite, R"(
  func.func @f(%x: tensor<3x4xf32>) -> (tensor<3xf32>, tensor<3xf32>, tensor<3xf32>) {
    %zero = arith.constant 0.0 : f32
    %empty = tensor.empty() : tensor<3xf32>
    %filled = linalg.fill ins(%zero : f32) outs(%empty : tensor<3xf32>) -> tensor<3xf32>
    %sum = linalg.reduce { arith.addf } ins(%x : tensor<3x4xf32>) outs(%filled : tensor<3xf32>) dimensions = [1]
    %more = linalg.reduce { arith.addf } ins(%x : tensor<3x4xf32>) outs(%sum : tensor<3xf32>) dimensions = [1]
    %root = linalg.map { math.sqrt } ins(%more : tensor<3xf32>) outs(%empty : tensor<3xf32>)
    return %more, %sum, %root : tensor<3xf32>, tensor<3xf32>, tensor<3xf32>
  })");
  suite.compile();
  Buffer<float> x(12), more(3), sum(3), root(3);
  std::iota(x.begin(), x.end(), 1.0F);
  Buffer<double> scratch = scratchOf(kernel);
  suite.call(kernel, {}, x, more, sum, root, scratch);
  REQUIRE(sum.values() == std::vector<float>{10, 26, 42});
  REQUIRE(more.values() == std::vector<float>{20, 52, 84});
  for (size_t i = 0; i < 3; ++i)
    REQUIRE(root[i] == std::sqrt(more[i]));
}

TEST_CASE("tensors may have no dimension or no element", "[kernels]") {
  Suite suite;
  GeneralKernel kernel = buildGeneral(suite, R"(
  func.func @f(%a: tensor<0x3xf32>, %b: tensor<2x0xf32>, %s: tensor<f32>) -> (tensor<3xf32>, tensor<0x3xf32>, tensor<f32>, tensor<2x0xf32>) {
    %one = arith.constant 1.0 : f32
    %empty = tensor.empty() : tensor<3xf32>
    %filled = linalg.fill ins(%one : f32) outs(%empty : tensor<3xf32>) -> tensor<3xf32>
    %sum = linalg.reduce { arith.addf } ins(%a : tensor<0x3xf32>) outs(%filled : tensor<3xf32>) dimensions = [0]
    %twice = arith.addf %a, %a : tensor<0x3xf32>
    %root = math.sqrt %s : tensor<f32>
    return %sum, %twice, %root, %b : tensor<3xf32>, tensor<0x3xf32>, tensor<f32>, tensor<2x0xf32>
  })");
  suite.compile();
  Buffer<float> nothing(0), none(0), s{9}, sum(3), nothingToo(0), root(1), noneToo(0);
  suite.call(kernel, {}, nothing, none, s, sum, nothingToo, root, noneToo);
  REQUIRE(sum.values() == std::vector<float>{1, 1, 1});
  REQUIRE(root[0] == 3);
}

TEST_CASE("windows, softmax and products of short numbers are kernels", "[kernels]") {
  Suite suite;
  GeneralKernel convolution = buildGeneral(suite, R"(
  func.func @f(%x: tensor<1x2x7x7xf32>, %w: tensor<3x2x3x3xf32>) -> tensor<1x3x3x3xf32> {
    %zero = arith.constant 0.0 : f32
    %e = tensor.empty() : tensor<1x3x3x3xf32>
    %0 = linalg.fill ins(%zero : f32) outs(%e : tensor<1x3x3x3xf32>) -> tensor<1x3x3x3xf32>
    %1 = linalg.conv_2d_nchw_fchw {strides = dense<2> : tensor<2xi64>, dilations = dense<1> : tensor<2xi64>}
        ins(%x, %w : tensor<1x2x7x7xf32>, tensor<3x2x3x3xf32>) outs(%0 : tensor<1x3x3x3xf32>) -> tensor<1x3x3x3xf32>
    return %1 : tensor<1x3x3x3xf32>
  })");
  GeneralKernel softmax = buildGeneral(suite, R"(
  func.func @f(%x: tensor<3x13xf32>) -> tensor<3x13xf32> {
    %e = tensor.empty() : tensor<3x13xf32>
    %0 = linalg.softmax dimension(1) ins(%x : tensor<3x13xf32>) outs(%e : tensor<3x13xf32>) -> tensor<3x13xf32>
    return %0 : tensor<3x13xf32>
  })");
  GeneralKernel product = buildGeneral(suite, R"(
  func.func @f(%a: tensor<5x6xbf16>, %b: tensor<6x9xbf16>) -> tensor<5x9xbf16> {
    %zero = arith.constant 0.0 : f32
    %e = tensor.empty() : tensor<5x9xf32>
    %0 = linalg.fill ins(%zero : f32) outs(%e : tensor<5x9xf32>) -> tensor<5x9xf32>
    %1 = linalg.matmul ins(%a, %b : tensor<5x6xbf16>, tensor<6x9xbf16>) outs(%0 : tensor<5x9xf32>) -> tensor<5x9xf32>
    %2 = arith.truncf %1 : tensor<5x9xf32> to tensor<5x9xbf16>
    return %2 : tensor<5x9xbf16>
  })");
  REQUIRE(convolution.scratchBytes == 0);
  suite.compile();
  std::mt19937 random(3);
  Buffer<float> x(98, random), w(54, random), y(27);
  suite.call(convolution, {}, x, w, y);
  for (size_t f = 0; f < 3; ++f)
    for (size_t i = 0; i < 3; ++i)
      for (size_t j = 0; j < 3; ++j) {
        double sum = 0;
        for (size_t c = 0; c < 2; ++c)
          for (size_t k = 0; k < 9; ++k)
            sum += double(x[49 * c + 7 * (2 * i + k / 3) + 2 * j + k % 3]) * w[18 * f + 9 * c + k];
        REQUIRE(y[9 * f + 3 * i + j] == Approx(sum).margin(1e-5));
      }
  Buffer<float> s(39, random, -5, 5), soft(39);
  Buffer<double> scratch = scratchOf(softmax), productScratch = scratchOf(product);
  suite.call(softmax, {}, s, soft, scratch);
  for (size_t i = 0; i < 3; ++i) {
    double sum = 0;
    for (size_t j = 0; j < 13; ++j)
      sum += std::exp(double(s[13 * i + j]));
    for (size_t j = 0; j < 13; ++j)
      REQUIRE(soft[13 * i + j] == Approx(std::exp(double(s[13 * i + j])) / sum).epsilon(1e-5));
  }
  Buffer<Brain> a(30), b(54), c(45);
  for (Brain &value : a)
    value = Format<Brain>::nearest(std::ldexp(int(random() % 255) - 127, -6));
  for (Brain &value : b)
    value = Format<Brain>::nearest(std::ldexp(int(random() % 255) - 127, -6));
  suite.call(product, {}, a, b, c, productScratch);
  for (size_t i = 0; i < 5; ++i)
    for (size_t j = 0; j < 9; ++j) {
      double sum = 0; // exact, as the sum in f32 is
      for (size_t k = 0; k < 6; ++k)
        sum += Format<Brain>::value(a[6 * i + k]) * Format<Brain>::value(b[9 * k + j]);
      REQUIRE(c[9 * i + j].bits == Format<Brain>::nearest(sum).bits);
    }
}

TEST_CASE("equal functions are one kernel") {
  Suite suite;
  auto text = [](const char *name, const char *op) {
    return fmt::format(
        "func.func @{}(%x: tensor<3xf32>) -> tensor<3xf32> {{ %0 = math.{} %x : tensor<3xf32>\n return %0 "
        ": tensor<3xf32> }}",
        name, op);
  };
  GeneralKernel first = buildGeneral(suite, text("f", "sin")), second = buildGeneral(suite, text("g", "sin")),
                third = buildGeneral(suite, text("f", "cos"));
  REQUIRE(first.name == second.name);
  REQUIRE(first.name != third.name);
  REQUIRE(first.work.special.base == 3);
  REQUIRE(first.work.loadBytes.base == 12);
  REQUIRE(second.work.storeBytes.base == 12);
}

TEST_CASE("values that do not meet share a place") {
  Suite suite;
  std::string body;
  for (int i = 0; i < 8; ++i) // each is used once more than fusion allows
    body += fmt::format(
        "%e{0} = tensor.empty() : tensor<64x64xf32>\n %v{1} = linalg.transpose ins(%v{0} : tensor<64x64xf32>) "
        "outs(%e{0} : tensor<64x64xf32>) permutation = [1, 0]\n",
        i, i + 1);
  GeneralKernel kernel = buildGeneral(suite, "func.func @f(%v0: tensor<64x64xf32>) -> tensor<64x64xf32> {" + body +
                                                 "return %v8 : tensor<64x64xf32> }");
  REQUIRE(kernel.scratchBytes <= 2 * 64 * 64 * 4);
}

TEST_CASE("what cannot be a kernel is refused where it stands") {
  Suite suite;
  mlir::MLIRContext *context = (*suite)->getContext();
  std::string message;
  mlir::ScopedDiagnosticHandler handler(context, [&](mlir::Diagnostic &diagnostic) {
    message += diagnostic.str();
    return mlir::success();
  });
  context->loadDialect<mlir::func::FuncDialect, mlir::tensor::TensorDialect>();
  auto refused = [&](const char *text) {
    message.clear();
    auto module = mlir::parseSourceString<mlir::ModuleOp>(text, context);
    REQUIRE(module);
    REQUIRE(mlir::failed(kernels::buildGeneral(*suite, *module->getOps<mlir::func::FuncOp>().begin())));
    return message;
  };
  REQUIRE(refused("func.func @f(%x: tensor<?xf32>) { return }").find("fixed shape") != std::string::npos);
  REQUIRE(refused("func.func @f(%x: tensor<2xi4>) { return }").find("i64") != std::string::npos);
  REQUIRE(refused("func.func @f(%n: index, %x: tensor<2xi8>) { return }").find("before") != std::string::npos);
  REQUIRE(refused("func.func private @f(tensor<2xi8>)").find("one block") != std::string::npos);
  const std::string bits = refused(R"(func.func @f(%x: tensor<4xf32>) -> tensor<4xi32> {
    %0 = tensor.bitcast %x : tensor<4xf32> to tensor<4xi32>
    return %0 : tensor<4xi32>
  })");
  INFO(bits);
  REQUIRE(bits.find("tensor.bitcast") != std::string::npos);
}
