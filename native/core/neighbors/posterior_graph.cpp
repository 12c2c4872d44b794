#include "core/neighbors/posterior_graph.h"

#include <bit>
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
  if (in_panels()) {
    evidence_ = AlignedBuffer<double>(rows());
    own_evidence(proba_.data(), counts_.data(), balance_, rows(), evidence_.data(), options.threads);
  }
  sum_first(options);
  find_gold(options);
}

void PosteriorGraph::sum_first(const RunOptions& options) {
  const int64_t width = classes_ + 1;
  std::vector<double> parts(static_cast<size_t>(blocks() * width));
  AlignedBuffer<double> states(in_panels() ? rows() : 0);  // negative: does not count
  for_blocks(options, [&](int64_t begin, int64_t end, int64_t block) {
    double* part = parts.data() + block * width;
    for (int64_t row = begin; row < end; ++row) {
      if (in_panels()) states[row] = votes(row) ? proba(row)[1] : -1;
      if (!votes(row)) continue;
      for (int64_t y = 0; y < classes_; ++y) part[y] += proba(row)[y];
      part[classes_] += 1;
    }
  });
  first_mean_.assign(static_cast<size_t>(width), 0.0);
  for (size_t at = 0; at < parts.size(); ++at) first_mean_[at % first_mean_.size()] += parts[at];
  if (in_panels()) {
    const auto& kernels = simd::active_kernels().smoothing;
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
  const auto& kernels = simd::active_kernels().smoothing;
  std::vector<uint8_t> is_gold(static_cast<size_t>(rows()) + 3);
  AlignedBuffer<int32_t> places(rows());  // of gold rows
  for (size_t place = 0; place < gold_.size(); ++place) {
    is_gold[static_cast<size_t>(gold_[place])] = 1;
    places[gold_[place]] = static_cast<int32_t>(place);
  }
  near_gold_.resize(static_cast<size_t>(rows()));
  for (const int32_t row : gold_) {
    const int32_t* index = lists_->row_indices(row);
    for (int64_t j = 0; j < lists_->k() * simd::kLanes; j += simd::kLanes)
      near_gold_[static_cast<size_t>(index[j])] = 1;
  }
  std::vector<std::vector<GoldEntry>> found(static_cast<size_t>(blocks()));
  for_blocks(options, [&](int64_t begin, int64_t end, int64_t block) {
    auto& mine = found[static_cast<size_t>(block)];
    std::vector<uint16_t> marked(static_cast<size_t>(lists_->k()));
    for (int64_t first = begin; first < end; first += simd::kLanes) {
      const int32_t* index = lists_->indices(first / simd::kLanes);
      const float* weights = lists_->weights(first / simd::kLanes);
      if (!kernels.marked(index, lists_->k(), is_gold.data(), marked.data())) continue;
      for (const unsigned lanes : marked) {
        for (unsigned left = lanes; left != 0; left &= left - 1) {
          const int l = std::countr_zero(left);
          if (weights[l] > 0) mine.push_back({static_cast<int32_t>(first + l), places[index[l]], weights[l]});
        }
        index += simd::kLanes;
        weights += simd::kLanes;
      }
    }
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
