// Exact sufficient statistics of a vote matrix: everything the label model is fitted from. Counts are int64, so counts
// of chunks, days or shards add up to the counts of the whole, and a chunk that left can be taken off again.
//
// An indicator is one (LF, class) pair, numbered u = lf * K + class; there are U = m K of them.
#pragma once

#include <cstdint>
#include <vector>

#include "core/base/job.h"
#include "core/base/matrix.h"
#include "core/votes/bit_planes.h"
#include "core/votes/vote_domain.h"

namespace nearvote {

struct VoteCounts {
  VoteDomain domain;
  int64_t lfs = 0;
  int64_t rows = 0;
  int64_t covered = 0;             // rows with at least one vote
  std::vector<int64_t> overlaps;   // U: votes of u on rows where another LF votes too
  std::vector<int64_t> conflicts;  // U: votes of u on rows where another LF votes for another class
  std::vector<int64_t> joint;      // U x U, symmetric: rows where u and v both hold; the diagonal counts u itself

  VoteCounts() = default;
  VoteCounts(VoteDomain domain, int64_t lfs);

  int64_t indicators() const { return lfs * domain.classes; }
  int64_t both(int64_t u, int64_t v) const { return joint[static_cast<size_t>(u * indicators() + v)]; }
  int64_t votes(int64_t u) const { return both(u, u); }
  int64_t lf_votes(int64_t lf) const;            // rows where the LF does not abstain
  int64_t lf_both(int64_t i, int64_t j) const;   // rows where neither abstains
  int64_t lf_agree(int64_t i, int64_t j) const;  // rows where both vote for the same class

  void merge(const VoteCounts& other);     // other has the same domain and LFs
  void subtract(const VoteCounts& other);  // of rows counted here before; throws if any count would fall below zero
};

// votes must be valid (check_votes). Packs and counts a chunk of rows at a time; scratch per thread: about 1 MiB of
// planes and U^2 counts. Results do not depend on threads.
VoteCounts count_votes(VoteMatrix votes, VoteDomain domain, int threads = 0, const JobControl& job = {});
VoteCounts count_planes(const BitPlanes& planes, int threads = 0, const JobControl& job = {});

}  // namespace nearvote
