// Index maps of the products, replayed on the host: what a kernel computes (wgmma_tile.h, sketch_tile.h) against what
// the PTX ISA says of the instructions (emulation/hopper.h).
#include <random>
#include <set>

#include "core/device/layout.h"
#include "core/tests/check.h"
#include "cuda/emulation/hopper.h"
#include "cuda/sketch_tile.h"
#include "cuda/wgmma_tile.h"

using namespace nearvote;
using namespace nearvote::cuda;
namespace emu = nearvote::emulation;

namespace {

// Where the copy engine puts half k of row r of a box: 16-byte chunk c of line r goes to place c ^ (r modulo 8).
uint32_t place_of(uint32_t box, int row, int k) {
  const auto r = static_cast<uint32_t>(row), byte = static_cast<uint32_t>(k) * 2;
  return box + r * 128 + (byte / 16 ^ r % 8) * 16 + byte % 16;
}

constexpr uint32_t kBoxAddresses[] = {0, 1024, kBoxBytes, 3 * kSliceBytes + 2 * kBoxBytes};

}  // namespace

TEST(the_swizzle_of_128_bytes_is_an_exclusive_or_of_address_bits) {
  bool same = true;
  for (const uint32_t box : kBoxAddresses)
    for (int row = 0; row < kBoxRows; ++row)
      for (int k = 0; k < kSliceDepth; ++k)
        same = same && emu::swizzle128(box + static_cast<uint32_t>(row * kSliceDepth + k) * 2) == place_of(box, row, k);
  CHECK(same);
  // The same chunk of eight rows lies in eight different groups of four banks.
  for (int chunk = 0; chunk < 8; ++chunk) {
    std::set<uint32_t> banks;
    for (int row = 0; row < 8; ++row) banks.insert(place_of(0, row, chunk * 8) / 16 % 8);
    CHECK(banks.size() == 8);
  }
}

TEST(descriptors_hold_address_strides_and_swizzle_where_the_isa_says) {
  CHECK(matrix_descriptor(0x12400, 1024) == 0x4000'0040'0001'1240u);
  CHECK(support_descriptor(0x12400, 1) == 0x4000'0080'0001'1280u);
  CHECK(query_descriptor(0x2c000) == 0x4000'0040'0001'2c00u);
}

TEST(products_read_the_halves_that_the_copy_engine_wrote) {
  bool support = true, queries = true;
  for (const uint32_t box : kBoxAddresses)
    for (int k = 0; k < kSliceDepth; ++k) {
      const uint64_t step = static_cast<uint64_t>(k / 16) * kNextDepth;
      for (int product = 0; product < 2; ++product)
        for (int row = 0; row < 64; ++row)
          support = support && emu::operand_address(support_descriptor(box, product) + step, row, k % 16) ==
                                   place_of(box, support_row(row / 16, row / 8 % 2 * 2 + product, row % 8), k);
      for (int row = 0; row < kBoxRows; ++row)
        queries = queries && emu::operand_address(query_descriptor(box) + step, row, k % 16) == place_of(box, row, k);
    }
  CHECK(support);
  CHECK(queries);
}

TEST(accumulators_are_the_groups_of_the_layout) {
  bool placed = true, one_group = true, own = true;
  std::set<std::pair<int, int>> seen;
  for (int thread = 0; thread < 128; ++thread) {
    const int warp = thread / 32, g = thread % 32 / 4, t = thread % 4;
    for (int j = 0; j < 16; ++j)
      for (int half = 0; half < 2; ++half)
        for (int i = 0; i < 2; ++i) {
          const auto [row, column] = emu::accumulator_place(thread, accumulator(j, half, i));
          placed = placed && row == warp * 16 + half * 8 + g && column == j * 8 + t * 2 + i;
          // The word and half of a query are those of the layout: word t * 8 + j of its block of 64.
          own = own && device::query_of(t * 8 + j % 8, i) == column % 64;
          seen.insert({row, column});
        }
    for (int member = 0; member < 4; ++member) {
      const int position = support_row(warp, member, g);
      one_group =
          one_group && device::group_of(position, 4) == warp * 8 + g && device::group_of(position, 1) == position;
      one_group = one_group && device::position_in(warp * 8 + g, member, 4) == position;
    }
  }
  CHECK(placed);
  CHECK(own);
  CHECK(one_group);
  CHECK(seen.size() == 64 * 128);
}

TEST(stages_are_read_once_each_and_in_order_whatever_the_order_of_events) {
  // Barriers as the ISA defines them: a wait for parity p passes once the phase of that parity is complete.
  struct Barrier {
    int arrivals, pending = arrivals;
    uint32_t phase = 0;
    bool passes(uint32_t parity) const { return (phase ^ 1) == parity; }
    void arrive() {
      if (--pending > 0) return;
      pending = arrivals;
      phase ^= 1;
    }
  };
  constexpr int kReaders = 4, kSlices = 100;
  std::mt19937 rng(1);
  bool order = true, unread = true;
  for (int trial = 0; trial < 50; ++trial) {
    std::vector<Barrier> full(kSliceStages, {1}), empty(kSliceStages, {kReaders});
    std::vector<int> content(kSliceStages, -1), reads(kSliceStages, kReaders);
    Turn writer, reader[kReaders];
    int written = 0, read[kReaders] = {};
    for (int idle = 0; idle < 10000 && written + read[0] + read[1] + read[2] + read[3] < kSlices * (kReaders + 1);) {
      const auto who = static_cast<int>(rng() % (kReaders + 1));
      ++idle;
      if (who == kReaders) {
        if (written == kSlices || !empty[static_cast<size_t>(writer.stage)].passes(writer.phase ^ 1)) continue;
        const auto stage = static_cast<size_t>(writer.stage);
        unread = unread && reads[stage] == kReaders;
        content[stage] = written++;
        reads[stage] = 0;
        full[stage].arrive();
        writer.advance();
      } else {
        Turn& turn = reader[who];
        const auto stage = static_cast<size_t>(turn.stage);
        if (read[who] == kSlices || !full[stage].passes(turn.phase)) continue;
        order = order && content[stage] == read[who]++;
        ++reads[stage];
        empty[stage].arrive();
        turn.advance();
      }
      idle = 0;
    }
    order = order && written == kSlices;
    for (const int count : read) order = order && count == kSlices;
  }
  CHECK(order);
  CHECK(unread);
}

TEST(stages_of_the_warp_product_are_free_of_bank_conflicts) {
  // An ldmatrix phase: the same chunk of eight neighbouring rows; a copy: the four chunks of two neighbouring rows.
  for (int row = 0; row < 128; row += 8)
    for (int chunk = 0; chunk < 4; ++chunk) {
      std::set<int> banks;
      for (int r = row; r < row + 8; ++r) banks.insert(chunk_offset(r, chunk) / 16 % 8);
      CHECK(banks.size() == 8);
    }
  std::set<int> places;
  for (int row = 0; row < 128; ++row)
    for (int chunk = 0; chunk < 4; ++chunk) places.insert(chunk_offset(row, chunk));
  CHECK(places.size() == 512 && *places.rbegin() == kOperandBytes - 16);
}

CHECK_MAIN
