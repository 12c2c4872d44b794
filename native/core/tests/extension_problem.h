// One problem of extension and its answer by brute force, for any query chunk, thread count and set of kernels.
#pragma once

#include <cstdio>

#include "core/neighbors/nearest_voters.h"
#include "core/tests/check.h"
#include "core/tests/kernel_sets.h"
#include "core/tests/neighbors_reference.h"

namespace nearvote::reference {

inline constexpr Metric kMetrics[] = {Metric::cosine, Metric::dot, Metric::l2};
inline const VoteDomain kBinary{2, true};
inline const VoteDomain kThreeClasses{3, false};

struct ExtensionProblem {
  Metric metric;
  VoteDomain domain;
  Floats q, s;
  Votes qv, sv;
  std::vector<double> thresholds;  // every other LF has none; the others let a fiftieth of the pairs through
  std::vector<Nearest> nearest;
  Extended extended;

  ExtensionProblem(Kind kind, Metric metric_, int64_t n_queries, int64_t n_support, int64_t dims, int64_t lfs,
                   const VoteDomain& domain_, double coverage, unsigned seed)
      : ExtensionProblem(embeddings(kind, n_queries, dims, seed), embeddings(kind, n_support, dims, seed + 1), metric_,
                         lfs, domain_, coverage, seed) {}

  ExtensionProblem(Floats queries, Floats support, Metric metric_, int64_t lfs, const VoteDomain& domain_,
                   double coverage, unsigned seed)
      : metric(metric_),
        domain(domain_),
        q(std::move(queries)),
        s(std::move(support)),
        qv(votes(q.rows, lfs, domain, coverage, seed + 2)),
        sv(votes(s.rows, lfs, domain, coverage, seed + 3)) {
    const std::vector<double> all = keys(q, s, metric);
    std::vector<double> sorted = all;
    std::nth_element(sorted.begin(), sorted.begin() + static_cast<int64_t>(sorted.size() / 50), sorted.end(),
                     std::greater<>());
    const double open = std::numeric_limits<double>::infinity();
    for (int64_t lf = 0; lf < lfs; ++lf)
      thresholds.push_back(lf % 2 != 0 ? score(metric, sorted[sorted.size() / 50])
                                       : (metric == Metric::l2 ? open : -open));
    nearest = nearest_voters(q, qv, s, sv, domain, metric, all);
    extended = extend(qv, nearest, domain, metric, thresholds);
  }

  // The queries from `first` on, by extend_votes and by NearestVoters.
  void check(const EmbeddingSet& queries, const EmbeddingSet& support, int64_t first, int threads) const {
    const VoteMatrix query_votes{qv.view().row(first), queries.rows(), qv.cols};
    const int64_t begin = first * qv.cols, end = begin + query_votes.size();
    Extended got = room_for(end - begin);
    const auto part = [&](const auto& all) { return std::vector(all.begin() + begin, all.begin() + end); };
    const auto right = [&] {
      return got.votes == part(extended.votes) && got.neighbors == part(extended.neighbors) &&
             same(got.scores, part(extended.scores));
    };
    int32_t progress = 0;
    RunOptions options;
    options.threads = threads;
    options.job.progress = &progress;
    extend_votes(queries, query_votes, support, sv.view(), domain, thresholds.data(), got.votes.data(),
                 got.neighbors.data(), got.scores.data(), options);
    const bool extend_ok = right() && progress == 1000;
    const NearestVoters voters(queries, query_votes, support, sv.view(), domain, options);
    voters.extend(thresholds.data(), got.votes.data(), got.neighbors.data(), got.scores.data());
    bool voters_ok = right();
    for (int64_t i = 0; i < queries.rows(); ++i)
      for (int64_t lf = 0; lf < qv.cols; ++lf)
        for (int c = 0; c < domain.classes; ++c) {
          const Nearest& e = nearest[static_cast<size_t>(((first + i) * qv.cols + lf) * domain.classes + c)];
          const NearestVoters::Nearest n = voters.nearest(i, lf, c);
          voters_ok = voters_ok && n.row == e.row && n.score == score(metric, e.key);
        }
    if (!extend_ok || !voters_ok)
      std::printf("  %s metric %d d %d threads %d queries %d+%d: extend %d voters %d\n", support.kernels().name,
                  static_cast<int>(metric), static_cast<int>(q.cols), threads, static_cast<int>(first),
                  static_cast<int>(queries.rows()), extend_ok, voters_ok);
    CHECK(extend_ok && voters_ok);
  }

  // Plain rows of the queries.
  void check_rows(const EmbeddingSet& support, int64_t first, int64_t count, int threads) const {
    check(EmbeddingSet({q.view().row(first), count, q.cols}, metric), support, first, threads);
  }

  void check_on_every_isa() const {
    on_every_isa([&] { check_rows(EmbeddingSet(s.view(), metric), 0, q.rows, 2); });
  }
};

}  // namespace nearvote::reference
