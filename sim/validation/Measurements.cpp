#include "sim/validation/Measurements.h"

#include "hw-models/Yaml.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <charconv>
#include <map>
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

/// The cells of one line; a cell may stand in quotes.
std::vector<std::string> cells(std::string_view line) {
  std::vector<std::string> out(1);
  bool quoted = false;
  for (size_t i = 0; i < line.size(); ++i) {
    char c = line[i];
    if (c == '"' && quoted && i + 1 < line.size() && line[i + 1] == '"')
      out.back() += line[++i];
    else if (c == '"')
      quoted = !quoted;
    else if (c == ',' && !quoted)
      out.emplace_back();
    else if (c != '\r')
      out.back() += c;
  }
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

class Reader {
public:
  explicit Reader(const std::string &name) : name(name) {}

  Result<std::vector<Measurement>> read(std::string_view text) {
    std::vector<Measurement> out;
    if (constexpr std::string_view byteOrderMark = "\xEF\xBB\xBF"; text.starts_with(byteOrderMark))
      text.remove_prefix(byteOrderMark.size());
    for (size_t line = 1; !text.empty(); ++line) {
      size_t end = std::min(text.find('\n'), text.size());
      std::vector<std::string> row = cells(text.substr(0, end));
      text.remove_prefix(std::min(end + 1, text.size()));
      if (line == 1) {
        if (Result<void> good = readHeader(row); !good)
          return good.error();
        continue;
      }
      if (row.size() == 1 && row[0].empty())
        continue;
      Result<Measurement> each = readRow(row, line);
      if (!each)
        return each.error();
      out.push_back(*std::move(each));
    }
    if (out.empty())
      return userError(fmt::format("{}: no measurement in it", name));
    return out;
  }

private:
  Result<void> readHeader(const std::vector<std::string> &row) {
    for (size_t i = 0; i < row.size(); ++i)
      columns.emplace(row[i], i);
    for (const char *wanted : {"machine", "operands", "SEW", "LMUL", "vl", "cycles_per_insn"})
      if (!columns.contains(wanted))
        return userError(fmt::format("{}:1: the column {} is missing; wanted: machine, operands, SEW, LMUL, vl, "
                                     "cycles_per_insn and perhaps VLEN",
                                     name, wanted));
    return success();
  }

  std::string cell(const std::vector<std::string> &row, const char *column) const {
    auto found = columns.find(column);
    return found == columns.end() || found->second >= row.size() ? "" : row[found->second];
  }

  Result<Measurement> readRow(const std::vector<std::string> &row, size_t line) const {
    Measurement out{.machine = cell(row, "machine"), .operands = cell(row, "operands"), .file = name, .line = line};
    auto fail = [&](const char *column, std::string_view wants) {
      return userError(fmt::format("{}:{}: {} {}: {}", name, line, column, hw::inQuotes(cell(row, column)), wants));
    };
    std::optional<uint32_t> sew = number<uint32_t>(cell(row, "SEW"));
    if (!sew || (*sew != 8 && *sew != 16 && *sew != 32 && *sew != 64))
      return fail("SEW", "8, 16, 32 or 64");
    out.sewBits = *sew;
    out.lmulEighths = lmulEighths(cell(row, "LMUL"));
    if (!out.lmulEighths)
      return fail("LMUL", "mf8, mf4, mf2, m1, m2, m4 or m8");
    std::string vl = cell(row, "vl");
    if (vl.starts_with("vl="))
      vl.erase(0, 3);
    if (vl != "VLMAX") {
      std::optional<uint32_t> count = number<uint32_t>(vl);
      if (!count || *count == 0 || *count > 8192)
        return fail("vl", "VLMAX or a number of elements from 1 on");
      out.vl = *count;
    }
    std::optional<double> cycles = number<double>(cell(row, "cycles_per_insn"));
    if (!cycles || !(*cycles > 0) || *cycles > 1e9)
      return fail("cycles_per_insn", "a positive number of cycles");
    out.cycles = *cycles;
    if (std::string vlen = cell(row, "VLEN"); !vlen.empty()) {
      std::optional<uint32_t> bits = number<uint32_t>(vlen);
      if (!bits || *bits == 0)
        return fail("VLEN", "a number of bits, or nothing");
      out.vlenBits = *bits;
    }
    return out;
  }

  const std::string &name;
  std::map<std::string, size_t, std::less<>> columns;
};

Result<std::vector<Measurement>> readBytes(const unsigned char *data, size_t size, const std::string &name) {
  Result<std::string> text = inflated(data, size, name);
  if (!text)
    return text.error();
  return Reader(name).read(*text);
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
