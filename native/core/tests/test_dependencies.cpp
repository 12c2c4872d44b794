// Suggested dependencies on votes drawn from known models.
#include <cmath>
#include <random>

#include "core/label_model/dependencies.h"
#include "core/tests/check.h"

using namespace nearvote;

namespace {

// Eight LFs of coverage .7 and accuracy .75; LF 1 copies LF 0, and LF 5 LF 4, with probability `copy`.
VoteCounts draw(int64_t n, double copy, uint64_t seed) {
  std::mt19937_64 engine(seed);
  const auto chance = [&](double p) { return std::uniform_real_distribution<double>(0, 1)(engine) < p; };
  std::vector<int8_t> votes;
  for (int64_t i = 0; i < n; ++i) {
    const int y = chance(0.5) ? 1 : -1;
    const size_t row = votes.size();
    for (int lf = 0; lf < 8; ++lf) {
      if ((lf == 1 || lf == 5) && chance(copy))
        votes.push_back(votes[row + static_cast<size_t>(lf) - 1]);
      else
        votes.push_back(static_cast<int8_t>(!chance(0.7) ? 0 : chance(0.75) ? y : -y));
    }
  }
  return count_votes({votes.data(), n, 8}, VoteDomain{});
}

}  // namespace

TEST(copied_votes_are_found_and_nothing_else) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    const auto found = suggest_dependencies(draw(4000, 0.5, seed));
    CHECK(found.size() == 2);
    for (const Dependency& pair : found) {
      CHECK((pair.a == 0 && pair.b == 1) || (pair.a == 4 && pair.b == 5));
      CHECK(pair.correlation > 0.2 && pair.z > 4);
    }
  }
}

TEST(independent_lfs_are_left_alone) {
  int suggested = 0;
  for (uint64_t seed = 1; seed <= 100; ++seed) suggested += suggest_dependencies(draw(2000, 0, seed)).empty() ? 0 : 1;
  CHECK(suggested <= 5);  // 1 % of the data sets by design
}

TEST(too_little_to_tell_gives_nothing) {
  const std::vector<int8_t> votes = {1, 0, -1, 0, 1, 1};
  CHECK(suggest_dependencies(count_votes({votes.data(), 2, 3}, VoteDomain{})).empty());
  CHECK(suggest_dependencies(count_votes({votes.data(), 0, 6}, VoteDomain{})).empty());
  CHECK(suggest_dependencies(count_votes({votes.data(), 1, 6}, VoteDomain{})).empty());
}

CHECK_MAIN
