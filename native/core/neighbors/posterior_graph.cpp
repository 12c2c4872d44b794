#include "core/neighbors/posterior_graph.h"

#include <utility>

#include "core/simd/dispatch.h"

namespace nearvote {

PosteriorGraph::PosteriorGraph(std::shared_ptr<const SmoothingLists> lists, std::vector<double> proba,
                               std::vector<int32_t> counts, std::vector<int32_t> labels, std::vector<double> balance,
                               const RunOptions& options)
    : lists_(std::move(lists)),
      classes_(static_cast<int64_t>(balance.size())),
      proba_(std::move(proba)),
      counts_(std::move(counts)),
      labels_(std::move(labels)),
      balance_(std::move(balance)),
      first_(padded_rows() * (kept() + 2)) {
  for (int64_t row = 0; row < rows(); ++row)
    if (labels_[static_cast<size_t>(row)] >= 0) gold_.push_back(static_cast<int32_t>(row));
  sum_first(options);
  find_gold(options);
}

void PosteriorGraph::sum_first(const RunOptions& options) {
  first_mean_.assign(static_cast<size_t>(classes_) + 1, 0.0);
  for (int64_t row = 0; row < rows(); ++row) {
    if (!votes(row)) continue;
    for (int64_t y = 0; y < classes_; ++y) first_mean_[static_cast<size_t>(y)] += proba(row)[y];
    first_mean_.back() += 1;
  }
  if (in_panels()) {
    const auto& kernels = simd::active_kernels().smoothing;
    AlignedBuffer<double> states(rows());  // negative: does not count
    for (int64_t row = 0; row < rows(); ++row) states[row] = votes(row) ? proba(row)[1] : -1;
    for_blocks(options, [&](int64_t begin, int64_t end, int64_t) {
      for (int64_t panel = begin / simd::kLanes; panel * simd::kLanes < end; ++panel)
        kernels.counted_sums(lists_->indices(panel), lists_->weights(panel), lists_->k(), states.data(),
                             first_.data() + panel * 3 * simd::kLanes);
    });
    return;
  }
  const int64_t stride = kept() + 1;
  std::vector<double> counted(static_cast<size_t>(rows() * stride));  // 1 and the posterior of rows with votes, else 0
  for (int64_t row = 0; row < rows(); ++row) {
    if (!votes(row)) continue;
    counted[static_cast<size_t>(row * stride)] = 1;
    std::copy_n(proba(row) + 1, kept(), counted.begin() + row * stride + 1);
  }
  for_blocks(options, [&](int64_t begin, int64_t end, int64_t) {
    std::vector<double> sums(static_cast<size_t>(stride));
    for (int64_t row = begin; row < end; ++row) {
      double* to = first_.data() + row * (stride + 1);
      sum_row(*lists_, counted.data(), stride, row, sums.data());
      to[0] = sums[0];
      to[1] = 0;
      const int32_t* index = lists_->row_indices(row);
      const float* weights = lists_->row_weights(row);
      for (int64_t j = 0; j < lists_->k() * simd::kLanes; j += simd::kLanes) {
        const double weight = weights[j] * counted[static_cast<size_t>(index[j] * stride)];
        to[1] += weight * weight;
      }
      std::copy_n(sums.begin() + 1, kept(), to + 2);
    }
  });
}

void PosteriorGraph::find_gold(const RunOptions& options) {
  block_entries_.assign(static_cast<size_t>(blocks()) + 1, 0);
  if (gold_.empty()) return;
  std::vector<uint8_t> is_gold(static_cast<size_t>(rows()));
  for (const int32_t row : gold_) is_gold[static_cast<size_t>(row)] = 1;
  std::vector<std::vector<GoldEntry>> found(static_cast<size_t>(blocks()));
  for_blocks(options, [&](int64_t begin, int64_t end, int64_t block) {
    auto& mine = found[static_cast<size_t>(block)];
    for (int64_t row = begin; row < end; row += simd::kLanes) {
      const int32_t* index = lists_->row_indices(row);
      const float* weights = lists_->row_weights(row);
      for (int64_t j = 0; j < lists_->k() * simd::kLanes; j += simd::kLanes) {
        uint8_t any = 0;  // gold is rare: a branch for sixteen
        for (int64_t l = 0; l < simd::kLanes; ++l) any |= is_gold[static_cast<size_t>(index[j + l])];
        for (int64_t l = 0; any != 0 && l < simd::kLanes; ++l) {
          const int32_t other = index[j + l];
          if (is_gold[static_cast<size_t>(other)] == 0 || weights[j + l] == 0) continue;
          const auto place = gold_from(other) - gold_.begin();
          mine.push_back({static_cast<int32_t>(row + l), static_cast<int32_t>(place), weights[j + l]});
        }
      }
    }
    std::stable_sort(mine.begin(), mine.end(), [](const GoldEntry& a, const GoldEntry& b) { return a.row < b.row; });
  });
  for (size_t block = 0; block < found.size(); ++block) {
    gold_entries_.insert(gold_entries_.end(), found[block].begin(), found[block].end());
    block_entries_[block + 1] = static_cast<int64_t>(gold_entries_.size());
  }
}

SmoothedRows PosteriorGraph::alone(const RunOptions& options) const {
  const auto n = static_cast<size_t>(rows());
  SmoothedRows out{{std::vector<double>(proba_.size()), std::vector<double>(n),
                    std::vector<double>(static_cast<size_t>(classes_), 1.0)},
                   own_factor(proba_.data(), counts_.data(), balance_, 1, rows(), options.threads),
                   std::vector<uint8_t>(n)};
  for (int64_t row = 0; row < rows(); ++row) {
    double *proba = out.proba.data() + row * classes_, total = 0;
    for (int64_t y = 0; y < classes_; ++y) total += proba[y];
    for (int64_t y = 0; y < classes_; ++y) proba[y] /= total;
    out.evidence[static_cast<size_t>(row)] = votes(row) ? 1 : 0;
  }
  return out;
}

}  // namespace nearvote
