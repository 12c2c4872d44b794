// What a session grows by rows with: embeddings in place, lists that are shared where they stay as they are, and scores
// whose bound holds. Expectations come from the same computed at once for all rows.
#include <algorithm>
#include <memory>

#include "core/neighbors/canonical.h"
#include "core/session/neighbor_lists.h"
#include "core/session/row_values.h"
#include "core/tests/check.h"
#include "core/tests/neighbors_reference.h"

using namespace nearvote;

namespace {

constexpr Metric kMetrics[] = {Metric::cosine, Metric::dot, Metric::l2};

FloatMatrix part(const reference::Floats& all, int64_t begin, int64_t end) {
  return {all.view().row(begin), end - begin, all.cols};
}

// Not below another bound, and hardly above it.
bool bounds_as_well(float bound, float other) { return bound >= other && bound <= other * (1 + 0x1p-18f); }

// What is known of the rounded form, unless a part alone is packed otherwise than all together: int8 may be too coarse.
bool same_rows(const EmbeddingSet& grown, const EmbeddingSet& whole, int64_t rows) {
  const bool same_form = grown.precision() == whole.precision();
  for (int64_t i = 0; i < rows; ++i) {
    if (std::memcmp(grown.row(i), whole.row(i), static_cast<size_t>(whole.stride()) * sizeof(float)) != 0) return false;
    if (grown.is_zero(i) != whole.is_zero(i)) return false;
    if (same_form &&
        (!bounds_as_well(grown.filter_norm(i), whole.filter_norm(i)) || grown.residual(i) != whole.residual(i)))
      return false;
  }
  return true;
}

// Entries, ties and scores agree as far as both lists reach, and neither ends early.
bool same_lists(const NeighborLists& a, const NeighborLists& b, int64_t rows) {
  for (int64_t i = 0; i < rows; ++i) {
    const int64_t count = std::min(a.count(i), b.count(i));
    if (count < std::min(std::min(a.length(), b.length()), std::min(a.rows(), b.rows()) - 1)) return false;
    if (!std::equal(a.entries(i), a.entries(i) + count, b.entries(i)) ||
        !std::equal(a.scores(i), a.scores(i) + count, b.scores(i)))
      return false;
  }
  return true;
}

}  // namespace

TEST(a_set_grows_in_its_room_and_gives_it_back) {
  for (const auto kind : reference::all_kinds()) {
    for (const Metric metric : kMetrics) {
      const auto all = reference::embeddings(kind, 100, 37, 5);
      const EmbeddingSet whole(all.view(), metric), head(part(all, 0, 60), metric, {}, "embeddings", 30);
      const float* before = head.row(0);
      {
        const EmbeddingSet grown(head, EmbeddingSet(part(all, 60, 85), metric), 0);
        CHECK(grown.row(0) == before && grown.rows() == 85 && same_rows(grown, whole, 85));
        // The room is taken: a second set grown from the same rows is a copy, as is one that needs more.
        const EmbeddingSet second(head, EmbeddingSet(part(all, 60, 62), metric), 0);
        CHECK(second.row(0) != before && same_rows(second, whole, 62));
        const EmbeddingSet more(grown, EmbeddingSet(part(all, 85, 100), metric), 0);
        CHECK(more.row(0) != before && same_rows(more, whole, 100));
        for (int64_t i = 0; i < 100; ++i)
          CHECK(more.max_filter_norm() >= more.filter_norm(i) && more.max_residual() >= more.residual(i));
      }
      const EmbeddingSet again(head, EmbeddingSet(part(all, 60, 61), metric), 0);
      CHECK(again.row(0) == before && same_rows(again, whole, 61));
      CHECK(same_rows(head, whole, 60));
    }
  }
}

