// Times the searches on clustered unit vectors:
//   bench_neighbors [extend|voters|topk|one|pairwise|set] [n] [d] [m or k] [threads] [repeats] [clusters]
// one: a single query, top-k. Prints the instruction set, the times and the multiply-add rate of a full product.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <random>
#include <string>
#include <vector>

#include "core/neighbors/nearest_voters.h"
#include "core/neighbors/pairwise.h"
#include "core/neighbors/top_k.h"
#include "core/simd/dispatch.h"

using namespace nearvote;

namespace {

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

// Rows around some centres; an LF covers 5-20 % of the rows, whole clusters first.
struct Data {
  std::vector<float> rows;
  std::vector<int8_t> votes;
  Data(int64_t n, int64_t d, int64_t m, int64_t clusters, unsigned seed)
      : rows(static_cast<size_t>(n * d)), votes(static_cast<size_t>(n * m)) {
    std::mt19937 rng(seed);
    std::normal_distribution<float> normal;
    std::vector<float> centers(static_cast<size_t>(clusters * d));
    for (float& c : centers) c = normal(rng);
    std::vector<int64_t> cluster(static_cast<size_t>(n));
    std::vector<float> noise(1 << 16);
    for (float& x : noise) x = 0.5f * normal(rng);
    for (int64_t i = 0; i < n; ++i) {
      cluster[static_cast<size_t>(i)] = static_cast<int64_t>(rng() % static_cast<uint64_t>(clusters));
      const float* center = centers.data() + cluster[static_cast<size_t>(i)] * d;
      for (int64_t c = 0; c < d; ++c) rows[static_cast<size_t>(i * d + c)] = center[c] + noise[rng() % noise.size()];
    }
    std::uniform_real_distribution<double> uniform;
    for (int64_t lf = 0; lf < m; ++lf) {
      const double coverage = 0.05 + 0.15 * uniform(rng);
      std::vector<double> affinity(static_cast<size_t>(clusters));
      for (double& a : affinity) a = uniform(rng) < coverage ? 0.7 : 0.3 * coverage;
      const int8_t majority = rng() % 2 ? 1 : -1;
      for (int64_t i = 0; i < n; ++i)
        if (uniform(rng) < affinity[static_cast<size_t>(cluster[static_cast<size_t>(i)])])
          votes[static_cast<size_t>(i * m + lf)] = uniform(rng) < 0.85 ? majority : static_cast<int8_t>(-majority);
    }
  }
};

template <class Run>
void measure(const std::string& name, int repeats, double multiply_adds, Run&& run) {
  std::vector<double> times, cpu_times;  // cpu: of all threads; what a busy machine does not blur
  for (int r = 0; r < repeats; ++r) {
    const double start = now();
    const std::clock_t cpu_start = std::clock();
    run();
    times.push_back(now() - start);
    cpu_times.push_back(static_cast<double>(std::clock() - cpu_start) / CLOCKS_PER_SEC);
  }
  std::sort(times.begin(), times.end());
  std::sort(cpu_times.begin(), cpu_times.end());
  const double median = times[times.size() / 2];
  std::printf("%-10s %-9s median %9.3f ms  best %9.3f ms  cpu %9.3f ms (best)  %8.1f GFLOP/s\n", name.c_str(),
              active_isa().c_str(), median * 1e3, times[0] * 1e3, cpu_times[0] * 1e3, 2e-9 * multiply_adds / median);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string what = argc > 1 ? argv[1] : "extend";
  const auto number = [&](int i, int64_t otherwise) { return argc > i ? std::atoll(argv[i]) : otherwise; };
  const int64_t n = number(2, 10000), d = number(3, 768), m = number(4, 10);
  RunOptions options;
  options.threads = static_cast<int>(number(5, 2));
  const int repeats = static_cast<int>(number(6, 7));
  const int64_t clusters = number(7, std::max<int64_t>(1, n / 100));
  const Data data(n, d, what == "extend" || what == "voters" ? m : 1, clusters, 1);
  const FloatMatrix rows{data.rows.data(), n, d};
  const auto pairs = static_cast<double>(n) * static_cast<double>(n) * static_cast<double>(d);

  if (what == "set") {
    measure(what, repeats, static_cast<double>(n * d), [&] { EmbeddingSet(rows, Metric::cosine, options); });
    return 0;
  }
  const EmbeddingSet set(rows, Metric::cosine, options);
  if (what == "extend") {
    const VoteMatrix votes{data.votes.data(), n, m};
    const std::vector<double> thresholds(static_cast<size_t>(m), 0.6);
    std::vector<int8_t> out(data.votes.size());
    std::vector<int32_t> neighbors(out.size());
    std::vector<float> scores(out.size());
    measure(what, repeats, pairs, [&] {
      extend_votes(set, votes, set, votes, VoteDomain{}, thresholds.data(), out.data(), neighbors.data(), scores.data(),
                   options);
    });
  } else if (what == "voters") {
    const VoteMatrix votes{data.votes.data(), n, m};
    measure(what, repeats, pairs, [&] { NearestVoters(set, votes, set, votes, VoteDomain{}, options); });
  } else if (what == "topk") {
    std::vector<int32_t> indices(static_cast<size_t>(n * m));
    std::vector<float> scores(indices.size());
    measure(what, repeats, pairs, [&] { top_k(set, set, m, indices.data(), scores.data(), options); });
  } else if (what == "one") {
    const EmbeddingSet query({data.rows.data(), 1, d}, Metric::cosine, options);
    std::vector<int32_t> indices(static_cast<size_t>(m));
    std::vector<float> scores(indices.size());
    measure(what, repeats, static_cast<double>(n * d),
            [&] { top_k(query, set, m, indices.data(), scores.data(), options); });
  } else if (what == "pairwise") {
    std::vector<float> out(static_cast<size_t>(n * n));
    PairwiseOptions pairwise_options;
    pairwise_options.threads = options.threads;
    measure(what, repeats, pairs,
            [&] { pairwise(set, set, PairwiseOutput::similarity, out.data(), pairwise_options); });
  }
  return 0;
}
