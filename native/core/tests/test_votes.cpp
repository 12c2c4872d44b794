// Bit planes and counts against the definition: plain loops over the vote matrix.
#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/tests/check.h"
#include "core/votes/bit_planes.h"
#include "core/votes/check_votes.h"
#include "core/votes/plane_kernels.h"
#include "core/votes/vote_counts.h"

using namespace nearvote;

namespace {

struct Random {
  uint64_t state = 0x9e3779b97f4a7c15u;
  uint32_t next() {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return static_cast<uint32_t>(state >> 33);
  }
};

std::vector<int8_t> random_votes(int64_t rows, int64_t lfs, VoteDomain domain, uint32_t density_percent,
                                 uint64_t seed) {
  Random random{seed * 7919 + 17};
  std::vector<int8_t> votes(static_cast<size_t>(rows * lfs));
  for (int8_t& vote : votes) {
    const bool votes_here = random.next() % 100 < density_percent;
    vote = domain.vote_of(votes_here ? static_cast<int>(random.next() % static_cast<uint32_t>(domain.classes)) : -1);
  }
  return votes;
}

// The statistics as their comments define them, cell by cell.
VoteCounts count_plainly(VoteMatrix votes, VoteDomain domain) {
  VoteCounts counts(domain, votes.cols);
  counts.rows = votes.rows;
  const int64_t size = counts.indicators();
  for (int64_t r = 0; r < votes.rows; ++r) {
    bool covered = false;
    for (int64_t i = 0; i < votes.cols; ++i) {
      const int a = domain.class_of(votes(r, i));
      if (a < 0) continue;
      covered = true;
      bool overlap = false, conflict = false;
      for (int64_t j = 0; j < votes.cols; ++j) {
        const int b = domain.class_of(votes(r, j));
        if (b < 0) continue;
        ++counts.joint[static_cast<size_t>((i * domain.classes + a) * size + j * domain.classes + b)];
        overlap |= i != j;
        conflict |= i != j && a != b;
      }
      counts.overlaps[static_cast<size_t>(i * domain.classes + a)] += overlap;
      counts.conflicts[static_cast<size_t>(i * domain.classes + a)] += conflict;
    }
    counts.covered += covered;
  }
  return counts;
}

bool same(const VoteCounts& a, const VoteCounts& b) {
  return a.rows == b.rows && a.covered == b.covered && a.overlaps == b.overlaps && a.conflicts == b.conflicts &&
         a.joint == b.joint;
}

const VoteDomain kBinary{};
const VoteDomain kFive{5, false};

}  // namespace

TEST(planes_hold_each_vote_once) {
  for (const VoteDomain domain : {kBinary, kFive}) {
    for (const int64_t rows : {0, 1, 63, 64, 65, 130, 5000}) {
      for (const int64_t lfs : {1, 7, 16, 17, 64, 70}) {
        const auto data = random_votes(rows, lfs, domain, 40, static_cast<uint64_t>(rows + lfs));
        const VoteMatrix votes{data.data(), rows, lfs};
        const BitPlanes planes = pack_votes(votes, domain, 2);
        int64_t wrong = 0;
        for (int64_t r = 0; r < planes.stride * 64; ++r) {
          for (int64_t i = 0; i < lfs; ++i) {
            for (int c = 0; c < domain.classes; ++c) {
              const bool bit = (planes.plane(i, c)[r / 64] >> (r % 64)) & 1;
              wrong += bit != (r < rows && domain.class_of(votes(r, i)) == c);
            }
          }
        }
        CHECK(wrong == 0);
      }
    }
  }
}

TEST(counts_equal_the_definition) {
  for (const VoteDomain domain : {kBinary, kFive}) {
    for (const int64_t rows : {0, 1, 64, 100, 777}) {
      for (const int64_t lfs : {1, 2, 3, 9, 33}) {
        for (const uint32_t density : {3u, 50u, 100u}) {
          const auto data = random_votes(rows, lfs, domain, density, static_cast<uint64_t>(rows * 100 + lfs));
          const VoteMatrix votes{data.data(), rows, lfs};
          const VoteCounts wanted = count_plainly(votes, domain);
          CHECK(same(count_votes(votes, domain), wanted));
          CHECK(same(count_planes(pack_votes(votes, domain)), wanted));
        }
      }
    }
  }
}

