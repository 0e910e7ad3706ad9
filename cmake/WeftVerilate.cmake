# How SystemVerilog becomes C++: `weft_verilate`, and the libraries `weft_verilated` and `weft_systemc`.
find_program(WEFT_VERILATOR verilator REQUIRED)
find_path(WEFT_VERILATED_INCLUDE verilated.h HINTS /usr/share/verilator/include REQUIRED)
find_path(WEFT_SYSTEMC_INCLUDE systemc REQUIRED)
find_library(WEFT_SYSTEMC_LIBRARY systemc REQUIRED)

# Verilator's runtime, for models with and without coverage and waveforms.
add_library(weft_verilated STATIC ${WEFT_VERILATED_INCLUDE}/verilated.cpp ${WEFT_VERILATED_INCLUDE}/verilated_cov.cpp
  ${WEFT_VERILATED_INCLUDE}/verilated_fst_c.cpp ${WEFT_VERILATED_INCLUDE}/verilated_threads.cpp)
target_include_directories(weft_verilated SYSTEM PUBLIC ${WEFT_VERILATED_INCLUDE} ${WEFT_VERILATED_INCLUDE}/vltstd)
target_compile_options(weft_verilated PRIVATE -w)
target_link_libraries(weft_verilated PUBLIC ZLIB::ZLIB Threads::Threads)

# Debian's SystemC is built as C++17 and checks that its users are; it works with C++20 all the same.
add_library(weft_systemc INTERFACE)
target_include_directories(weft_systemc SYSTEM INTERFACE ${WEFT_SYSTEMC_INCLUDE})
target_compile_definitions(weft_systemc INTERFACE SC_CPLUSPLUS=201703L)
target_link_libraries(weft_systemc INTERFACE ${WEFT_SYSTEMC_LIBRARY} Threads::Threads)

# weft_verilate(NAME TOP MODULE SOURCES FILES... [PARAMETERS NAME=VALUE...] [COVERAGE] [TRACE] [DEPENDS ...] [OPTIONS ...]): a static
# library NAME with a Verilated model, class V<NAME> of header "V<NAME>.h" and, whatever the variant, the same ports.
# Assertions are on; bits that a reset does not set start as +verilator+seed+N and +verilator+rand+reset+2 say. A
# package comes before the modules that use it. The model is one translation unit: verilating makes many small files
# whose number changes with the source, and their headers cost more than they do.
#   COVERAGE  counts lines and branches
#   TOGGLE    counts toggles of every bit (slow to build and to run)
#   TRACE     can write an FST waveform
function(weft_verilate name)
  cmake_parse_arguments(arg "COVERAGE;TOGGLE;TRACE" "TOP" "SOURCES;PARAMETERS;DEPENDS;OPTIONS" ${ARGN})
  set(folder ${CMAKE_CURRENT_BINARY_DIR}/verilated/${name})
  set(options ${arg_OPTIONS})
  if(arg_COVERAGE)
    list(APPEND options --coverage-line --coverage-user)
  endif()
  if(arg_TOGGLE)
    list(APPEND options --coverage-toggle)
  endif()
  if(arg_TRACE)
    list(APPEND options --trace-fst)
  endif()
  list(TRANSFORM arg_PARAMETERS PREPEND -G)
  add_custom_command(OUTPUT ${folder}/V${name}.all.cpp
    COMMAND ${CMAKE_COMMAND} -E rm -rf ${folder} # files of an earlier model would be joined, too
    COMMAND ${CMAKE_COMMAND} -E make_directory ${folder}
    COMMAND ${WEFT_VERILATOR} --cc -Wall --assert -O3 --x-assign unique --x-initial unique ${options} ${arg_PARAMETERS}
            --top-module ${arg_TOP} --prefix V${name} --Mdir ${folder} ${arg_SOURCES}
    COMMAND ${CMAKE_COMMAND} -DFOLDER=${folder} -DPREFIX=V${name} -P ${CMAKE_SOURCE_DIR}/cmake/JoinVerilated.cmake
    WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}
    DEPENDS ${arg_SOURCES} ${arg_DEPENDS} ${CMAKE_SOURCE_DIR}/cmake/JoinVerilated.cmake VERBATIM
    COMMENT "Verilating ${arg_TOP} as ${name}")
  add_library(${name} STATIC ${folder}/V${name}.all.cpp)
  target_include_directories(${name} SYSTEM PUBLIC ${folder})
  target_compile_definitions(${name} PRIVATE VM_COVERAGE=$<OR:$<BOOL:${arg_COVERAGE}>,$<BOOL:${arg_TOGGLE}>> VM_TRACE=$<BOOL:${arg_TRACE}>
    VM_TRACE_FST=$<BOOL:${arg_TRACE}>)
  # Generated code that we cannot mend: sanitizers would only make its compilation take minutes.
  target_compile_options(${name} PRIVATE -w -O1 -fno-sanitize=all)
  target_link_libraries(${name} PUBLIC weft_verilated)
endfunction()
