// A block per query. The best k so far and a batch of newly scored rows are sorted in shared memory (as much of it as
// they take) until all rows of the opened groups have been seen.
#include "core/device/merge.h"
#include "cuda/decide_lane.h"

namespace nearvote::cuda {
namespace {

constexpr int kThreads = 256;

// Bitonic, by nearness; size: a power of two.
__device__ void sort_by_nearness(double* keys, int32_t* rows, int size) {
  for (int run = 2; run <= size; run *= 2)
    for (int distance = run / 2; distance > 0; distance /= 2) {
      __syncthreads();
      for (int pair = threadIdx.x; pair < size / 2; pair += kThreads) {
        const int a = pair / distance * 2 * distance + pair % distance, b = a + distance;
        const bool nearest_first = (a & run) == 0;
        const double key_a = keys[a], key_b = keys[b];
        const int32_t row_a = rows[a], row_b = rows[b];
        if (device::nearer(key_b, row_b, key_a, row_a) == nearest_first) {
          keys[a] = key_b;
          keys[b] = key_a;
          rows[a] = row_b;
          rows[b] = row_a;
        }
      }
    }
  __syncthreads();
}

__global__ void __launch_bounds__(kThreads)
    decide_ranks(DecideArgs args, int k, int size, int32_t* out_rows, double* out_keys) {
  auto* keys = reinterpret_cast<double*>(dynamic_shared());
  auto* rows = reinterpret_cast<int32_t*>(keys + size);
  const int64_t query = blockIdx.x;
  const int64_t entries = rows_to_decide(args, query);
  const int batch = size - k;
  for (int64_t first = 0; first < entries; first += batch) {
    const int kept = first == 0 ? 0 : k;
    const int count = static_cast<int>(min(static_cast<int64_t>(batch), entries - first));
    for (int at = threadIdx.x / 32 * 4; at < count; at += kThreads / 32 * 4) {
      const int mine = at + threadIdx.x % 32 / 8;
      const int32_t row = mine < count ? row_to_decide(args, query, entries, first + mine) : -1;
      const double key = decide_key(args, query, row);
      if (threadIdx.x % 8 == 0 && mine < count) {
        keys[kept + mine] = row < 0 ? -INFINITY : key;
        rows[kept + mine] = row < 0 ? INT32_MAX : row;
      }
    }
    int used = 32;
    while (used < kept + count) used *= 2;
    for (int i = kept + count + threadIdx.x; i < used; i += kThreads) {
      keys[i] = -INFINITY;
      rows[i] = INT32_MAX;
    }
    sort_by_nearness(keys, rows, used);
  }
  for (int i = threadIdx.x; i < k; i += kThreads) {
    out_rows[query * k + i] = rows[i];
    out_keys[query * k + i] = keys[i];
  }
}

}  // namespace

void decide_top_k(const DecideTopKArgs& args, cudaStream_t stream) {
  // Room for the best and, as a rule, all rows that were opened.
  int size = 1024;
  while (size < 4 * args.k) size *= 2;
  launch("decide_ranks", decide_ranks, dim3(static_cast<unsigned>(args.rows.query_count)), dim3(kThreads),
         static_cast<size_t>(size) * (sizeof(double) + sizeof(int32_t)), stream, args.rows, args.k, size, args.out_rows,
         args.out_keys);
}

}  // namespace nearvote::cuda
