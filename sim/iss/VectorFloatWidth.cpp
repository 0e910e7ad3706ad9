// Vector floating-point conversions, and arithmetic whose result is wider than an operand.
#include "sim/iss/VectorFloat.h"
#include "sim/iss/VectorFloatShapes.h"

namespace weft::iss {

namespace {

using Kind = VectorFloatKind;

constexpr FloatShape toInteger{sewInteger, sewFloat, noElement}, fromInteger{sewFloat, sewInteger, noElement},
    widenToInteger{wideInteger, sewFloat, noElement}, widenFromInteger{wideFloat, sewInteger, noElement},
    narrowToInteger{sewInteger, wideFloat, noElement}, narrowFromInteger{sewFloat, wideInteger, noElement},
    widenFloat{wideFloat, sewFloat, noElement, false, true}, narrowFloat{sewFloat, wideFloat, noElement, false, true},
    narrowFloatToOdd{sewFloat, wideFloat, noElement}, widenBFloat{wideFloat, sewBFloat, noElement},
    narrowBFloat{sewBFloat, wideFloat, noElement};

constexpr FloatShape widening{wideFloat, sewFloat, sewFloat}, wideSecond{wideFloat, wideFloat, sewFloat},
    accumulating{wideFloat, sewFloat, sewFloat, true}, accumulatingBFloat{wideFloat, sewBFloat, sewBFloat, true};

#define WEFT_ROW(opcode, ...)                                                                                          \
  case Opcode::opcode:                                                                                                 \
    return __VA_ARGS__;
#define WEFT_INTEGERS(name, suffix, prefix, toShape, fromShape)                                                        \
  WEFT_ROW(name##_XU_F_##suffix, executeFloat<Kind::prefix##ToUnsigned, toShape>)                                      \
  WEFT_ROW(name##_X_F_##suffix, executeFloat<Kind::prefix##ToSigned, toShape>)                                         \
  WEFT_ROW(name##_RTZ_XU_F_##suffix, executeFloat<Kind::prefix##TruncateToUnsigned, toShape>)                          \
  WEFT_ROW(name##_RTZ_X_F_##suffix, executeFloat<Kind::prefix##TruncateToSigned, toShape>)                             \
  WEFT_ROW(name##_F_XU_##suffix, executeFloat<Kind::prefix##FromUnsigned, fromShape>)                                  \
  WEFT_ROW(name##_F_X_##suffix, executeFloat<Kind::prefix##FromSigned, fromShape>)
#define WEFT_VV_VF(name, kind, shape)                                                                                  \
  WEFT_ROW(name##_VV, executeFloat<Kind::kind, shape>)                                                                 \
  WEFT_ROW(name##_VF, executeFloat<Kind::kind, shape, true>)
#define WEFT_WV_WF(name, kind)                                                                                         \
  WEFT_ROW(name##_WV, executeFloat<Kind::kind, wideSecond>)                                                            \
  WEFT_ROW(name##_WF, executeFloat<Kind::kind, wideSecond, true>)

} // namespace

Execute vectorFloatConvertExecutor(Opcode opcode) {
  switch (opcode) {
    WEFT_INTEGERS(VFCVT, V, , toInteger, fromInteger)
    WEFT_INTEGERS(VFWCVT, V, Widen, widenToInteger, widenFromInteger)
    WEFT_INTEGERS(VFNCVT, W, Narrow, narrowToInteger, narrowFromInteger)
    WEFT_ROW(VFWCVT_F_F_V, executeFloat<Kind::WidenFloat, widenFloat>)
    WEFT_ROW(VFNCVT_F_F_W, executeFloat<Kind::NarrowFloat, narrowFloat>)
    WEFT_ROW(VFNCVT_ROD_F_F_W, executeFloat<Kind::NarrowFloatToOdd, narrowFloatToOdd>)
    WEFT_ROW(VFWCVTBF16_F_F_V, executeFloat<Kind::WidenBFloat, widenBFloat>)
    WEFT_ROW(VFNCVTBF16_F_F_W, executeFloat<Kind::NarrowBFloat, narrowBFloat>)
  default:
    return nullptr;
  }
}

Execute vectorFloatWidenExecutor(Opcode opcode) {
  switch (opcode) {
    WEFT_VV_VF(VFWADD, WidenAdd, widening)
    WEFT_VV_VF(VFWSUB, WidenSubtract, widening)
    WEFT_WV_WF(VFWADD, WideAdd)
    WEFT_WV_WF(VFWSUB, WideSubtract)
    WEFT_VV_VF(VFWMUL, WidenMultiply, widening)
    WEFT_VV_VF(VFWMACC, WidenAccumulate, accumulating)
    WEFT_VV_VF(VFWNMACC, WidenNegatedAccumulate, accumulating)
    WEFT_VV_VF(VFWMSAC, WidenAccumulateSubtracted, accumulating)
    WEFT_VV_VF(VFWNMSAC, WidenNegatedAccumulateSubtracted, accumulating)
    WEFT_VV_VF(VFWMACCBF16, WidenAccumulateBFloat, accumulatingBFloat)
  default:
    return nullptr;
  }
}

} // namespace weft::iss
