# The CUDA backend, a library of its own that nothing links against, and its emulation for tests.
set(NEARVOTE_CUDA_KERNELS memory set sketch tensor_map vote_masks select_voters select_top_k decide_voters decide_top_k search
    pairwise api)

if(NEARVOTE_CUDA)
  # Machine code for every generation from Ampere on, and PTX for those to come.
  set(CMAKE_CUDA_ARCHITECTURES 80-real 86-real 89-real 90-real 100-real 120-real 80-virtual CACHE STRING "")
  enable_language(CUDA)
  # Some CMake releases do not know that nvcc speaks C++20.
  if(NOT CMAKE_CUDA20_STANDARD_COMPILE_OPTION)
    set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION -std=c++20)
  endif()
  list(TRANSFORM NEARVOTE_CUDA_KERNELS REPLACE "(.+)" "native/cuda/\\1.cu" OUTPUT_VARIABLE NEARVOTE_CUDA_SOURCES)
  # wgmma is an instruction of compute capability 9.0 alone.
  add_library(nearvote_cuda_wgmma OBJECT native/cuda/sketch_wgmma.cu)
  set_target_properties(nearvote_cuda_wgmma PROPERTIES CUDA_ARCHITECTURES 90a-real)
  add_library(nearvote_cuda MODULE ${NEARVOTE_CUDA_SOURCES} native/cuda/placement.cpp
                                   $<TARGET_OBJECTS:nearvote_cuda_wgmma>)
  set_target_properties(nearvote_cuda PROPERTIES OUTPUT_NAME nearvote-cuda PREFIX "" SUFFIX ".so")
  set_target_properties(nearvote_cuda nearvote_cuda_wgmma PROPERTIES CUDA_STANDARD 20 CUDA_EXTENSIONS OFF
                        CUDA_RUNTIME_LIBRARY Static CUDA_VISIBILITY_PRESET hidden)
  target_include_directories(nearvote_cuda PRIVATE native)
  target_include_directories(nearvote_cuda_wgmma PRIVATE native)
  # One export, and a C++ runtime of its own: the process that opens it may have brought another.
  target_link_options(nearvote_cuda PRIVATE -Wl,--version-script=${CMAKE_CURRENT_SOURCE_DIR}/native/cuda/exports.map
                                            -static-libstdc++ -static-libgcc)
  set_target_properties(nearvote_cuda PROPERTIES LINK_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/native/cuda/exports.map)
endif()

# The same kernel sources, lane by lane on the host: never shipped, only for tests.
if(NEARVOTE_TESTS AND NOT CMAKE_JS_VERSION AND NOT NEARVOTE_SANITIZE AND CMAKE_SYSTEM_NAME STREQUAL "Linux"
   AND CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  foreach(kernel ${NEARVOTE_CUDA_KERNELS} sketch_wgmma)
    file(CONFIGURE OUTPUT emulated/${kernel}.cpp CONTENT "#include \"cuda/${kernel}.cu\"\n")
    list(APPEND NEARVOTE_EMULATED_SOURCES ${CMAKE_CURRENT_BINARY_DIR}/emulated/${kernel}.cpp)
  endforeach()
  add_library(nearvote_cuda_emulated MODULE ${NEARVOTE_EMULATED_SOURCES} native/cuda/placement.cpp
                                            native/cuda/emulation/emulation.cpp native/cuda/emulation/hopper.cpp
                                            native/cuda/emulation/runtime.cpp)
  set_target_properties(nearvote_cuda_emulated PROPERTIES OUTPUT_NAME nearvote-cuda-emulated PREFIX "" SUFFIX ".so")
  target_compile_options(nearvote_cuda_emulated PRIVATE -Wall -Wextra -Wno-unknown-pragmas -ffp-contract=off)
  target_compile_definitions(nearvote_cuda_emulated PRIVATE NEARVOTE_EMULATED)
  target_include_directories(nearvote_cuda_emulated PRIVATE native)
endif()

# Drives a backend through its C ABI; says so and succeeds where there is no device.
if(NEARVOTE_TESTS AND NOT CMAKE_JS_VERSION AND CMAKE_SYSTEM_NAME STREQUAL "Linux")
  add_executable(cuda_self_test native/cuda/self_test.cpp)
  target_link_libraries(cuda_self_test PRIVATE nearvote_core ${CMAKE_DL_LIBS})
  target_compile_options(cuda_self_test PRIVATE -Wall -Wextra)
  add_executable(cuda_bench native/cuda/bench.cpp)
  target_include_directories(cuda_bench PRIVATE native)
  target_link_libraries(cuda_bench PRIVATE ${CMAKE_DL_LIBS})
  target_compile_options(cuda_bench PRIVATE -Wall -Wextra)
  if(TARGET nearvote_cuda_emulated)
    add_test(NAME cuda_emulated COMMAND cuda_self_test $<TARGET_FILE:nearvote_cuda_emulated>)
    add_test(NAME cuda_emulated_wgmma COMMAND cuda_self_test $<TARGET_FILE:nearvote_cuda_emulated> --cases 40)
    set_tests_properties(cuda_emulated_wgmma PROPERTIES ENVIRONMENT NEARVOTE_CUDA_SKETCH=wgmma)
    add_executable(test_cuda_maps native/cuda/test_maps.cpp native/cuda/emulation/emulation.cpp
                                  native/cuda/emulation/hopper.cpp native/cuda/emulation/runtime.cpp)
    target_compile_definitions(test_cuda_maps PRIVATE NEARVOTE_EMULATED)
    target_compile_options(test_cuda_maps PRIVATE -Wall -Wextra)
    target_include_directories(test_cuda_maps PRIVATE native)
    add_test(NAME test_cuda_maps COMMAND test_cuda_maps)
  endif()
  if(TARGET nearvote_cuda)
    add_test(NAME cuda_device COMMAND cuda_self_test $<TARGET_FILE:nearvote_cuda>)
    add_executable(cuda_bench_sketch native/cuda/bench_sketch.cpp native/cuda/memory.cu native/cuda/sketch.cu
                                     native/cuda/tensor_map.cu $<TARGET_OBJECTS:nearvote_cuda_wgmma>)
    set_target_properties(cuda_bench_sketch PROPERTIES CUDA_STANDARD 20 CUDA_EXTENSIONS OFF CUDA_RUNTIME_LIBRARY Static)
    target_include_directories(cuda_bench_sketch PRIVATE native ${CMAKE_CUDA_TOOLKIT_INCLUDE_DIRECTORIES})
    target_link_libraries(cuda_bench_sketch PRIVATE ${CMAKE_DL_LIBS})
  endif()
endif()
