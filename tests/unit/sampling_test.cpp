#include "runtime/Npz.h"
#include "runtime/Sampling.h"

#include <catch2/catch.hpp>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>

using namespace weft;
using namespace weft::runtime;
using Catch::Matchers::Contains;

namespace {

std::vector<int> histogram(const Sampling &sampling, const std::vector<float> &logits, int draws) {
  Sampler sampler(sampling);
  std::vector<int> counts(logits.size());
  for (int i = 0; i < draws; ++i)
    ++counts[size_t(*sampler.next(logits))];
  return counts;
}

Sampling sampling(const char *text) {
  auto parsed = parseSampling(text);
  REQUIRE(parsed);
  return *parsed;
}

} // namespace

TEST_CASE("the random numbers are xoshiro256** seeded by splitmix64") {
  // First outputs of the reference implementations (https://prng.di.unimi.it) for the seed 0.
  Random random(0);
  CHECK(random.next() == 0x99ec5f36cb75f2b4);
  CHECK(random.next() == 0xbf6e1f784956452a);
  CHECK(random.next() == 0x1a5f849d4933e6e0);
  for (int i = 0; i < 1000; ++i) {
    const double value = random.uniform();
    CHECK((value >= 0 && value < 1));
  }
}

TEST_CASE("greedy takes the largest logit, the lowest id among equals") {
  Sampler sampler({});
  CHECK(*sampler.next(std::vector<float>{-1, 3, 2, 3}) == 1);
  CHECK(*sampler.next(std::vector<float>{-5}) == 0);
}

TEST_CASE("logits that are no numbers are our fault") {
  for (const char *text : {"greedy", "temp=1"})
    for (float bad : {std::nanf(""), std::numeric_limits<float>::infinity()}) {
      Sampler sampler(sampling(text));
      auto token = sampler.next(std::vector<float>{0, bad, 1});
      REQUIRE(!token);
      CHECK(token.error().fault == Fault::Internal);
      CHECK_THAT(token.error().message, Contains("logit 1"));
    }
  CHECK(!Sampler({}).next({}));
}

TEST_CASE("frequencies follow the distribution") {
  const std::vector<float> logits = {0, std::log(2.0f), std::log(5.0f), std::log(0.5f), std::log(1.5f)};
  const double total = 10;
  const std::vector<double> probability = {1 / total, 2 / total, 5 / total, 0.5 / total, 1.5 / total};
  const int draws = 40000;
  const std::vector<int> plain = histogram(sampling("temp=1,seed=5"), logits, draws);
  for (size_t i = 0; i < logits.size(); ++i)
    CHECK(plain[i] == Approx(probability[i] * draws).margin(4 * std::sqrt(probability[i] * draws)));
  CHECK(plain == histogram(sampling("seed=5,temp=1"), logits, draws));
  CHECK(plain != histogram(sampling("temp=1,seed=6"), logits, draws));

  const std::vector<int> two = histogram(sampling("top-k=2,seed=1"), logits, draws);
  CHECK(two[0] + two[3] + two[4] == 0);
  CHECK(two[2] == Approx(draws * 5.0 / 7).margin(400));
  const std::vector<int> nucleus = histogram(sampling("top-p=0.7,seed=1"), logits, draws); // 0.5 + 0.2
  CHECK(nucleus[0] + nucleus[3] + nucleus[4] == 0);
  const std::vector<int> wider = histogram(sampling("top-p=0.71,seed=1"), logits, draws);
  CHECK(wider[4] > 0);
  CHECK(wider[0] + wider[3] == 0);
  const std::vector<int> cold = histogram(sampling("temp=0.01,seed=1"), logits, 1000);
  CHECK(cold[2] == 1000);
  CHECK(histogram(sampling("top-p=0.0001"), logits, 100)[2] == 100);
}

TEST_CASE("settings are checked") {
  const Sampling all = sampling("temp=0.8,top-p=0.95,top-k=40,seed=18446744073709551615");
  CHECK(!all.greedy);
  CHECK(all.temperature == 0.8);
  CHECK(all.topP == 0.95);
  CHECK(all.topK == 40);
  CHECK(all.seed == UINT64_MAX);
  CHECK(sampling("greedy").greedy);
  for (const char *wrong :
       {"", "hot", "temp=0", "temp=-1", "temp=nan", "temp=inf", "temp=1x", "temp", "top-p=0", "top-p=1.1", "top-k=-1",
        "seed=-1", "seed=18446744073709551616", "temp=1,", "greedy,seed=1"}) {
    auto parsed = parseSampling(wrong);
    INFO(wrong);
    REQUIRE(!parsed);
    CHECK(parsed.error().fault == Fault::Usage);
    CHECK_THAT(parsed.error().message, Contains("--sample"));
  }
}

