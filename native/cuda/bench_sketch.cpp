// cuda_bench_sketch [positions] [queries] [dims] [libcublas]: the products alone, timed by device events, beside
// cuBLAS' bf16 product of the same shape where its library can be opened. On compute capability 9.0 the codes of both
// products are compared with float64 sums on the host, and with each other. Skips with a reason where there is no
// device. Medians of nine runs after two; exit 1 on wrong codes.
#include <dlfcn.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <random>
#include <vector>

#include "core/device/layout.h"
#include "core/device/packed.h"
#include "core/device/quantize.h"
#include "cuda/buffers.h"
#include "cuda/sketch.h"

using namespace nearvote;
using namespace nearvote::cuda;

namespace {

class Timer {
 public:
  Timer() {
    check(cudaEventCreate(&start_), "event");
    check(cudaEventCreate(&end_), "event");
  }
  ~Timer() {
    cudaEventDestroy(start_);
    cudaEventDestroy(end_);
  }
  double median_seconds(cudaStream_t stream, const std::function<void()>& enqueue) {
    std::vector<float> milliseconds;
    for (int run = 0; run < 11; ++run) {
      check(cudaEventRecord(start_, stream), "event");
      enqueue();
      check(cudaEventRecord(end_, stream), "event");
      check(cudaEventSynchronize(end_), "a kernel");
      float elapsed = 0;
      check(cudaEventElapsedTime(&elapsed, start_, end_), "event");
      if (run >= 2) milliseconds.push_back(elapsed);
    }
    std::sort(milliseconds.begin(), milliseconds.end());
    return static_cast<double>(milliseconds[milliseconds.size() / 2]) / 1e3;
  }

 private:
  cudaEvent_t start_ = nullptr, end_ = nullptr;
};

struct Rows {
  int64_t rows, depth;
  std::vector<uint16_t> halves;
  std::vector<device::RowInfo> info;
};

Rows random_rows(int64_t rows, int64_t depth, unsigned seed) {
  Rows out{rows, depth, std::vector<uint16_t>(static_cast<size_t>(rows * depth)), {}};
  // A table of normal values keeps the making of gigabytes short.
  std::mt19937 rng(seed);
  std::normal_distribution<float> normal;
  std::vector<float> table(1 << 16);
  for (float& value : table) value = normal(rng);
  for (int64_t i = 0; i < rows; ++i) {
    double kept = 0;
    for (int64_t k = 0; k < depth; ++k) {
      const uint16_t half = device::quantize(table[rng() & 0xffff], -9);
      out.halves[static_cast<size_t>(i * depth + k)] = half;
      kept += device::dequantize(half, -9) * device::dequantize(half, -9);
    }
    out.info.push_back({0x1p-9f, device::norm_above(kept), 0, 0, kept});
  }
  return out;
}

// cuBLAS through its C interface, opened by name: it is no part of the toolkit this is built with.
double cublas_seconds(const char* path, Timer& timer, int64_t m, int64_t n, int64_t k) {
  void* library = dlopen(path, RTLD_NOW);
  if (library == nullptr) return 0;
  using Create = int (*)(void**);
  using SetStream = int (*)(void*, cudaStream_t);
  using Gemm = int (*)(void*, int, int, int, int, int, const void*, const void*, int, int, const void*, int, int,
                       const void*, void*, int, int, int, int);
  const auto create = reinterpret_cast<Create>(dlsym(library, "cublasCreate_v2"));
  const auto set_stream = reinterpret_cast<SetStream>(dlsym(library, "cublasSetStream_v2"));
  const auto gemm = reinterpret_cast<Gemm>(dlsym(library, "cublasGemmEx"));
  void* handle = nullptr;
  if (create == nullptr || set_stream == nullptr || gemm == nullptr || create(&handle) != 0) return 0;
  constexpr int kTransposed = 1, kNormal = 0, kBf16 = 14, kFloat32 = 68, kDefault = -1;  // cublas_api.h
  const Stream stream;
  set_stream(handle, stream);
  std::vector<uint16_t> values(static_cast<size_t>(std::max(m, n) * k));
  std::mt19937 rng(9);
  for (uint16_t& value : values) value = static_cast<uint16_t>((rng() & 0x807f) | 0x3f00);  // +-0.5 .. 1
  auto a = uploaded(values, "a", stream), b = uploaded(values, "b", stream);
  DeviceBuffer<uint16_t> c(m * n, "c");
  const float one = 1, zero = 0;
  int status = 0;
  const double seconds = timer.median_seconds(stream, [&] {
    status |= gemm(handle, kTransposed, kNormal, static_cast<int>(m), static_cast<int>(n), static_cast<int>(k), &one,
                   a.data(), kBf16, static_cast<int>(k), b.data(), kBf16, static_cast<int>(k), &zero, c.data(), kBf16,
                   static_cast<int>(m), kFloat32, kDefault);
  });
  return status == 0 ? seconds : 0;
}

}  // namespace

