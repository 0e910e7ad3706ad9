#include "compiler/frontend/onnx/Wire.h"

#include <fmt/format.h>
#include <functional>
#include <optional>
#include <vector>

namespace weft::frontend::onnx {
namespace {

// Field numbers of onnx.proto.
constexpr uint32_t modelGraph = 7, graphNode = 1, graphInitializer = 5, nodeAttribute = 5, attributeTensor = 5;
constexpr uint32_t tensorFloatData = 4, tensorRawData = 9, tensorDoubleData = 10;
constexpr uint32_t lengthDelimited = 2;

/// One field of a message: its bytes with and without the tag and length.
struct Field {
  uint32_t number = 0, wireType = 0;
  Bytes all, content;
};

class Reader {
public:
  Reader(std::span<const std::byte> file, Bytes message)
      : file(file), position(message.offset), end(message.offset + message.size) {}

  bool done() const { return position == end; }

  /// Nothing: the bytes are no field.
  std::optional<Field> next() {
    Field field;
    field.all.offset = position;
    std::optional<uint64_t> tag = varint(), length;
    if (!tag || *tag > UINT32_MAX || *tag >> 3 == 0)
      return std::nullopt;
    field.number = static_cast<uint32_t>(*tag >> 3);
    field.wireType = static_cast<uint32_t>(*tag & 7);
    switch (field.wireType) {
    case 0:
      field.content.offset = position;
      length = varint() ? std::optional<uint64_t>(0) : std::nullopt; // the varint itself is passed already
      break;
    case 1:
      length = 8;
      break;
    case lengthDelimited:
      length = varint();
      break;
    case 5:
      length = 4;
      break;
    default: // groups are not in onnx.proto
      return std::nullopt;
    }
    if (!length || *length > end - position)
      return std::nullopt;
    if (field.wireType != 0)
      field.content = {position, *length};
    position += *length;
    field.all.size = position - field.all.offset;
    return field;
  }

private:
  std::optional<uint64_t> varint() {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && position < end; shift += 7) {
      auto byte = std::to_integer<uint8_t>(file[position++]);
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80)
        return value;
    }
    return std::nullopt;
  }

  std::span<const std::byte> file;
  uint64_t position, end;
};

void appendVarint(std::string &out, uint64_t value) {
  for (; value >= 0x80; value >>= 7)
    out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
}

class Stripper {
public:
  Stripper(std::span<const std::byte> file, uint64_t largest) : file(file), largest(largest) {}

  bool model(Bytes message) {
    return rewrite(message, stripped.message, [&](const Field &field, std::string &out) {
      // However small: a second graph field is merged into the first, so that its tensors count.
      return field.number == modelGraph ? nested(
                                              field, out, [&](Bytes b, std::string &o) { return graph(b, o); }, 0)
                                        : keep(field, out);
    });
  }

  Stripped stripped;

private:
  using Rewrite = std::function<bool(const Field &, std::string &)>;

  bool rewrite(Bytes message, std::string &out, const Rewrite &change) {
    for (Reader reader(file, message); !reader.done();) {
      std::optional<Field> field = reader.next();
      if (!field || !change(*field, out))
        return false;
    }
    return true;
  }

  bool keep(const Field &field, std::string &out) {
    out.append(reinterpret_cast<const char *>(file.data()) + field.all.offset, field.all.size);
    return true;
  }

  bool nested(const Field &field, std::string &out, const std::function<bool(Bytes, std::string &)> &inner) {
    return nested(field, out, inner, largest);
  }

  bool nested(const Field &field, std::string &out, const std::function<bool(Bytes, std::string &)> &inner,
              uint64_t small) {
    if (field.wireType != lengthDelimited)
      return keep(field, out);
    if (field.content.size <= small) // nothing large can be in it
      return keep(field, out);
    std::string content;
    if (!inner(field.content, content))
      return false;
    appendVarint(out, static_cast<uint64_t>(field.number) << 3 | lengthDelimited);
    appendVarint(out, content.size());
    out += content;
    return true;
  }

  // A second graph field is merged into the first, so the counts go on.
  bool graph(Bytes message, std::string &out) {
    return rewrite(message, out, [&](const Field &field, std::string &o) {
      if (field.number == graphInitializer) {
        size_t index = initializers++;
        return nested(field, o, [&](Bytes b, std::string &inner) {
          return tensor(b, inner, [&](Bytes where) { stripped.initializers[index] = where; });
        });
      }
      if (field.number == graphNode) {
        size_t index = nodes++;
        return nested(field, o, [&](Bytes b, std::string &inner) { return node(index, b, inner); });
      }
      return keep(field, o);
    });
  }

  bool node(size_t index, Bytes message, std::string &out) {
    size_t attributes = 0;
    return rewrite(message, out, [&](const Field &field, std::string &o) {
      if (field.number != nodeAttribute)
        return keep(field, o);
      size_t attribute = attributes++;
      return nested(field, o, [&](Bytes b, std::string &inner) {
        return rewrite(b, inner, [&](const Field &part, std::string &i) {
          if (part.number != attributeTensor)
            return keep(part, i);
          return nested(part, i, [&](Bytes t, std::string &last) {
            return tensor(t, last, [&](Bytes where) { stripped.nodeAttributes[{index, attribute}] = where; });
          });
        });
      });
    });
  }

  bool tensor(Bytes message, std::string &out, const std::function<void(Bytes)> &found) {
    return rewrite(message, out, [&](const Field &field, std::string &o) {
      bool data = field.number == tensorRawData || field.number == tensorFloatData || field.number == tensorDoubleData;
      if (!data || field.wireType != lengthDelimited || field.content.size <= largest)
        return keep(field, o);
      found(field.content);
      return true;
    });
  }

  std::span<const std::byte> file;
  uint64_t largest;
  size_t initializers = 0, nodes = 0;
};

} // namespace

Result<Stripped> stripLargeTensors(std::span<const std::byte> file, uint64_t largest, const std::string &origin) {
  Stripper stripper(file, largest);
  if (!stripper.model({0, file.size()}))
    return userError(fmt::format("{}: not an ONNX model: its protobuf message is damaged or cut off", origin));
  return std::move(stripper.stripped);
}

} // namespace weft::frontend::onnx
