// FlyingSquid as shipped (HazyResearch/flyingsquid @28a713a) for one binary task without dependencies: for parity and
// for people who move over, never the default. Reproduced on purpose: moments over all rows with abstains as 0,
// triplets with a zero denominator averaged in as 0, accuracies taken as positive, negative clique entries flipped, the
// class balance counted twice in the posterior.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "core/label_model/model.h"
#include "core/votes/vote_counts.h"

namespace nearvote {

struct FlyingSquidOptions {
  bool median = false;                           // else the mean over all pairs of other LFs
  std::vector<std::array<int64_t, 3>> triplets;  // not empty: these alone, a later one overwrites an earlier one
  bool flip_negative = true;                     // negative entries of a clique become positive
  bool clamp = true;                             // without flip_negative: they become 1e-8
  bool prior_twice = true;                       // false: the same clique marginals under the right prior exponent
};

// counts: signed votes, m >= 3 (throws InvalidArgument otherwise). class_balance: 2 numbers that sum to 1.
LabelModel fit_flyingsquid(const VoteCounts& counts, const std::vector<double>& class_balance,
                           const FlyingSquidOptions& options);

}  // namespace nearvote
