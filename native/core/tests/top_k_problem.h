// One problem of top-k and its answer by brute force, for several k, any query chunk, thread count and set of kernels.
#pragma once

#include <cstdio>

#include "core/neighbors/top_k.h"
#include "core/tests/check.h"
#include "core/tests/kernel_sets.h"
#include "core/tests/neighbors_reference.h"

namespace nearvote::reference {

struct TopKProblem {
  Metric metric;
  Floats q, s;
  std::vector<int64_t> ks;  // ascending
  TopK expected;            // of the last k

  TopKProblem(Kind kind, Metric metric_, int64_t n_queries, int64_t n_support, int64_t dims, unsigned seed,
              std::vector<int64_t> ks_)
      : TopKProblem(embeddings(kind, n_queries, dims, seed), embeddings(kind, n_support, dims, seed + 1), metric_,
                    std::move(ks_)) {}

  TopKProblem(Floats queries, Floats support, Metric metric_, std::vector<int64_t> ks_)
      : metric(metric_),
        q(std::move(queries)),
        s(std::move(support)),
        ks(std::move(ks_)),
        expected(reference::top_k(keys(q, s, metric), q.rows, s.rows, ks.back(), metric)) {}

  // The k nearest of the queries first .. first + count.
  TopK nearest(int64_t first, int64_t count, int64_t k) const {
    TopK out;
    for (int64_t i = first; i < first + count; ++i)
      for (int64_t r = 0; r < k; ++r) {
        out.indices.push_back(expected.indices[static_cast<size_t>(i * ks.back() + r)]);
        out.scores.push_back(expected.scores[static_cast<size_t>(i * ks.back() + r)]);
      }
    return out;
  }

  // The queries from `first` on.
  void check(const EmbeddingSet& queries, const EmbeddingSet& support, int64_t first, int threads) const {
    for (const int64_t k : ks) {
      TopK got{std::vector<int32_t>(static_cast<size_t>(queries.rows() * k)),
               std::vector<float>(static_cast<size_t>(queries.rows() * k))};
      int32_t progress = 0;
      RunOptions options;
      options.threads = threads;
      options.job.progress = &progress;
      nearvote::top_k(queries, support, k, got.indices.data(), got.scores.data(), options);
      const TopK wanted = nearest(first, queries.rows(), k);
      const bool right = got.indices == wanted.indices && same(got.scores, wanted.scores) && progress == 1000;
      if (!right)
        std::printf("  %s metric %d d %d threads %d queries %d+%d k %d\n", support.kernels().name,
                    static_cast<int>(metric), static_cast<int>(q.cols), threads, static_cast<int>(first),
                    static_cast<int>(queries.rows()), static_cast<int>(k));
      CHECK(right);
    }
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
