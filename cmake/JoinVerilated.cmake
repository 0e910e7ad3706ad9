# cmake -DFOLDER=... -DPREFIX=... -P: joins the C++ that Verilator wrote into one file that includes them.
file(GLOB sources RELATIVE ${FOLDER} ${FOLDER}/${PREFIX}*.cpp)
list(REMOVE_ITEM sources ${PREFIX}.all.cpp)
list(SORT sources)
set(text "")
foreach(source ${sources})
  string(APPEND text "#include \"${source}\"\n")
endforeach()
file(WRITE ${FOLDER}/${PREFIX}.all.cpp "${text}")
