# One translation unit per instruction set: only these files get more than the baseline's flags.
# Each defines nothing but internal-linkage code and one table, so no symbol compiled for a newer CPU can be
# merged by the linker into code that runs on an older one.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  set_source_files_properties(native/core/votes/plane_kernels_avx2.cpp PROPERTIES COMPILE_OPTIONS "-mavx2;-mpopcnt")
  set_source_files_properties(native/core/votes/plane_kernels_avx512.cpp PROPERTIES COMPILE_OPTIONS
    "-mavx512f;-mavx512bw;-mavx512vl;-mavx512vpopcntdq;-mprefer-vector-width=512;-Wno-uninitialized;-Wno-maybe-uninitialized")  # GCC 12 warns inside its own headers (bug 105593)
endif()