TEST_CASE(".npy files survive the way through a file") {
  const std::string path = WEFT_BINARY_DIR "/sampling_test.npy";
  auto roundTrip = [&](NpyArray array) {
    REQUIRE(writeNpy(path, array));
    CHECK(std::filesystem::file_size(path) % 4 == 0);
    auto read = readNpy(path);
    INFO((read ? "" : read.error().message));
    REQUIRE(read);
    CHECK(*read == array);
  };
  roundTrip(NpyArray::of({2, 3}, std::vector<float>{1, 2, 3, 4, 5, -0.5f}));
  roundTrip(NpyArray::of({3}, std::vector<int32_t>{1, -2, 3}));
  roundTrip(NpyArray::of({1, 1, 2}, std::vector<int64_t>{INT64_MIN, 5}));
  roundTrip(NpyArray::of({0, 4}, std::vector<float>{}));
  roundTrip(NpyArray::of({}, std::vector<float>{7}));
  roundTrip(NpyArray::of({2}, std::vector<double>{7, -1}));
  roundTrip({{4}, "bool", std::vector<std::byte>(4, std::byte{1})});
  roundTrip({{2}, "float16", std::vector<std::byte>(4, std::byte{1})});
  std::filesystem::remove(path);
}

TEST_CASE(".npy files in Fortran order are read in C order") {
  std::string bytes("\x93NUMPY\x01\x00", 8), header = "{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3), }\n";
  bytes += char(header.size());
  bytes += char(0);
  bytes += header + "\x01\x04\x02\x05\x03\x06";
  auto array = parseNpy(std::as_bytes(std::span(bytes)), "a.npy");
  REQUIRE(array);
  CHECK(array->values<uint8_t>() == std::vector<uint8_t>{1, 2, 3, 4, 5, 6});
}

TEST_CASE(".npz archives survive the way through a file, and damaged ones are refused") {
  const std::string path = WEFT_BINARY_DIR "/sampling_test.npz";
  const NamedArrays arrays = {{"x", NpyArray::of({2, 2}, std::vector<float>{1, 2, 3, 4})},
                              {"none", NpyArray::of({0}, std::vector<int64_t>{})}};
  REQUIRE(writeNpz(path, arrays));
  auto read = readNpz(path);
  REQUIRE(read);
  CHECK(*read == arrays);
  std::ifstream file(path, std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(file)), {});
  std::filesystem::remove(path);
  for (size_t cut = 0; cut < bytes.size(); ++cut)
    CHECK(!parseNpz(std::as_bytes(std::span(bytes)).first(cut), "cut.npz"));
  // Any byte may lie; none may crash, and the data is under a checksum.
  for (size_t i = 0; i < bytes.size(); ++i) {
    std::string damaged = bytes;
    damaged[i] = char(damaged[i] ^ 0xff);
    auto seen = parseNpz(std::as_bytes(std::span(damaged)), "damaged.npz");
    if (seen && seen->size() == 2 && (*seen)[0].first == "x" && (*seen)[0].second.dtype == "float32")
      CHECK((*seen)[0].second == arrays[0].second);
  }
}

TEST_CASE(".npy headers that lie are refused") {
  auto file = [](const std::string &header, size_t dataBytes) {
    std::string bytes("\x93NUMPY\x01\x00", 8);
    bytes += char(header.size());
    bytes += char(0);
    bytes += header + std::string(dataBytes, '\0');
    return parseNpy(std::as_bytes(std::span(bytes)), "a.npy");
  };
  CHECK(file("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }\n", 16));
  CHECK(!file("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }\n", 15));
  CHECK(!file("{'descr': '>f4', 'fortran_order': False, 'shape': (2, 2), }\n", 16));
  CHECK(!file("{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296), }\n", 0));
  CHECK(!file("{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904), }\n", 0));
  CHECK(!file("{'descr': '<f4", 16));
  CHECK(!file("", 16));
}
