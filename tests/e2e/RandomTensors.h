// Random tensor programs: ops of all kinds on elements of all types, with a bound on what two machines may differ by.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace weft::test {

/// A value of the program. Where arithmetic is the same on every machine `error` is zero: then results are equal bit
/// for bit, and only then does the value decide where control goes or what is read.
struct RandomValue {
  std::string name, element; // %name; f32, i1, …
  std::vector<int64_t> shape;
  double bound = 0; // no element is further from zero
  double error = 0; // that results of two machines may differ by
  bool used = false;
};

struct RandomProgram {
  std::string text;
  std::vector<RandomValue> results;
};

/// @main of about `ops` ops. Equal seeds give equal programs.
RandomProgram randomTensorProgram(uint32_t seed, int ops);

} // namespace weft::test
