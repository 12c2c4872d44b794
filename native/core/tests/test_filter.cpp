// The filter of every search keeps its bound, and every set of kernels gives the same canonical scores.
#include "core/tests/check.h"
#include "core/tests/filter_bound.h"
#include "core/tests/kernel_sets.h"

using namespace nearvote;
namespace ref = nearvote::reference;
using ref::Kind;

TEST(filter_scores_keep_their_bound) {
  ref::on_every_isa([] {
    unsigned seed = 4000;
    for (Kind kind : ref::all_kinds())
      for (Metric metric : {Metric::cosine, Metric::dot, Metric::l2})
        for (int64_t dims : {3, 16, 64, 65, 131}) {
          ++seed;
          const ref::Floats q = ref::embeddings(kind, 20, dims, seed), s = ref::embeddings(kind, 300, dims, seed + 1);
          const EmbeddingSet queries(q.view(), metric), support(s.view(), metric);
          if (filterable(queries, support)) CHECK(ref::within_bound(queries, support));
        }
  });
}

TEST(tables_agree_on_canonical_scores) {
  for (int64_t dims : {1, 7, 8, 9, 31, 384, 769}) {
    const ref::Floats rows = ref::embeddings(Kind::mixed_norm, 5, dims, static_cast<unsigned>(dims));
    const EmbeddingSet set(rows.view(), Metric::dot);
    const int64_t padded = (dims + 7) / 8 * 8;
    alignas(64) double wide[1024];
    for (int64_t i = 0; i < padded; ++i) wide[i] = set.row(0)[i];
    const float* others[4];
    for (int r = 0; r < 4; ++r) others[r] = set.row(r + 1);
    for (const std::string& isa : usable_isas()) {
      const simd::Kernels& kernels = *simd::find_kernels(isa);
      double dots[4], squares[4];
      kernels.dot4(wide, others, others, padded, dots);
      kernels.squared_distance4(wide, others, others, padded, squares);
      for (int r = 0; r < 4; ++r) {
        CHECK(dots[r] == ref::dot(set.row(0), others[r], dims));
        CHECK(squares[r] == ref::squared_distance(set.row(0), others[r], dims));
        CHECK(kernels.dot(set.row(0), others[r], dims) == dots[r]);
        CHECK(kernels.squared_distance(set.row(0), others[r], dims) == squares[r]);
      }
    }
  }
}

CHECK_MAIN