int main(int argc, char** argv) {
  int count = 0;
  if (cudaGetDeviceCount(&count) != cudaSuccess || count == 0) {
    std::printf("skipped: no CUDA device\n");
    return 0;
  }
  try {
    const auto argument = [&](int at, int64_t value) { return argc > at ? std::atoll(argv[at]) : value; };
    const auto padded = [](int64_t rows) {
      return (rows + device::kTileRows - 1) / device::kTileRows * device::kTileRows;
    };
    const int64_t positions = padded(argument(1, 100000)), queries = padded(argument(2, 8192));
    const int64_t dims = argument(3, 768), depth = (dims + 63) / 64 * 64;
    const char* cublas = argc > 4 ? argv[4] : "libcublas.so.13";
    cudaDeviceProp properties{};
    check(cudaGetDeviceProperties(&properties, 0), "reading the device");
    const bool hopper = properties.major == 9 && properties.minor == 0;

    const Stream stream;
    const Rows support = random_rows(positions, depth, 1), query = random_rows(queries, depth, 2);
    device::SupportRange range;
    std::vector<float2> places;
    for (const device::RowInfo& info : support.info) {
      range.norm = std::max<double>(range.norm, info.norm);
      places.push_back(make_float2(info.scale, 0));
    }
    std::vector<device::QueryFilter> filters;
    for (const device::RowInfo& info : query.info) filters.push_back(device::make_query_filter(info, range, depth));
    const auto support_halves = uploaded(support.halves, "support", stream);
    const auto query_halves = uploaded(query.halves, "queries", stream);
    const auto device_places = uploaded(places, "scales", stream);
    const auto device_filters = uploaded(filters, "filters", stream);
    DeviceBuffer<uint32_t> codes(queries / 2 * positions, "codes");
    stream.wait();

    struct Line {
      std::string name;
      double seconds;
    };
    std::vector<Line> table;
    Timer timer;
    int wrong = 0;
    std::vector<uint32_t> found[2];
    for (const bool wgmma : {false, true}) {
      if (wgmma && !hopper) continue;
      for (const int size : {4, 1}) {
        SketchArgs args{};
        args.support = support_halves.data();
        args.places = device_places.data();
        args.positions = positions;
        args.queries = query_halves.data();
        args.filters = device_filters.data();
        args.query_count = queries;
        args.depth = depth;
        args.codes = codes.data();
        check(cudaMemsetAsync(codes.data(), 0xff, codes.bytes(), stream), "poisoning");
        const double seconds = timer.median_seconds(stream, [&] {
          if (wgmma)
            sketch_wgmma(args, size, properties.multiProcessorCount, stream);
          else
            sketch_mma(args, size, stream);
        });
        table.push_back({std::string(wgmma ? "wgmma" : "mma.sync") + ", groups of " + std::to_string(size), seconds});
        // Every code of some query blocks against the other product; of some pairs against float64.
        const int64_t groups = positions / size, words = groups * device::kWords;
        const auto at_most = static_cast<int64_t>(codes.bytes() / sizeof(uint32_t));
        auto& mine = found[wgmma ? 1 : 0];
        mine.resize(static_cast<size_t>(std::min(words * 4, at_most)));
        codes.download(mine.data(), static_cast<int64_t>(mine.size()), stream);
        stream.wait();
        std::mt19937 rng(3);
        for (int pair = 0; pair < 20000; ++pair) {
          const auto group = static_cast<int64_t>(rng() % static_cast<uint64_t>(groups));
          const auto q = static_cast<int64_t>(rng() % std::min<uint64_t>(256, static_cast<uint64_t>(queries)));
          const device::QueryFilter& filter = filters[static_cast<size_t>(q)];
          double largest = -INFINITY;
          for (int member = 0; member < size; ++member) {
            const int64_t row = device::position_in(group, member, size);
            double sum = 0;
            for (int64_t k = 0; k < depth; ++k)
              sum += device::dequantize(support.halves[static_cast<size_t>(row * depth + k)], -9) *
                     device::dequantize(query.halves[static_cast<size_t>(q * depth + k)], -9);
            largest = std::max(largest, sum);
          }
          const auto in_block = static_cast<int>(q % device::kQueryBlock);
          const int64_t at = device::word_offset(q / device::kQueryBlock, group, groups) + device::word_of(in_block);
          const auto got =
              static_cast<int64_t>(device::half_word(mine[static_cast<size_t>(at)], device::half_of(in_block)));
          const auto want =
              static_cast<int64_t>(device::code_of(static_cast<float>(largest), filter.inverse_step, filter.offset));
          if (std::abs(got - want) > static_cast<int64_t>(filter.slack)) ++wrong;
        }
        if (size == 4 && wgmma) {
          std::vector<uint32_t> other(mine.size());
          sketch_mma(args, size, stream);
          codes.download(other.data(), static_cast<int64_t>(other.size()), stream);
          stream.wait();
          int64_t differ = 0;
          for (size_t i = 0; i < mine.size(); ++i)
            for (const int half : {0, 1}) {
              const auto a = static_cast<int64_t>(device::half_word(mine[i], half));
              const auto b = static_cast<int64_t>(device::half_word(other[i], half));
              differ += a != b;
              wrong += std::abs(a - b) > static_cast<int64_t>(filters[0].slack);
            }
          std::printf("codes of wgmma that differ from mma.sync's: %.4f %%\n",
                      100.0 * static_cast<double>(differ) / (2.0 * static_cast<double>(mine.size())));
        }
      }
    }
    const double cublas_time = cublas_seconds(cublas, timer, positions, queries, depth);
    if (cublas_time > 0)
      table.push_back({"cuBLAS bf16, same shape", cublas_time});
    else
      std::printf("cuBLAS: not found as %s\n", cublas);

    const double product =
        2.0 * static_cast<double>(positions) * static_cast<double>(queries) * static_cast<double>(depth);
    std::printf("%s, %d multiprocessors; %lld x %lld rows of %lld; wrong codes: %d\n%-26s %10s %10s\n", properties.name,
                properties.multiProcessorCount, static_cast<long long>(positions), static_cast<long long>(queries),
                static_cast<long long>(depth), wrong, "product", "ms", "TFLOP/s");
    for (const Line& line : table)
      std::printf("%-26s %10.3f %10.1f\n", line.name.c_str(), line.seconds * 1e3, product / line.seconds / 1e12);
    return wrong == 0 ? 0 : 1;
  } catch (const std::exception& error) {
    std::printf("failed: %s\n", error.what());
    return 1;
  }
}