TEST(every_instruction_set_counts_alike) {
  const int64_t rows = 64 * 37, lfs = 19, stride = 40;
  const auto votes = random_votes(rows, lfs, kBinary, 30, 5);
  const auto class_votes = kBinary.class_votes();
  std::vector<int32_t> index(2 * lfs);
  for (size_t u = 0; u < index.size(); ++u) index[u] = static_cast<int32_t>(u);
  std::vector<uint64_t> expected_planes;
  std::vector<int64_t> expected_joint;
  for (const char* isa : {"baseline", "avx2", "avx512"}) {
    const PlaneKernels* kernels = plane_kernels_for(isa);
    if (kernels == nullptr) {
      std::printf("  (this CPU has no %s)\n", isa);
      continue;
    }
    std::vector<uint64_t> planes(static_cast<size_t>(2 * lfs * stride));
    kernels->pack(votes.data(), rows - 5, lfs, class_votes.data(), 2, planes.data(), stride);
    std::vector<const uint64_t*> pointers;
    for (int64_t u = 0; u < 2 * lfs; ++u) pointers.push_back(planes.data() + u * stride);
    std::vector<int64_t> joint(static_cast<size_t>(4 * lfs * lfs));
    kernels->joint(pointers.data(), index.data(), 2 * lfs, 37, joint.data(), 2 * lfs);
    CHECK(kernels->overlap(pointers[0], pointers[2], 37) == joint[2]);
    if (expected_planes.empty()) {
      expected_planes = planes;
      expected_joint = joint;
    }
    CHECK(planes == expected_planes);
    CHECK(joint == expected_joint);
  }
}

TEST(counts_do_not_depend_on_threads_and_add_up) {
  const int64_t rows = 200000, lfs = 12;
  const auto data = random_votes(rows, lfs, kBinary, 25, 9);
  const VoteMatrix votes{data.data(), rows, lfs};
  const VoteCounts whole = count_votes(votes, kBinary, 1);
  CHECK(same(count_votes(votes, kBinary, 3), whole));
  const int64_t cut = 70001;
  VoteCounts sum = count_votes({data.data(), cut, lfs}, kBinary);
  const VoteCounts rest = count_votes({data.data() + cut * lfs, rows - cut, lfs}, kBinary);
  const VoteCounts first = sum;
  sum.merge(rest);
  CHECK(same(sum, whole));
  sum.subtract(rest);
  CHECK(same(sum, first));
  CHECK_THROWS(sum.subtract(whole), InvalidArgument);
  CHECK(same(sum, first));
}

TEST(derived_counts_of_a_small_matrix) {
  const int8_t data[] = {1, 1, 0, 1, -1, -1, -1, 0, 0, 0, 0, 0};
  const VoteCounts counts = count_votes({data, 4, 3}, kBinary);
  CHECK(counts.covered == 3);
  CHECK(counts.lf_votes(0) == 3);
  CHECK(counts.lf_votes(2) == 1);
  CHECK(counts.lf_both(0, 1) == 2);
  CHECK(counts.lf_agree(0, 1) == 1);
  CHECK(counts.overlaps[1] == 2);   // LF 0 votes +1 on two rows, both overlapped
  CHECK(counts.conflicts[1] == 1);  // against two -1 on the second of them
  CHECK(counts.overlaps[0] == 0);   // its only -1 stands alone
}

TEST(a_vote_outside_the_domain_is_named) {
  auto data = random_votes(5000, 3, kBinary, 50, 3);
  CHECK(first_invalid_vote({data.data(), 5000, 3}, kBinary) == -1);
  data[3 * 4321 + 2] = 7;
  CHECK(first_invalid_vote({data.data(), 5000, 3}, kBinary) == 3 * 4321 + 2);
  std::string message;
  try {
    check_votes({data.data(), 5000, 3}, kBinary, "votes");
  } catch (const InvalidArgument& error) {
    message = error.what();
  }
  CHECK(message == "Expected -1, 0 or 1 for votes[row 4321, LF 2] but received 7");
  CHECK(first_invalid_vote({data.data(), 5000, 3}, VoteDomain{7, false}) >= 0);  // -1 is no class
  const int8_t classes[] = {0, 7, 8};
  CHECK(first_invalid_vote({classes, 1, 3}, VoteDomain{7, false}) == 2);
}

CHECK_MAIN
