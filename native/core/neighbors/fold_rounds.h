// Rounds of smoothing in many lanes that share every list entry read. A row's states of all lanes lie side by side,
// kept classes first, then lanes; a neighbour is then a few cache lines. Only included by posterior_folds.cpp.
#pragma once

#include <algorithm>
#include <vector>

#include "core/base/aligned.h"
#include "core/neighbors/fold_lanes.h"
#include "core/neighbors/lanes.h"
#include "core/neighbors/posterior_graph.h"
#include "core/simd/dispatch.h"

namespace nearvote {

template <class Vec>
class PosteriorGraph::FoldRounds {
  static constexpr int kLanes = kLanesOf<Vec>;

 public:
  FoldRounds(const PosteriorGraph& graph, const FoldLanes<Vec>& lanes, const RunOptions& options)
      : graph_(graph),
        lanes_(lanes),
        options_(options),
        kernels_(simd::active_kernels().smoothing),
        states_(graph.rows() * graph.kept()),
        next_(graph.rows() * graph.kept()),
        mean_(graph.classes_),
        inverse_(graph.classes_),
        parts_(graph.blocks() * graph.kept()) {}

  // out: settings x gold rows x K; what the lanes are of.
  void run(int rounds, double* out) {
    first_mean();
    const Vec* before = nullptr;
    for (int ahead = rounds - 1; ahead > 0; --ahead) {
      round(before, ahead == 1);
      std::swap(states_, next_);
      before = states_.data();
    }
    graph_.for_blocks(options_, [&](int64_t begin, int64_t end, int64_t block) {
      const auto is_gold = [&](int64_t row) { return graph_.labels_[static_cast<size_t>(row)] >= 0; };
      auto gold = graph_.gold_from(begin);
      for_rows(before, begin, end, block, is_gold,
               [&](int64_t, const Vec* posterior) { write(gold++ - graph_.gold_.begin(), posterior, out); });
    });
  }

 private:
  // Over rows with votes and the gold rows that are known.
  void first_mean() {
    const int64_t folds = lanes_.folds(), classes = graph_.classes_;
    std::vector<double> more(static_cast<size_t>(folds * (classes + 1)));  // sums and rows that a fold's labels add
    for (size_t place = 0; place < graph_.gold_.size(); ++place) {
      const int64_t row = graph_.gold_[place];
      const double counted = graph_.votes(row) ? 1 : 0;
      double* to = more.data() + static_cast<int64_t>(place) % folds * (classes + 1);
      for (int64_t y = 0; y < classes; ++y) to[y] -= counted * graph_.proba(row)[y];
      to[graph_.label(static_cast<int64_t>(place))] += 1;
      to[classes] += 1 - counted;
    }
    for (int l = 0; l < kLanes; ++l) {
      std::vector<double> sum = graph_.first_mean_;
      for (int64_t fold = 0; fold < folds; ++fold)
        for (int64_t y = 0; lanes_.clamped(l, fold) && y <= classes; ++y)
          sum[static_cast<size_t>(y)] += more[static_cast<size_t>(fold * (classes + 1) + y)];
      set_mean(l, sum, sum.back());
    }
  }

  void set_mean(int lane, const std::vector<double>& sum, double rows) {
    for (int64_t y = 0; y < graph_.classes_; ++y) {
      const double pseudo = 1 / static_cast<double>(graph_.classes_);
      const double mean = (pseudo + std::max(sum[static_cast<size_t>(y)], 0.0)) / (1 + rows);
      lane_of(mean_[y], lane) = static_cast<float>(mean);
      lane_of(inverse_[y], lane) = static_cast<float>(1 / mean);
    }
  }

