# One translation unit per instruction set: only these files get more than the baseline's flags.
# Each defines nothing but internal-linkage code and one table, so no symbol compiled for a newer CPU can be
# merged by the linker into code that runs on an older one. Files of another architecture compile to nothing.
function(nearvote_isa_flags file)
  set_source_files_properties(native/core/${file} PROPERTIES COMPILE_OPTIONS "${ARGN}")
endfunction()

if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  # gcc 12 warns inside its own AVX-512 headers (bug 105593).
  set(NEARVOTE_AVX512 -mavx512f -mavx512bw -mavx512vl -mprefer-vector-width=512 -Wno-uninitialized
                      -Wno-maybe-uninitialized)
  nearvote_isa_flags(votes/plane_kernels_avx2.cpp -mavx2 -mpopcnt)
  nearvote_isa_flags(votes/plane_kernels_avx512.cpp ${NEARVOTE_AVX512} -mavx512vpopcntdq)
  nearvote_isa_flags(simd/avx2.cpp -mavx2 -mfma)
  nearvote_isa_flags(simd/avx512.cpp ${NEARVOTE_AVX512} -mavx512dq -mfma)
  nearvote_isa_flags(simd/avx512_vnni.cpp ${NEARVOTE_AVX512} -mavx512dq -mavx512vnni -mfma)
  nearvote_isa_flags(simd/amx.cpp ${NEARVOTE_AVX512} -mavx512dq -mfma -mamx-tile -mamx-bf16 -mamx-int8)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
  nearvote_isa_flags(simd/neon_dot.cpp -march=armv8.2-a+dotprod)
endif()

if(NEARVOTE_TESTS AND NOT CMAKE_JS_VERSION AND NOT NEARVOTE_SANITIZE AND CMAKE_NM
   AND CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  add_test(NAME isa_symbols COMMAND ${CMAKE_COMMAND} -DNM=${CMAKE_NM} "-DOBJECTS=$<TARGET_OBJECTS:nearvote_core>"
           -P ${CMAKE_CURRENT_SOURCE_DIR}/native/core/tests/check_isa_symbols.cmake)
endif()
