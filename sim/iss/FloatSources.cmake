# The scalar and vector floating-point instructions of weft_iss.
target_sources(weft_iss PRIVATE Float.cpp FloatSoft.cpp FloatSoftCompare.cpp FloatSoftConvert.cpp ScalarFloat.cpp
  ScalarFloatConvert.cpp ScalarFloatMove.cpp VectorFloat.cpp VectorFloatLoops.cpp VectorFloatMove.cpp
  VectorFloatShapes.cpp VectorFloatSoft.cpp VectorFloatWidth.cpp)
weft_vector_sources(weft_iss VectorFloatLoopsArithmetic.cpp VectorFloatLoopsConvert.cpp VectorFloatLoopsFused.cpp)
