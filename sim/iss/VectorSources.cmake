# The vector instructions of weft_iss that are not floating point.
target_sources(weft_iss PRIVATE VectorArithmetic.cpp VectorConfig.cpp VectorElementwise.cpp VectorInteger.cpp VectorLoops.cpp
  VectorMask.cpp VectorMemory.cpp VectorPermutation.cpp VectorWidth.cpp)
weft_vector_sources(weft_iss VectorLoopsArithmetic.cpp VectorLoopsFixed.cpp VectorLoopsWiden.cpp)
