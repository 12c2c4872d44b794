#include "cuda/tensor_map.h"
#include "cuda/wgmma_tile.h"

namespace nearvote::cuda {

#if defined(NEARVOTE_EMULATED)

TensorMap make_tensor_map(const uint16_t* rows, int64_t count, int64_t depth) {
  return {rows, count, depth, kSliceDepth, kBoxRows};
}

#else

// The driver's function is asked for by name: the backend links against no driver.
TensorMap make_tensor_map(const uint16_t* rows, int64_t count, int64_t depth) {
  static const auto encode = [] {
    void* function = nullptr;
    cudaDriverEntryPointQueryResult found{};
    check(cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &function, 12000, cudaEnableDefault, &found),
          "looking for cuTensorMapEncodeTiled");
    if (found != cudaDriverEntryPointSuccess) throw CudaError("CUDA: the driver has no cuTensorMapEncodeTiled");
    return reinterpret_cast<decltype(&cuTensorMapEncodeTiled)>(function);
  }();
  TensorMap map{};
  const cuuint64_t extent[2] = {static_cast<cuuint64_t>(depth), static_cast<cuuint64_t>(count)};
  const cuuint64_t row_bytes[1] = {static_cast<cuuint64_t>(depth) * sizeof(uint16_t)};
  const cuuint32_t box[2] = {kSliceDepth, kBoxRows}, element[2] = {1, 1};
  const CUresult status = encode(&map, CU_TENSOR_MAP_DATA_TYPE_FLOAT16, 2, const_cast<uint16_t*>(rows), extent,
                                 row_bytes, box, element, CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B,
                                 CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  if (status != CUDA_SUCCESS)
    throw CudaError("CUDA: cuTensorMapEncodeTiled failed with status " + std::to_string(static_cast<int>(status)));
  return map;
}

#endif

}  // namespace nearvote::cuda
