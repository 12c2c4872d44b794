// hopper.h on the host, from the tables of the PTX ISA. Tiled copies land late and in any order; products happen when
// they are waited for, with what shared memory holds then.
#pragma once

#include <cstdint>

namespace nearvote::emulation {

// A shared-memory address as instructions and descriptors hold it.
uint32_t shared_address(const void* pointer);

// 128-byte swizzle: the 16-byte chunk is exchanged by an exclusive or with the 128-byte line, both modulo 8.
constexpr uint32_t swizzle128(uint32_t address) { return address ^ (address >> 7 & 7) << 4; }

// Address of element (row, k) of a descriptor's operand of 16 halves per row, contiguous in k: eight rows of 128 bytes
// each, then the next eight one stride on; the swizzle applies to the address.
uint32_t operand_address(uint64_t descriptor, int row, int k);

// Accumulator `index` of a thread of a warpgroup.
struct RowColumn {
  int row, column;
};
RowColumn accumulator_place(int thread, int index);

}  // namespace nearvote::emulation

namespace nearvote::cuda {

struct TensorMap {
  const uint16_t* rows;
  int64_t count, depth;
  int box_columns, box_rows;
};

uint32_t shared_address32(const void* pointer);
uint32_t cluster_rank();
void cluster_sync();
void init_barrier(uint64_t* barrier, uint32_t arrivals);
void publish_barriers();
void expect_bytes(uint64_t* barrier, uint32_t bytes);
void arrive_at(uint64_t* barrier, uint32_t rank);
void wait_barrier(uint64_t* barrier, uint32_t parity);
void load_box(void* shared, const TensorMap* map, uint64_t* barrier, int column, int row);
void load_box_to(uint16_t mask, void* shared, const TensorMap* map, uint64_t* barrier, int column, int row);
template <int Registers>
void release_registers() {}
template <int Registers>
void take_registers() {}
void begin_products();
void commit_products();
void finish_products(int pending);
template <int Pending>
void wait_products() {
  finish_products(Pending);
}
inline void settle(float (&)[64]) {}
void multiply_tiles(float (&d)[64], uint64_t a, uint64_t b, int accumulate);

}  // namespace nearvote::cuda