  // From `before` (null: the first round) into next_: all rows and the mean, or only the neighbours of gold rows.
  void round(const Vec* before, bool only_near) {
    graph_.for_blocks(options_, [&](int64_t begin, int64_t end, int64_t block) {
      const int64_t kept = graph_.kept();
      Vec* part = parts_.data() + block * kept;
      std::fill_n(part, kept, Vec{});
      auto gold = graph_.gold_from(begin);
      const auto wanted = [&](int64_t row) { return !only_near || graph_.near_gold_[static_cast<size_t>(row)] != 0; };
      for_rows(before, begin, end, block, wanted, [&](int64_t row, Vec* state) {
        while (gold != graph_.gold_.end() && *gold < row) ++gold;
        if (gold != graph_.gold_.end() && *gold == row) lanes_.clamp(gold - graph_.gold_.begin(), state);
        Vec* after = next_.data() + row * kept;
        for (int64_t y = 0; y < kept; ++y) {
          after[y] = state[y];
          part[y] = part[y] + state[y];
        }
      });
    });
    if (only_near) return;
    const int64_t kept = graph_.kept();
    const auto rows = static_cast<double>(graph_.rows());
    std::vector<double> sum(static_cast<size_t>(graph_.classes_));
    for (int l = 0; l < kLanes; ++l) {
      std::fill(sum.begin(), sum.end(), 0.0);
      for (int64_t block = 0; block < graph_.blocks(); ++block)
        for (int64_t y = 0; y < kept; ++y) sum[static_cast<size_t>(y) + 1] += lane_of(parts_[block * kept + y], l);
      sum[0] = rows;
      for (int64_t y = 1; y <= kept; ++y) sum[0] -= sum[static_cast<size_t>(y)];
      set_mean(l, sum, rows);
    }
  }

  // Calls use(row, posterior of the kept classes) for the rows of a block that are wanted.
  template <class Wanted, class Use>
  void for_rows(const Vec* before, int64_t begin, int64_t end, int64_t block, Wanted&& wanted, Use&& use) const {
    const int64_t kept = graph_.kept(), width = kept + 2;
    AlignedBuffer<Vec> sums((simd::kLanes + 1) * width), posteriors(simd::kLanes * kept);
    const GoldEntry* entry = graph_.block_entries(block);
    const GoldEntry* entries_end = graph_.block_entries(block + 1);
    for (int64_t first = begin; first < end; first += simd::kLanes) {
      // Rows at random: looked up and written without a branch.
      uint8_t rows[simd::kLanes], place[simd::kLanes];
      int64_t count = 0;
      for (int64_t l = 0; l < std::min<int64_t>(end - first, simd::kLanes); ++l) {
        const bool is_wanted = wanted(first + l);
        rows[count] = static_cast<uint8_t>(l);
        place[l] = is_wanted ? static_cast<uint8_t>(count) : simd::kLanes;
        count += is_wanted ? 1 : 0;
      }
      if (count == 0) {
        while (entry < entries_end && entry->row < first + simd::kLanes) ++entry;
        continue;
      }
      sum(before, first / simd::kLanes, rows, count, sums.data());
      for (; entry < entries_end && entry->row < first + simd::kLanes; ++entry) {
        Vec* to = sums.data() + place[entry->row - first] * width;  // of a row that is not wanted: behind the others
        lanes_.add_gold(*entry, before == nullptr, to);
      }
      finish(first, rows, count, sums.data(), posteriors.data());
      for (int64_t r = 0; r < count; ++r) use(first + rows[r], posteriors.data() + r * kept);
    }
  }

