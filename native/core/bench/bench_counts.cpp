// Times the counting of all pairs of LFs from bit planes that exist already: bench_counts [n] [m] [threads].
// Votes: every LF on 5-20 % of the rows. Prints the milliseconds of one count after an unmeasured one.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

#include "core/votes/bit_planes.h"
#include "core/votes/vote_counts.h"

using namespace nearvote;

int main(int argc, char** argv) {
  const auto number = [&](int i, int64_t otherwise) { return argc > i ? std::atoll(argv[i]) : otherwise; };
  const int64_t n = number(1, 1000000), m = number(2, 50);
  const int threads = static_cast<int>(number(3, 2));
  std::mt19937 rng(1);
  std::vector<int8_t> votes(static_cast<size_t>(n * m));
  for (size_t i = 0; i < votes.size(); ++i)
    if (rng() % 100 < 5 + 15 * (i % static_cast<size_t>(m)) / static_cast<size_t>(m)) votes[i] = rng() % 2 ? 1 : -1;
  const BitPlanes planes = pack_votes({votes.data(), n, m}, VoteDomain{}, threads);
  count_planes(planes, threads);
  const auto start = std::chrono::steady_clock::now();
  const VoteCounts counts = count_planes(planes, threads);
  const std::chrono::duration<double, std::milli> time = std::chrono::steady_clock::now() - start;
  std::printf("%.4f\n", time.count());
  return counts.votes(0) > 0 ? 0 : 1;
}
