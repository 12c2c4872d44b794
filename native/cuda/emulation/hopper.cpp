#include "cuda/emulation/hopper.h"

#include "cuda/emulation/emulation.h"

namespace nearvote::emulation {
namespace {

constexpr uint8_t kAlive = 0xb7;

// What a barrier's word holds here.
struct Barrier {
  uint8_t arrivals, pending;
  uint8_t phase;
  uint8_t alive;
  int32_t bytes;  // announced and not yet landed
};
static_assert(sizeof(Barrier) == sizeof(uint64_t));

Barrier& barrier_at(uint64_t* word) {
  auto& barrier = *reinterpret_cast<Barrier*>(word);
  if (barrier.alive != kAlive) fail("a barrier that was never initialised");
  return barrier;
}

void complete(Barrier& barrier) {
  if (barrier.pending != 0 || barrier.bytes != 0) return;
  barrier.phase ^= 1;
  barrier.pending = barrier.arrivals;
}

void arrive(Barrier& barrier, int32_t bytes) {
  if (barrier.pending == 0) fail("one arrival too many");
  barrier.bytes += bytes;
  --barrier.pending;
  complete(barrier);
}

// The same place in the shared memory of another block of the cluster.
template <class T>
T* place_in(T* here, int rank) {
  return reinterpret_cast<T*>(shared_memory(rank) + shared_address(here));
}

void load(int rank, void* shared, const cuda::TensorMap& map, uint64_t* word, int column, int row) {
  const uint32_t to = shared_address(shared);
  if (to % 1024 != 0) fail("a swizzled box that does not start at a multiple of 1024");
  uint64_t* const barrier = place_in(word, rank);
  land_later([=] {
    for (int r = 0; r < map.box_rows; ++r)
      for (int c = 0; c < map.box_columns; ++c) {
        const int64_t at = static_cast<int64_t>(row) + r;
        const uint16_t value = at < map.count ? map.rows[at * map.depth + column + c] : uint16_t{0};
        memcpy(shared_memory(rank) + swizzle128(to + static_cast<uint32_t>(r * map.box_columns + c) * 2), &value, 2);
      }
    Barrier& counted = barrier_at(barrier);
    counted.bytes -= map.box_rows * map.box_columns * 2;
    complete(counted);
  });
}

// Row `row` of an operand.
void read_row(float (&out)[16], uint64_t descriptor, int row) {
  const unsigned char* shared = shared_memory();
  for (int k = 0; k < 16; ++k) {
    uint16_t half;
    memcpy(&half, shared + operand_address(descriptor, row, k), 2);
    out[k] = half_value(half);
  }
}

}  // namespace

uint32_t shared_address(const void* pointer) {
  return static_cast<uint32_t>(static_cast<const unsigned char*>(pointer) - shared_memory());
}

uint32_t operand_address(uint64_t descriptor, int row, int k) {
  if ((descriptor >> 62) != 1 || (descriptor >> 49 & 7) != 0) fail("a descriptor of another swizzle");
  const auto start = static_cast<uint32_t>(descriptor & 0x3fff) << 4;
  const auto stride = static_cast<uint32_t>(descriptor >> 32 & 0x3fff) << 4;
  const auto r = static_cast<uint32_t>(row);
  return swizzle128(start + r / 8 * stride + r % 8 * 128 + static_cast<uint32_t>(k) * 2);
}

RowColumn accumulator_place(int thread, int index) {
  const int warp = thread / 32, group = thread % 32 / 4, in_group = thread % 4;
  return {warp * 16 + index / 2 % 2 * 8 + group, index / 4 * 8 + in_group * 2 + index % 2};
}

}  // namespace nearvote::emulation

namespace nearvote::cuda {

namespace emu = nearvote::emulation;

uint32_t shared_address32(const void* pointer) { return emu::shared_address(pointer); }
uint32_t cluster_rank() { return static_cast<uint32_t>(emu::block_rank()); }
void cluster_sync() { emu::cluster_barrier(); }

void init_barrier(uint64_t* barrier, uint32_t arrivals) {
  const emu::Barrier fresh{static_cast<uint8_t>(arrivals), static_cast<uint8_t>(arrivals), 0, emu::kAlive, 0};
  memcpy(barrier, &fresh, sizeof fresh);
}
void publish_barriers() {}
void expect_bytes(uint64_t* barrier, uint32_t bytes) {
  emu::arrive(emu::barrier_at(barrier), static_cast<int32_t>(bytes));
}
void arrive_at(uint64_t* barrier, uint32_t rank) {
  emu::arrive(emu::barrier_at(emu::place_in(barrier, static_cast<int>(rank))), 0);
}
void wait_barrier(uint64_t* barrier, uint32_t parity) {
  emu::barrier_at(barrier);
  emu::wait_until([=] { return (emu::barrier_at(barrier).phase ^ 1u) == parity; });
}

void load_box(void* shared, const TensorMap* map, uint64_t* barrier, int column, int row) {
  emu::load(emu::block_rank(), shared, *map, barrier, column, row);
}
void load_box_to(uint16_t mask, void* shared, const TensorMap* map, uint64_t* barrier, int column, int row) {
  for (int rank = 0; mask >> rank != 0; ++rank)
    if ((mask >> rank & 1) != 0) emu::load(rank, shared, *map, barrier, column, row);
}

void begin_products() { emu::exchange({}); }
void commit_products() {
  emu::exchange({});
  emu::commit_products();
}
void finish_products(int pending) {
  emu::exchange({});
  emu::finish_products(pending);
}

void multiply_tiles(float (&d)[64], uint64_t a, uint64_t b, int accumulate) {
  float* const sums = d;
  const auto thread = static_cast<int>(threadIdx.x % 128);
  emu::product_later([=] {
    float rows[2][16], column[16];  // a thread's accumulators lie in two rows
    for (int half = 0; half < 2; ++half) emu::read_row(rows[half], a, emu::accumulator_place(thread, half * 2).row);
    for (int first : {0, 1})
      for (int index = first; index < 64; index += 4) {
        emu::read_row(column, b, emu::accumulator_place(thread, index).column);
        for (int half = 0; half < 2; ++half) {
          float& value = sums[index + half * 2];
          double sum = accumulate != 0 ? static_cast<double>(value) : 0;
          for (int k = 0; k < 16; ++k) sum += static_cast<double>(rows[half][k]) * static_cast<double>(column[k]);
          value = truncated(sum);
        }
      }
  });
}

}  // namespace nearvote::cuda
