// What toggles are read out of a waveform.
#include "sim/cosim/toggles/Toggles.h"

#include <catch2/catch.hpp>
#include <gtkwave/fstapi.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <unistd.h>

namespace weft::cosim {
namespace {

struct Folder {
  std::filesystem::path path = std::filesystem::temp_directory_path() / ("weft_toggles_" + std::to_string(getpid()));
  Folder() { std::filesystem::create_directories(path); }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string file(const char *name) const { return (path / name).string(); }
};

std::string contentOf(const std::string &path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

/// TOP.unit.data [3:0] has these values in turn, and the same signal is the port TOP.unit.inner.data_i, too.
void writeWave(const std::string &path, const std::vector<const char *> &values) {
  void *file = fstWriterCreate(path.c_str(), 1);
  fstWriterSetScope(file, FST_ST_VCD_MODULE, "TOP", nullptr);
  fstWriterSetScope(file, FST_ST_VCD_MODULE, "unit", nullptr);
  const fstHandle data = fstWriterCreateVar(file, FST_VT_SV_LOGIC, FST_VD_IMPLICIT, 4, "data [3:0]", 0);
  const fstHandle loop = fstWriterCreateVar(file, FST_VT_VCD_INTEGER, FST_VD_IMPLICIT, 32, "i", 0);
  const fstHandle width = fstWriterCreateVar(file, FST_VT_VCD_PARAMETER, FST_VD_IMPLICIT, 1, "WIDTH", 0);
  fstWriterSetScope(file, FST_ST_VCD_MODULE, "inner", nullptr);
  fstWriterCreateVar(file, FST_VT_VCD_WIRE, FST_VD_INPUT, 4, "data_i [3:0]", data);
  fstWriterEmitTimeChange(file, 0);
  fstWriterEmitValueChange(file, loop, std::string(32, '0').c_str());
  fstWriterEmitValueChange(file, width, "1");
  for (size_t time = 0; time < values.size(); ++time) {
    fstWriterEmitTimeChange(file, time);
    fstWriterEmitValueChange(file, data, values[time]);
  }
  fstWriterClose(file);
}

} // namespace

TEST_CASE("Bits that rose, fell, did both or neither are told apart", "[toggles]") {
  const Folder folder;
  writeWave(folder.file("a.fst"), {"0010", "0111", "0001", "1001"}); // r + f r
  Toggles toggles;
  REQUIRE(toggles.add(folder.file("a.fst")));
  REQUIRE(toggles.write(folder.file("a.dat")));
  CHECK(contentOf(folder.file("a.dat")) == "# weft toggles 1\nunit.data r+fr\n");
}

TEST_CASE("Waveforms of several copies add up", "[toggles]") {
  const Folder folder;
  writeWave(folder.file("a.fst"), {"1000", "0000"});
  writeWave(folder.file("b.fst"), {"0001", "1001"});
  Toggles toggles;
  REQUIRE(toggles.add(folder.file("a.fst")));
  REQUIRE(toggles.add(folder.file("b.fst")));
  REQUIRE(toggles.write(folder.file("ab.dat")));
  CHECK(contentOf(folder.file("ab.dat")) == "# weft toggles 1\nunit.data +---\n");
}

TEST_CASE("A waveform for toggles goes with its run, one that was asked for stays", "[toggles]") {
  const Folder folder;
  for (const std::string &asked : {std::string(), folder.file("asked.fst")}) {
    std::string path;
    {
      const ToggleWave wave(folder.file("toggles.dat"), asked);
      path = wave.path();
      writeWave(path, {"0000", "1111"});
      REQUIRE(wave.count());
    }
    CHECK(std::filesystem::exists(path) == !asked.empty());
    CHECK(contentOf(folder.file("toggles.dat")) == "# weft toggles 1\nunit.data rrrr\n");
  }
  CHECK(ToggleWave("", "").path().empty());
}

TEST_CASE("What is no waveform is an error", "[toggles]") {
  const Folder folder;
  std::ofstream(folder.file("text")) << "text";
  Toggles toggles;
  CHECK_FALSE(toggles.add(folder.file("text")));
  CHECK_FALSE(toggles.add(folder.file("missing")));
  CHECK_FALSE(toggles.write(folder.file("none/toggles.dat")));
}

} // namespace weft::cosim
