#include "compiler/frontend/onnx/Tensors.h"

#include "compiler/frontend/onnx/Reader.h"
#include "runtime/support/MappedFile.h"

#include <bit>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fmt/format.h>
#include <fmt/ranges.h>

static_assert(std::endian::native == std::endian::little, "tensors are taken as they lie in the file");

namespace weft::frontend::onnx {
namespace {

/// The product of `shape`, if it is sane: no negative size, and fewer than 2^48 elements.
std::optional<uint64_t> countElements(const std::vector<int64_t> &shape) {
  uint64_t count = 1;
  bool empty = false;
  for (int64_t size : shape) {
    if (size < 0)
      return std::nullopt;
    if (size == 0)
      empty = true;
    else if (static_cast<uint64_t>(size) > (uint64_t(1) << 48) / count)
      return std::nullopt;
    else
      count *= static_cast<uint64_t>(size);
  }
  return empty ? 0 : count;
}

template <typename To, typename Values> void appendAs(std::vector<std::byte> &out, const Values &values) {
  size_t at = out.size();
  out.resize(at + sizeof(To) * static_cast<size_t>(values.size()));
  for (auto value : values) {
    auto narrow = static_cast<To>(value);
    std::memcpy(out.data() + at, &narrow, sizeof(To));
    at += sizeof(To);
  }
}

/// The typed fields of a tensor as the bytes that raw_data would have.
std::vector<std::byte> fromTypedFields(const ::onnx::TensorProto &proto, ElementType type) {
  std::vector<std::byte> bytes;
  switch (type) {
  case ElementType::Float:
    appendAs<float>(bytes, proto.float_data());
    break;
  case ElementType::Double:
    appendAs<double>(bytes, proto.double_data());
    break;
  case ElementType::Int64:
    appendAs<int64_t>(bytes, proto.int64_data());
    break;
  case ElementType::UInt64:
    appendAs<uint64_t>(bytes, proto.uint64_data());
    break;
  case ElementType::UInt32:
    appendAs<uint32_t>(bytes, proto.uint64_data());
    break;
  case ElementType::Int32:
    appendAs<int32_t>(bytes, proto.int32_data());
    break;
  case ElementType::Int16:
  case ElementType::UInt16:
  case ElementType::Float16:
  case ElementType::BFloat16:
    appendAs<uint16_t>(bytes, proto.int32_data());
    break;
  default: // a byte each; of types below a byte the packed ones
    appendAs<uint8_t>(bytes, proto.int32_data());
  }
  return bytes;
}

std::optional<uint64_t> parseNumber(const std::string &text) {
  uint64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

} // namespace

uint64_t packedBytes(ElementType type, uint64_t elements) { return (elements * storedBits(type) + 7) / 8; }

std::vector<std::byte> unpackBelowByte(std::span<const std::byte> packed, ElementType type, uint64_t elements) {
  const unsigned bits = storedBits(type), perByte = 8 / bits;
  const bool isSigned = type == ElementType::Int4 || type == ElementType::Int2;
  std::vector<std::byte> out(elements);
  for (uint64_t i = 0; i < elements; ++i) {
    unsigned code = std::to_integer<unsigned>(packed[i / perByte]) >> (bits * (i % perByte)) & ((1u << bits) - 1);
    if (isSigned && code >> (bits - 1))
      code |= ~0u << bits;
    out[i] = static_cast<std::byte>(code);
  }
  return out;
}

int64_t TensorData::elements() const {
  int64_t count = 1;
  for (int64_t size : shape)
    count *= size;
  return count;
}

Result<TensorData> TensorReader::read(const ::onnx::TensorProto &proto, std::optional<Bytes> where,
                                      const std::string &what) {
  TensorData tensor;
  tensor.name = proto.name();
  tensor.type = static_cast<ElementType>(proto.data_type());
  tensor.shape.assign(proto.dims().begin(), proto.dims().end());
  if (storedBits(tensor.type) == 0)
    return userError(
        fmt::format("{}: {} has elements of {}, which cannot be computed with", model.path, what, nameOf(tensor.type)));
  std::optional<uint64_t> elements = countElements(tensor.shape);
  if (!elements || tensor.shape.size() > 64)
    return userError(fmt::format("{}: {} has the shape [{}], which no tensor can have", model.path, what,
                                 fmt::join(tensor.shape, ", ")));
  if (proto.has_segment())
    return userError(
        fmt::format("{}: {} is stored in segments, which ONNX no longer uses; save the model again", model.path, what));
  const uint64_t bytes = packedBytes(tensor.type, *elements);
  auto wrongSize = [&](uint64_t found) {
    return userError(fmt::format("{}: {} has {} bytes, but {} [{}] takes {}", model.path, what, found,
                                 nameOf(tensor.type), fmt::join(tensor.shape, ", "), bytes));
  };
  if (proto.data_location() == ::onnx::TensorProto::EXTERNAL) {
    if (Result<void> external = readExternal(proto, bytes, tensor, what); !external)
      return external.takeError();
    return tensor.range ? entered(std::move(tensor), what) : std::move(tensor);
  }
  if (where) {
    if (where->size != bytes)
      return wrongSize(where->size);
    tensor.range = FileRange{0, where->offset, bytes};
    return entered(std::move(tensor), what);
  }
  if (proto.has_raw_data()) {
    auto raw = std::as_bytes(std::span(proto.raw_data()));
    tensor.bytes.assign(raw.begin(), raw.end());
  } else {
    tensor.bytes = fromTypedFields(proto, tensor.type);
  }
  if (tensor.bytes.size() != bytes)
    return wrongSize(tensor.bytes.size());
  if (storedBits(tensor.type) < 8)
    tensor.bytes = unpackBelowByte(tensor.bytes, tensor.type, *elements);
  return tensor;
}

TensorData TensorReader::entered(TensorData tensor, const std::string &what) {
  const std::string name = tensor.name.empty() ? what : tensor.name;
  tensor.weight = name;
  for (int i = 2; model.weights.contains(tensor.weight); ++i)
    tensor.weight = fmt::format("{} ({})", name, i);
  return model.weights[tensor.weight] = std::move(tensor);
}

bool staysBelow(const std::string &path) {
  const std::filesystem::path relative = std::filesystem::path(path).lexically_normal();
  return !path.empty() && path.find('\0') == std::string::npos && !relative.is_absolute() && *relative.begin() != "..";
}

Result<uint32_t> TensorReader::fileIndex(const std::string &location, const std::string &what) {
  namespace fs = std::filesystem;
  const fs::path relative = fs::path(location).lexically_normal();
  if (!staysBelow(location))
    return userError(fmt::format("{}: {} lies in '{}'; external data must lie below the model's own folder", model.path,
                                 what, location));
  std::string full = (fs::path(model.path).parent_path() / relative).string();
  for (uint32_t i = 1; i < model.files.size(); ++i)
    if (model.files[i] == full)
      return i;
  std::error_code ignored;
  if (!fs::is_regular_file(full, ignored))
    return userError(fmt::format("{}: {} lies in '{}', which is no file; put the model's external data beside it",
                                 model.path, what, full));
  model.files.push_back(full);
  return static_cast<uint32_t>(model.files.size() - 1);
}

Result<void> TensorReader::readExternal(const ::onnx::TensorProto &proto, uint64_t bytes, TensorData &tensor,
                                        const std::string &what) {
  std::string location;
  uint64_t offset = 0, length = bytes;
  for (const auto &entry : proto.external_data()) {
    std::optional<uint64_t> number = parseNumber(entry.value());
    if (entry.key() == "location")
      location = entry.value();
    else if (entry.key() == "offset" && number)
      offset = *number;
    else if (entry.key() == "length" && number)
      length = *number;
    else if (entry.key() == "offset" || entry.key() == "length")
      return userError(fmt::format("{}: {} has the external {} '{}', which is no number", model.path, what, entry.key(),
                                   entry.value()));
  }
  if (length != bytes)
    return userError(fmt::format("{}: {} has {} bytes of external data, but {} [{}] takes {}", model.path, what, length,
                                 nameOf(tensor.type), fmt::join(tensor.shape, ", "), bytes));
  Result<uint32_t> file = fileIndex(location, what);
  if (!file)
    return file.takeError();
  std::error_code failed;
  uint64_t size = std::filesystem::file_size(model.files[*file], failed);
  if (failed || offset > size || bytes > size - offset)
    return userError(fmt::format("{}: the {} bytes of {} begin at byte {} of '{}', which has {}", model.path, bytes,
                                 what, offset, model.files[*file], failed ? 0 : size));
  tensor.range = FileRange{*file, offset, bytes};
  if (bytes > largestInline)
    return success();
  Result<runtime::MappedFile> mapped = runtime::MappedFile::open(model.files[*file]);
  if (!mapped)
    return mapped.takeError();
  if (offset > mapped->bytes().size() || bytes > mapped->bytes().size() - offset)
    return userError(fmt::format("'{}' became shorter while it was read", model.files[*file]));
  auto content = mapped->bytes().subspan(offset, bytes);
  tensor.bytes.assign(content.begin(), content.end());
  if (storedBits(tensor.type) < 8)
    tensor.bytes = unpackBelowByte(tensor.bytes, tensor.type, static_cast<uint64_t>(tensor.elements()));
  tensor.range.reset();
  return success();
}

} // namespace weft::frontend::onnx