  // Sums of rows of a panel: weight, squares, and the kept classes a row.
  void sum(const Vec* before, int64_t panel, const uint8_t* rows, int64_t count, Vec* sums) const {
    const SmoothingLists& lists = *graph_.lists_;
    const int64_t kept = graph_.kept(), width = kept + 2, k = lists.k();
    for (int64_t r = 0; r < count; ++r) {
      const int64_t row = panel * simd::kLanes + rows[r];
      Vec* to = sums + r * width;
      if (before == nullptr) {
        const auto first = graph_.first_of(row);
        for (int64_t i = 0; i < width; ++i) to[i] = all_lanes<Vec>(static_cast<float>(first(i)));
        continue;
      }
      to[0] = all_lanes<Vec>(static_cast<float>(lists.row_weight(row)));
      to[1] = all_lanes<Vec>(static_cast<float>(lists.row_squares(row)));
      if constexpr (kLanes == 1) {
        const int32_t* index = lists.row_indices(row);
        const float* weights = lists.row_weights(row);
        std::fill_n(to + 2, kept, Vec{});
        for (int64_t j = 0; j < k * simd::kLanes; j += simd::kLanes)
          for (int64_t y = 0; y < kept; ++y) to[2 + y] += weights[j] * before[index[j] * kept + y];
      }
    }
    if constexpr (kLanes == simd::kLanes)
      for (int64_t y = 0; before != nullptr && y < kept; ++y)
        kernels_.lane_sums(lists.indices(panel), lists.weights(panel), k, floats(before + y), kept * kLanes, rows,
                           count, floats(sums + 2 + y), width * kLanes);
  }

  // Posteriors of the kept classes of rows of a panel from their sums (knn_posterior.h).
  void finish(int64_t first, const uint8_t* rows, int64_t count, const Vec* sums, Vec* posteriors) const {
    const int64_t kept = graph_.kept();
    if constexpr (kLanes == simd::kLanes) {
      if (kept == 1) {
        Vec own[simd::kLanes];
        for (int64_t r = 0; r < count; ++r) own[r] = lanes_.own(first + rows[r], 1);
        return kernels_.lane_two_classes(floats(sums), floats(own), floats(mean_.data()), floats(inverse_.data()),
                                         count, floats(posteriors));
      }
    }
    for (int64_t r = 0; r < count; ++r) {
      const int64_t row = first + rows[r];
      const Vec *of_row = sums + r * (kept + 2), scale = share(of_row[0], of_row[1]);
      Vec rest = scale * of_row[0], total{}, *out = posteriors + r * kept;
      for (int64_t y = kept; y >= 0; --y) {
        const Vec of_class = positive(y == 0 ? rest : scale * of_row[1 + y]);
        rest = rest - of_class;
        const Vec value = lanes_.own(row, y) * (of_class + mean_[y]) * inverse_[y];
        if (y > 0) out[y - 1] = value;
        total = total + value;
      }
      total = all_lanes<Vec>(1) / total;
      for (int64_t y = 0; y < kept; ++y) out[y] = out[y] * total;
    }
  }

  // Of the lanes from which a gold row's label was hidden.
  void write(int64_t place, const Vec* posterior, double* out) const {
    const int64_t classes = graph_.classes_;
    const auto places = static_cast<int64_t>(graph_.gold_.size());
    for (int l = 0; l < lanes_.used(); ++l) {
      const FoldLane& lane = lanes_.lane(l);
      if (lane.hidden.fold >= 0 && !lane.hidden(place)) continue;
      double* to = out + (static_cast<int64_t>(lane.setting) * places + place) * classes;
      double rest = 1;
      for (int64_t y = 1; y < classes; ++y) rest -= to[y] = lane_of(posterior[y - 1], l);
      to[0] = std::max(rest, 0.0);
    }
  }

  static const float* floats(const Vec* values) { return reinterpret_cast<const float*>(values); }
  static float* floats(Vec* values) { return reinterpret_cast<float*>(values); }

  const PosteriorGraph& graph_;
  const FoldLanes<Vec>& lanes_;
  const RunOptions& options_;
  const simd::SmoothingKernels& kernels_;
  AlignedBuffer<Vec> states_, next_;   // n x kept classes
  AlignedBuffer<Vec> mean_, inverse_;  // K: of the states before the next round
  AlignedBuffer<Vec> parts_;           // blocks x kept classes: sums of states
};

}  // namespace nearvote
