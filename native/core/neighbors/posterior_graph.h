// Posterior smoothing (knn_posterior.h) of rows among themselves: label propagation from the rows' own evidence, with
// gold rows clamped. What rounds and settings share is worked out once: the sums of weights, which are the same in
// every round but the first one; the sums of the first round, where only rows with evidence count; and the entries that
// are gold rows, whose weight depends on the settings. Sums over neighbours are taken with every neighbour at weight
// one; what gold rows count beyond that is added behind them.
//
// States are held without class 0, whose share is what the others leave over. Rows of two classes go through a round in
// panels, side by side (simd/kernels.h).
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/base/aligned.h"
#include "core/base/parallel.h"
#include "core/neighbors/run_options.h"
#include "core/neighbors/smoothing_lists.h"

namespace nearvote {

struct SmoothingSettings {
  double own_weight;   // own_factor's
  double gold_weight;  // a gold row counts like that many others; 0: it is a row like others
};

// Of the gold rows, in ascending order, every `folds`-th from `fold` on is not known; fold < 0: all are known.
struct HiddenGold {
  int64_t fold = -1, folds = 1;

  bool operator()(int64_t place) const { return fold >= 0 && place % folds == fold; }
};

struct SmoothedRows {
  Beliefs beliefs;                // after all rounds but the last
  std::vector<double> proba;      // n x K: after the last one, in which no row is clamped
  std::vector<uint8_t> evidence;  // n: 1 where a row has votes or a neighbour
};

class PosteriorGraph {
 public:
  // lists: of n rows. proba: n x K, posterior of every row from its own votes; counts: n, its votes; labels: n, class
  // index of a gold row or -1; balance: K, positive.
  PosteriorGraph(std::shared_ptr<const SmoothingLists> lists, std::vector<double> proba, std::vector<int32_t> counts,
                 std::vector<int32_t> labels, std::vector<double> balance, const RunOptions& options);

  int64_t rows() const { return lists_->rows(); }
  int64_t classes() const { return classes_; }
  const std::vector<int32_t>& gold() const { return gold_; }  // rows, ascending
  const double* proba(int64_t row) const { return proba_.data() + row * classes_; }

  // rounds >= 2.
  SmoothedRows smooth(const SmoothingSettings& settings, const HiddenGold& hidden, int rounds,
                      const RunOptions& options) const;

  // The rows' own posteriors, as smooth() would give them without neighbours.
  SmoothedRows alone(const RunOptions& options) const;

  // Every gold row's posterior with the labels of its fold hidden: settings x gold rows x K. Where gold rows count for
  // nothing, hiding them changes nothing. In single precision, many settings and folds side by side
  // (posterior_folds.cpp). Only neighbours of gold rows go through the last round but one, so the last two rounds
  // divide by the same mean state. rounds >= 2; own weights <= 1.
  std::vector<double> cross_validate(const std::vector<SmoothingSettings>& settings, int64_t folds, int rounds,
                                     const RunOptions& options) const;

 private:
  class Rounds;     // posterior_rounds.cpp
  struct FoldLane;  // fold_lanes.h
  struct OwnFactors;
  template <class Vec>
  class FoldLanes;
  template <class Vec>
  class FoldRounds;  // fold_rounds.h

  static constexpr int64_t kBlock = 256;  // rows of a task

  // Entry of a row's list that is a gold row.
  struct GoldEntry {
    int32_t row;    // whose list
    int32_t place;  // among gold_
    float weight;
  };

  int64_t blocks() const { return (rows() + kBlock - 1) / kBlock; }
  int64_t padded_rows() const { return lists_->panels() * simd::kLanes; }
  int64_t kept() const { return classes_ - 1; }  // classes whose states are held
  bool in_panels() const { return classes_ == 2; }
  // Calls body(first row, end, block) for blocks of rows.
  template <class Body>
  void for_blocks(const RunOptions& options, Body&& body) const {
    parallel_for(blocks(), effective_threads(options.threads, blocks()), [&](int64_t block, int) {
      options.job.check();
      body(block * kBlock, std::min(rows(), (block + 1) * kBlock), block);
    });
  }
  // The gold rows from `row` on.
  std::vector<int32_t>::const_iterator gold_from(int64_t row) const {
    return std::lower_bound(gold_.begin(), gold_.end(), row);
  }
  int32_t label(int64_t place) const { return labels_[static_cast<size_t>(gold_[static_cast<size_t>(place)])]; }
  bool votes(int64_t row) const { return counts_[static_cast<size_t>(row)] > 0; }
  // Up to those of the next block.
  const GoldEntry* block_entries(int64_t block) const {
    return gold_entries_.data() + block_entries_[static_cast<size_t>(block)];
  }
  // Sums of the first round, without gold: weight, squares, and the kept classes. In panels: 3 * kLanes a panel.
  const double* first(int64_t row) const { return first_.data() + row * (kept() + 2); }
  // Those of one row, by number.
  auto first_of(int64_t row) const {
    const int64_t lane = in_panels() ? row % simd::kLanes : 0, step = in_panels() ? simd::kLanes : 1;
    return [from = first(row - lane) + lane, step](int64_t i) { return from[i * step]; };
  }
  // Two classes: own factors of class 1 over those of class 0 of all rows.
  template <class Number>
  void own_ratios(double own_weight, const RunOptions& options, Number* out) const {
    const double prior = balance_[1] / balance_[0];
    for_blocks(options, [&](int64_t begin, int64_t end, int64_t) {
      for (int64_t row = begin; row < end; ++row)
        out[row] = static_cast<Number>(prior * std::exp(own_weight * evidence_[row]));
    });
  }
  void sum_first(const RunOptions& options);
  void find_gold(const RunOptions& options);
  OwnFactors own_factors(double own_weight, const RunOptions& options) const;
  template <class Vec>
  void run_folds(const std::vector<SmoothingSettings>& settings, int64_t folds, int rounds, const RunOptions& options,
                 double* out) const;

  std::shared_ptr<const SmoothingLists> lists_;
  int64_t classes_;
  std::vector<double> proba_;
  std::vector<int32_t> counts_;
  std::vector<int32_t> labels_;
  std::vector<double> balance_;
  std::vector<int32_t> gold_;
  AlignedBuffer<double> evidence_;  // of two classes: n, own_evidence
  AlignedBuffer<double> first_;
  std::vector<double> first_mean_;       // K + 1: sums over rows with votes, and their number
  std::vector<GoldEntry> gold_entries_;  // by panel
  std::vector<int64_t> block_entries_;   // the first one of every block, and the end
  std::vector<uint8_t> near_gold_;       // n: 1 where a row is a neighbour of a gold row
};

}  // namespace nearvote