TEST(values_grow_in_their_room_and_give_it_back) {
  RowValues<int32_t> head(100, 7);
  const auto holds = [](const RowValues<int32_t>& values, const std::vector<int32_t>& last) {
    return values.size() == 100 + static_cast<int64_t>(last.size()) &&
           std::all_of(values.begin(), values.begin() + 100, [](int32_t value) { return value == 7; }) &&
           std::equal(last.begin(), last.end(), values.begin() + 100, values.end());
  };
  {
    RowValues<int32_t> grown = head.grown(2);
    grown.writable()[100] = 1;
    grown.writable()[101] = 2;
    CHECK(grown.shares_memory_with(head) && holds(grown, {1, 2}) && holds(head, {}));
    // The room is taken, also while only a copy shows it.
    RowValues<int32_t> shown = grown;
    grown = {};
    RowValues<int32_t> second = head.grown(1);
    second.writable()[100] = 3;
    CHECK(!second.shares_memory_with(head) && holds(second, {3}) && holds(shown, {1, 2}));
    RowValues<int32_t> third = shown.grown(1);
    third.writable()[102] = 4;
    CHECK(third.shares_memory_with(head) && holds(third, {1, 2, 4}) && holds(shown, {1, 2}));
    CHECK(!head.grown(100000).shares_memory_with(head));
  }
  CHECK(head.grown(1).shares_memory_with(head));
  RowValues<int32_t> apart = head.copy();
  apart.writable()[0] = 8;
  CHECK(holds(head, {}) && !apart.shares_memory_with(head) && apart[0] == 8);
  CHECK(RowValues<int32_t>().grown(3).size() == 3);
}

TEST(scores_of_the_rows_that_came_keep_their_bound) {
  for (const auto kind : reference::all_kinds()) {
    for (const Metric metric : kMetrics) {
      const auto all = reference::embeddings(kind, 400, 50, 7);
      const EmbeddingSet set(all.view(), metric);
      const TailScores tail(set, 320, {});
      double worst = 0;
      for (int64_t at = 0; at < tail.count(); ++at)
        for (int64_t row = 0; row < set.rows(); ++row) {
          const double key = canonical_key(metric, set.row(320 + at), set.row(row), set.dims());
          const double half = metric == Metric::l2 ? key / 2 : key;
          worst = std::max(worst, std::fabs(half - static_cast<double>(tail.of(at)[row])) - tail.error(at));
          CHECK(!(TailScores::below_key(metric, key) > half));
          CHECK(!(TailScores::below_score(metric, static_cast<float>(score_of_key(metric, key))) > half));
        }
      CHECK(worst <= 0);
    }
  }
}

TEST(grown_lists_are_those_of_all_rows) {
  for (const auto kind : reference::all_kinds()) {
    for (const Metric metric : kMetrics) {
      for (const int64_t length : {1, 7, 200}) {
        const auto all = reference::embeddings(kind, 150, 20, 3);
        const EmbeddingSet whole(all.view(), metric);
        auto set = std::make_shared<EmbeddingSet>(part(all, 0, 110), metric, RunOptions{}, "embeddings", 100);
        NeighborLists lists(*set, length);
        const NeighborLists first(*set, length);
        for (const int64_t rows : {111, 111, 140, 150}) {
          const auto grown =
              std::make_shared<EmbeddingSet>(*set, EmbeddingSet(part(all, set->rows(), rows), metric), 0);
          const NeighborLists next(*grown, TailScores(*grown, set->rows(), {}), lists, {});
          CHECK(same_lists(next, NeighborLists(EmbeddingSet(part(all, 0, rows), metric), length), rows));
        }
        CHECK(same_lists(lists, first, 110));
      }
    }
  }
}

TEST(lists_that_are_dropped_leave_their_memory_to_the_next) {
  const auto all = reference::embeddings(reference::Kind::clustered, 3000, 16, 9);
  const EmbeddingSet set(part(all, 0, 2950), Metric::cosine),
      grown(set, EmbeddingSet(part(all, 2950, 3000), Metric::cosine), 0);
  const TailScores tail(grown, 2950, {});
  const NeighborLists lists(set, 20);
  int64_t bytes = 0;
  for (int round = 0; round < 20; ++round) {
    const NeighborLists next(grown, tail, lists, {});
    if (round == 0) bytes = next.bytes();
    CHECK(next.bytes() == bytes);
  }
  CHECK(same_lists(lists, NeighborLists(set, 20), 2950));
}

CHECK_MAIN
