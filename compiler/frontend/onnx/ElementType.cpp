#include "compiler/frontend/onnx/ElementType.h"

namespace weft::frontend::onnx {
namespace {

enum class Class { None, Float, SmallFloat, Signed, Unsigned, Bool };

struct Facts {
  ElementType type;
  const char *name;
  unsigned bits; // 0: not computed with
  Class kind;
};

constexpr Facts table[] = {
    {ElementType::Float, "float32", 32, Class::Float},
    {ElementType::UInt8, "uint8", 8, Class::Unsigned},
    {ElementType::Int8, "int8", 8, Class::Signed},
    {ElementType::UInt16, "uint16", 16, Class::Unsigned},
    {ElementType::Int16, "int16", 16, Class::Signed},
    {ElementType::Int32, "int32", 32, Class::Signed},
    {ElementType::Int64, "int64", 64, Class::Signed},
    {ElementType::String, "string", 0, Class::None},
    {ElementType::Bool, "bool", 8, Class::Bool},
    {ElementType::Float16, "float16", 16, Class::Float},
    {ElementType::Double, "float64", 64, Class::Float},
    {ElementType::UInt32, "uint32", 32, Class::Unsigned},
    {ElementType::UInt64, "uint64", 64, Class::Unsigned},
    {ElementType::Complex64, "complex64", 0, Class::None},
    {ElementType::Complex128, "complex128", 0, Class::None},
    {ElementType::BFloat16, "bfloat16", 16, Class::Float},
    {ElementType::Float8E4M3FN, "float8e4m3fn", 8, Class::SmallFloat},
    {ElementType::Float8E4M3FNUZ, "float8e4m3fnuz", 8, Class::SmallFloat},
    {ElementType::Float8E5M2, "float8e5m2", 8, Class::SmallFloat},
    {ElementType::Float8E5M2FNUZ, "float8e5m2fnuz", 8, Class::SmallFloat},
    {ElementType::UInt4, "uint4", 4, Class::Unsigned},
    {ElementType::Int4, "int4", 4, Class::Signed},
    {ElementType::Float4E2M1, "float4e2m1", 4, Class::SmallFloat},
    {ElementType::Float8E8M0, "float8e8m0", 8, Class::SmallFloat},
    {ElementType::UInt2, "uint2", 2, Class::Unsigned},
    {ElementType::Int2, "int2", 2, Class::Signed},
};

const Facts *factsOf(ElementType type) {
  for (const Facts &facts : table)
    if (facts.type == type)
      return &facts;
  return nullptr;
}

Class classOf(ElementType type) {
  const Facts *facts = factsOf(type);
  return facts ? facts->kind : Class::None;
}

} // namespace

std::string nameOf(ElementType type) {
  const Facts *facts = factsOf(type);
  return facts ? facts->name : "type " + std::to_string(static_cast<int32_t>(type));
}

unsigned storedBits(ElementType type) {
  const Facts *facts = factsOf(type);
  return facts ? facts->bits : 0;
}

bool isFloat(ElementType type) { return classOf(type) == Class::Float; }
bool isInteger(ElementType type) { return classOf(type) == Class::Signed || isUnsigned(type); }
bool isUnsigned(ElementType type) { return classOf(type) == Class::Unsigned; }
bool isSmallFloat(ElementType type) { return classOf(type) == Class::SmallFloat; }

} // namespace weft::frontend::onnx
