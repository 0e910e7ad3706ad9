// The element types of ONNX, by their number in a file. The newest have no name in Debian's protobuf classes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace weft::frontend::onnx {

enum class ElementType : int32_t {
  Undefined = 0,
  Float = 1,
  UInt8 = 2,
  Int8 = 3,
  UInt16 = 4,
  Int16 = 5,
  Int32 = 6,
  Int64 = 7,
  String = 8,
  Bool = 9,
  Float16 = 10,
  Double = 11,
  UInt32 = 12,
  UInt64 = 13,
  Complex64 = 14,
  Complex128 = 15,
  BFloat16 = 16,
  Float8E4M3FN = 17,
  Float8E4M3FNUZ = 18,
  Float8E5M2 = 19,
  Float8E5M2FNUZ = 20,
  UInt4 = 21,
  Int4 = 22,
  Float4E2M1 = 23,
  Float8E8M0 = 24,
  UInt2 = 25,
  Int2 = 26,
};

/// As NumPy and ml_dtypes call it: "float32", "int4", "float8_e4m3fn", …; of a number that is no type: "type 99".
std::string nameOf(ElementType type);

/// Bits of an element in a file; 0: the type is unknown, or cannot be computed with (strings, complex numbers).
unsigned storedBits(ElementType type);

/// Bytes of an element in memory: those of a file, but at least one.
inline unsigned storageBytes(ElementType type) { return (storedBits(type) + 7) / 8; }

/// float32, float64, float16 and bfloat16: what is computed with as it is.
bool isFloat(ElementType type);
/// Integers of any width, those below a byte too; not bool.
bool isInteger(ElementType type);
bool isUnsigned(ElementType type);
/// The float types of eight and four bits, which are stored as codes.
bool isSmallFloat(ElementType type);

} // namespace weft::frontend::onnx
