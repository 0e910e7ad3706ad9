# How Weft's targets are declared: `weft_library`, `weft_mlir_library`, `weft_unit_test`.

find_program(WEFT_MOLD mold)
if(WEFT_MOLD)
  add_link_options(-fuse-ld=mold)
endif()

add_library(weft_flags INTERFACE)
target_include_directories(weft_flags INTERFACE ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR})
target_compile_options(weft_flags INTERFACE -Wall -Wextra -Wno-unused-parameter)
if(WEFT_SANITIZE)
  add_compile_options(-fsanitize=address,undefined -fno-omit-frame-pointer -g1)
  add_link_options(-fsanitize=address,undefined)
endif()

# The two shared libraries and nothing else: naming a component target would link the static archives.
add_library(weft_mlir INTERFACE)
target_include_directories(weft_mlir SYSTEM INTERFACE ${LLVM_INCLUDE_DIRS} ${MLIR_INCLUDE_DIRS})
target_link_libraries(weft_mlir INTERFACE MLIR LLVM weft_flags)
include_directories(SYSTEM ${MLIR_INCLUDE_DIRS}) # read by mlir_tablegen()
include_directories(${CMAKE_SOURCE_DIR})

# weft_library(NAME SOURCES... LINK LIBS...): a plain C++ library. It must not see MLIR.
function(weft_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;LINK" ${ARGN})
  add_library(${name} STATIC ${arg_SOURCES})
  target_link_libraries(${name} PUBLIC weft_flags ${arg_LINK})
endfunction()

# weft_mlir_library(NAME SOURCES... LINK LIBS...): a library above the MLIR line. All of them share one
# precompiled header, which is what makes MLIR translation units bearable on two cores.
function(weft_mlir_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;LINK;DEPENDS" ${ARGN})
  add_library(${name} STATIC ${arg_SOURCES})
  target_link_libraries(${name} PUBLIC weft_mlir ${arg_LINK})
  if(arg_DEPENDS)
    add_dependencies(${name} ${arg_DEPENDS})
  endif()
  target_precompile_headers(${name} REUSE_FROM weft_mlir_pch)
endfunction()

file(WRITE ${CMAKE_BINARY_DIR}/weft_mlir_pch.cpp "")
add_library(weft_mlir_pch STATIC ${CMAKE_BINARY_DIR}/weft_mlir_pch.cpp)
target_link_libraries(weft_mlir_pch PUBLIC weft_mlir)
target_precompile_headers(weft_mlir_pch PUBLIC ${CMAKE_SOURCE_DIR}/cmake/mlir_pch.h)

# weft_unit_test(NAME SOURCES... LINK LIBS... [LABELS ...] [ARGS ...]): a Catch2 program, one CTest entry that runs it with ARGS.
function(weft_unit_test name)
  cmake_parse_arguments(arg "" "" "SOURCES;LINK;LABELS;ARGS" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE weft_catch_main ${arg_LINK})
  target_compile_definitions(${name} PRIVATE WEFT_SOURCE_DIR="${CMAKE_SOURCE_DIR}" WEFT_BINARY_DIR="${CMAKE_BINARY_DIR}")
  add_test(NAME ${name} COMMAND ${name} ${arg_ARGS})
  if(arg_LABELS)
    set_tests_properties(${name} PROPERTIES LABELS "${arg_LABELS}")
  endif()
endfunction()

# weft_vector_sources(LIBRARY FILES...): adds files that hold loops over many elements to LIBRARY. Each is compiled once
# for the baseline of the architecture and, on x86-64, once more for x86-64-v3 (AVX2); the macro WEFT_VECTOR_TARGET is the
# namespace in which a file puts what it defines. What the library runs is chosen when it runs (sim/iss/VectorTarget.h).
# Such a file includes only headers that define no inline function: the linker keeps one copy of those, maybe the wrong
# one. Multiplications and additions are never fused behind the program's back.
function(weft_vector_sources library)
  set(targets baseline)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64)$")
    list(APPEND targets v3)
  endif()
  foreach(target ${targets})
    set(objects ${library}_${target})
    if(TARGET ${objects})
      target_sources(${objects} PRIVATE ${ARGN})
      continue()
    endif()
    add_library(${objects} OBJECT ${ARGN})
    target_link_libraries(${objects} PRIVATE weft_flags)
    target_compile_definitions(${objects} PRIVATE WEFT_VECTOR_TARGET=${target})
    target_compile_options(${objects} PRIVATE -ffp-contract=off $<$<CXX_COMPILER_ID:Clang>:-Wno-pass-failed>)
    if(target STREQUAL v3)
      target_compile_options(${objects} PRIVATE -march=x86-64-v3)
    endif()
    target_sources(${library} PRIVATE $<TARGET_OBJECTS:${objects}>)
  endforeach()
endfunction()

# weft_riscv_program(NAME SOURCES... [MARCH ...] [OPTIONS ...]): a static bare-metal RISC-V program from C or assembly at
# ${CMAKE_CURRENT_BINARY_DIR}/NAME.elf, for tests and examples. The compilers that Weft is built with are enough.
find_program(WEFT_CLANG NAMES clang-19 clang REQUIRED)
find_program(WEFT_LD_LLD NAMES ld.lld-19 ld.lld REQUIRED)
function(weft_riscv_program name)
  cmake_parse_arguments(arg "" "MARCH" "SOURCES;OPTIONS" ${ARGN})
  if(NOT arg_MARCH)
    set(arg_MARCH rv64gcv)
  endif()
  set(output ${CMAKE_CURRENT_BINARY_DIR}/${name}.elf)
  add_custom_command(OUTPUT ${output}
    COMMAND ${WEFT_CLANG} --target=riscv64-unknown-elf -march=${arg_MARCH} -mabi=lp64d -O2 -ffreestanding -nostdlib -static
            -fuse-ld=${WEFT_LD_LLD} -Wl,--build-id=none ${arg_OPTIONS} -o ${output} ${arg_SOURCES}
    WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR} DEPENDS ${arg_SOURCES} VERBATIM)
  add_custom_target(${name} DEPENDS ${output})
endfunction()
