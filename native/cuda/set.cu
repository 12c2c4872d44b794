#include <memory>

#include "core/device/layout.h"
#include "cuda/set.h"

namespace nearvote::cuda {
namespace {

constexpr int kWarps = 8;

__device__ inline double warp_sum(double x) {
  for (int distance = 16; distance > 0; distance /= 2) x += __shfl_xor_sync(kFullWarp, x, distance);
  return x;
}

// A warp per row.
__global__ void __launch_bounds__(kWarps * 32)
    quantize_rows(const float* values, int64_t rows, int64_t dims, int64_t stride, int64_t depth, uint16_t* halves,
                  device::RowInfo* info) {
  const int lane = threadIdx.x % 32;
  const int64_t row = static_cast<int64_t>(blockIdx.x) * kWarps + threadIdx.x / 32;
  if (row >= rows) return;
  const float* from = values + row * stride;
  float largest = 0;
  for (int64_t i = lane; i < dims; i += 32) largest = fmaxf(largest, fabsf(from[i]));
  for (int distance = 16; distance > 0; distance /= 2)
    largest = fmaxf(largest, __shfl_xor_sync(kFullWarp, largest, distance));
  const int exponent = device::row_exponent(largest);
  double squares = 0, kept = 0, lost = 0;
  for (int64_t i = lane; i < depth; i += 32) {
    const float value = i < dims ? from[i] : 0.0f;
    const uint16_t half = device::quantize(value, exponent);
    halves[row * depth + i] = half;
    const double exact = value, rounded = device::dequantize(half, exponent);
    squares += exact * exact;
    kept += rounded * rounded;
    lost += (exact - rounded) * (exact - rounded);
  }
  squares = warp_sum(squares);
  kept = warp_sum(kept);
  lost = warp_sum(lost);
  if (lane == 0)
    info[row] = {static_cast<float>(device::power_of_two(exponent)), device::norm_above(kept), device::norm_above(lost),
                 largest == 0, squares};
}

// A block per row.
__global__ void __launch_bounds__(128)
    gather_rows(const uint16_t* halves, const int32_t* order, int64_t depth, uint16_t* out) {
  const int64_t position = blockIdx.x;
  const int64_t row = order[position];
  const uint4* from = reinterpret_cast<const uint4*>(halves + row * depth);
  uint4* to = reinterpret_cast<uint4*>(out + position * depth);
  for (int64_t i = threadIdx.x; i < depth / 8; i += blockDim.x) to[i] = row < 0 ? make_uint4(0, 0, 0, 0) : from[i];
}

}  // namespace

MappedRows::MappedRows(const float* rows, size_t bytes) {
  auto* at = const_cast<float*>(rows);  // kernels only read
  if (cudaHostRegister(at, bytes, cudaHostRegisterMapped) != cudaSuccess) throw_out_of_memory(bytes, "embeddings");
  rows_ = at;
}
MappedRows::~MappedRows() {
  if (rows_ != nullptr) cudaHostUnregister(rows_);
}
const float* MappedRows::on_device() const {
  void* at = nullptr;
  check(cudaHostGetDevicePointer(&at, rows_, 0), "mapping the embeddings");
  return static_cast<const float*>(at);
}

NearvoteDeviceSet* make_set(const NearvoteSetArgs& args) {
  constexpr size_t kRoomForSearch = size_t{256} << 20;
  auto set = std::make_unique<NearvoteDeviceSet>();
  set->device = args.device;
  set->rows = args.rows;
  set->dims = args.dims;
  set->depth = (args.dims + 63) / 64 * 64;
  set->l2 = args.metric == NEARVOTE_L2;
  set->cosine = args.metric == NEARVOTE_COSINE;
  const int64_t padded = (args.rows + device::kTileRows - 1) / device::kTileRows * device::kTileRows;
  set->halves = DeviceBuffer<uint16_t>::resident(padded * set->depth, "quantised embeddings");
  set->info.resize(static_cast<size_t>(args.rows));
  if (args.rows == 0) return set.release();
  const Stream stream;
  DeviceBuffer<device::RowInfo> info(args.rows, "norms");
  const size_t row_bytes = static_cast<size_t>(args.dims) * sizeof(float);
  // A search sorts the halves of its support once more.
  const size_t needed = static_cast<size_t>(args.rows) * row_bytes + set->halves.bytes() + kRoomForSearch;
  if (args.rows_on_host == 0 && needed <= available_memory()) {
    set->values = DeviceBuffer<float>::resident(args.rows * args.dims, "embeddings");
    set->rows_at = set->values.data();
    set->stride = args.dims;
    check(
        cudaMemcpy2DAsync(set->values.data(), row_bytes, args.values, static_cast<size_t>(args.stride) * sizeof(float),
                          row_bytes, static_cast<size_t>(args.rows), cudaMemcpyHostToDevice, stream),
        "copy of the embeddings");
  } else {
    const int64_t floats = (args.rows - 1) * args.stride + args.dims;
    set->mapped = MappedRows(args.values, static_cast<size_t>(floats) * sizeof(float));
    set->rows_at = set->mapped.on_device();
    set->stride = args.stride;
  }
  check(cudaMemsetAsync(set->halves.data(), 0, set->halves.bytes(), stream), "clearing");
  launch("quantize_rows", quantize_rows, dim3(static_cast<unsigned>((args.rows + kWarps - 1) / kWarps)),
         dim3(kWarps * 32), 0, stream, set->rows_at, set->rows, set->dims, set->stride, set->depth, set->halves.data(),
         info.data());
  info.download(set->info.data(), args.rows, stream);
  stream.wait();
  return set.release();
}

void gather_halves(const NearvoteDeviceSet& set, const int32_t* order, int64_t count, uint16_t* out,
                   cudaStream_t stream) {
  launch("gather_rows", gather_rows, dim3(static_cast<unsigned>(count)), dim3(128), 0, stream, set.halves.data(), order,
         set.depth, out);
}

}  // namespace nearvote::cuda
