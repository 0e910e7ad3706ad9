#include "sim/validation/Measurements.h"

#include "hw-models/Yaml.h"
#include "runtime/support/CsvTable.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>

using namespace weft;
using namespace weft::validation;

// The file itself, so that the program needs no other.
__asm__(".section .rodata\n"
        ".global weft_rvv_measurements, weft_rvv_measurements_end\n"
        "weft_rvv_measurements:\n.incbin \"" WEFT_RVV_MEASUREMENTS "\"\n"
        "weft_rvv_measurements_end:\n.byte 0\n.previous\n");
extern "C" const unsigned char weft_rvv_measurements[], weft_rvv_measurements_end[];

namespace {

constexpr size_t maxBytes = 256 << 20;

/// Decompresses gzip; other text stays as it is.
Result<std::string> inflated(const unsigned char *data, size_t size, const std::string &name) {
  if (size < 2 || data[0] != 0x1f || data[1] != 0x8b)
    return std::string(reinterpret_cast<const char *>(data), size);
  z_stream stream{};
  if (inflateInit2(&stream, 16 + MAX_WBITS) != Z_OK)
    return internalError("zlib does not start");
  stream.next_in = const_cast<unsigned char *>(data);
  stream.avail_in = static_cast<uInt>(size);
  std::string out;
  int code = Z_OK;
  while (code == Z_OK && out.size() < maxBytes) {
    char buffer[1 << 16];
    stream.next_out = reinterpret_cast<unsigned char *>(buffer);
    stream.avail_out = sizeof buffer;
    code = inflate(&stream, Z_NO_FLUSH);
    out.append(buffer, sizeof buffer - stream.avail_out);
  }
  inflateEnd(&stream);
  if (code != Z_STREAM_END)
    return userError(fmt::format("{}: not a whole gzip file, or more than {} MiB of text", name, maxBytes >> 20));
  return out;
}

template <typename T> std::optional<T> number(std::string_view text) {
  T value{};
  auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  return code == std::errc() && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

/// "mf8" to "m8" in eighths; 0 if it is neither.
uint32_t lmulEighths(std::string_view text) {
  constexpr std::string_view names[] = {"mf8", "mf4", "mf2", "m1", "m2", "m4", "m8"};
  auto found = std::find(std::begin(names), std::end(names), text);
  return found == std::end(names) ? 0 : 1u << (found - std::begin(names));
}

Result<void> checkColumns(const runtime::CsvTable &table) {
  for (const char *wanted : {"machine", "operands", "SEW", "LMUL", "vl", "cycles_per_insn"})
    if (!table.column(wanted))
      return userError(fmt::format("{}:1: the column {} is missing; wanted: machine, operands, SEW, LMUL, vl, "
                                   "cycles_per_insn and perhaps VLEN",
                                   table.path, wanted));
  return success();
}

Result<Measurement> measurementOf(const runtime::CsvTable &table, size_t row) {
  auto cell = [&](const char *column) { return std::string(table.cell(row, column)); };
  Measurement out{
      .machine = cell("machine"), .operands = cell("operands"), .file = table.path, .line = table.lineNumbers[row]};
  auto fail = [&](const char *column, std::string_view wants) {
    return userError(fmt::format("{}:{}: {} {}: {}", out.file, out.line, column, hw::inQuotes(cell(column)), wants));
  };
  std::optional<uint32_t> sew = number<uint32_t>(cell("SEW"));
  if (!sew || (*sew != 8 && *sew != 16 && *sew != 32 && *sew != 64))
    return fail("SEW", "8, 16, 32 or 64");
  out.sewBits = *sew;
  out.lmulEighths = lmulEighths(cell("LMUL"));
  if (!out.lmulEighths)
    return fail("LMUL", "mf8, mf4, mf2, m1, m2, m4 or m8");
  std::string vl = cell("vl");
  if (vl.starts_with("vl="))
    vl.erase(0, 3);
  if (vl != "VLMAX") {
    std::optional<uint32_t> count = number<uint32_t>(vl);
    if (!count || *count == 0 || *count > 8192)
      return fail("vl", "VLMAX or a number of elements from 1 on");
    out.vl = *count;
  }
  std::optional<double> cycles = number<double>(cell("cycles_per_insn"));
  if (!cycles || !(*cycles > 0) || *cycles > 1e9)
    return fail("cycles_per_insn", "a positive number of cycles");
  out.cycles = *cycles;
  if (std::string vlen = cell("VLEN"); !vlen.empty()) {
    std::optional<uint32_t> bits = number<uint32_t>(vlen);
    if (!bits || *bits == 0)
      return fail("VLEN", "a number of bits, or nothing");
    out.vlenBits = *bits;
  }
  return out;
}

Result<std::vector<Measurement>> readBytes(const unsigned char *data, size_t size, const std::string &name) {
  Result<std::string> text = inflated(data, size, name);
  if (!text)
    return text.error();
  auto table = runtime::parseCsv(*text, name);
  if (!table)
    return table.takeError();
  if (auto good = checkColumns(*table); !good)
    return good.takeError();
  std::vector<Measurement> all;
  for (size_t row = 0; row < table->lines.size(); ++row) {
    auto each = measurementOf(*table, row);
    if (!each)
      return each.takeError();
    all.push_back(*std::move(each));
  }
  return all;
}

} // namespace

Result<std::vector<Measurement>> validation::readMeasurements(const std::string &path) {
  FILE *file = std::fopen(path.c_str(), "rb");
  if (!file)
    return userError(fmt::format("{}: cannot be opened", path));
  std::string bytes;
  char buffer[1 << 16];
  size_t count = 0;
  while ((count = std::fread(buffer, 1, sizeof buffer, file)) > 0 && bytes.size() < maxBytes)
    bytes.append(buffer, count);
  bool failed = std::ferror(file) != 0;
  std::fclose(file);
  if (failed || bytes.size() >= maxBytes)
    return userError(fmt::format("{}: cannot be read, or more than {} MiB", path, maxBytes >> 20));
  return readBytes(reinterpret_cast<const unsigned char *>(bytes.data()), bytes.size(), path);
}

Result<std::vector<Measurement>> validation::shippedMeasurements() {
  return readBytes(weft_rvv_measurements, static_cast<size_t>(weft_rvv_measurements_end - weft_rvv_measurements),
                   "shipped measurements");
}
