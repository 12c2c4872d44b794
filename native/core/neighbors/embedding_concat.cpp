// Two sets as one, without checking or normalising any row again.
#include <algorithm>
#include <cstring>
#include <limits>

#include "core/base/parallel.h"
#include "core/neighbors/embedding_set.h"

namespace nearvote {
namespace {

constexpr int64_t kRowsPerTask = 1024;  // whole panels

}  // namespace

EmbeddingSet::EmbeddingSet(const EmbeddingSet& head, const EmbeddingSet& tail, int threads)
    : rows_(head.rows_ + tail.rows_),
      dims_(head.dims_),
      stride_(head.stride_),
      metric_(head.metric_),
      kernels_(head.kernels_),
      max_filter_norm_(std::max(head.max_filter_norm_, tail.max_filter_norm_)),
      max_residual_(std::max(head.max_residual_, tail.max_residual_)),
      max_bias_(std::max(head.max_bias_, tail.max_bias_)) {
  check_comparable(tail, head);
  if (rows_ >= std::numeric_limits<int32_t>::max())
    throw expected("fewer than 2^31 rows", "embeddings", std::to_string(rows_));
  values_ = AlignedBuffer<float>(rows_ * stride_);
  const auto join = [&](auto member) {
    auto& joined = this->*member;
    joined.assign((head.*member).begin(), (head.*member).end());
    joined.insert(joined.end(), (tail.*member).begin(), (tail.*member).end());
  };
  join(&EmbeddingSet::filter_norm_);
  join(&EmbeddingSet::residual_);
  if (metric_ == Metric::l2) {
    bias_.assign(head.bias_.begin(), head.bias_.begin() + head.rows_);
    bias_.insert(bias_.end(), tail.bias_.begin(), tail.bias_.begin() + tail.rows_);
    bias_.resize(static_cast<size_t>((rows_ + simd::kLanes - 1) / simd::kLanes * simd::kLanes));
  }
  if (!head.zero_rows_.empty() || !tail.zero_rows_.empty())
    for (int64_t i = 0; i < rows_; ++i)
      zero_rows_.push_back(i < head.rows_ ? head.is_zero(i) : tail.is_zero(i - head.rows_));

  const bool bf16 = kernels_->precision == simd::Precision::bf16;
  if (bf16) panels_ = AlignedBuffer<uint16_t>((rows_ + simd::kLanes - 1) / simd::kLanes * panel_size());
  const int64_t tasks = (rows_ + kRowsPerTask - 1) / kRowsPerTask;
  parallel_for(tasks, effective_threads(threads, tasks), [&](int64_t task, int) {
    const int64_t begin = task * kRowsPerTask, end = std::min(rows_, begin + kRowsPerTask);
    const int64_t split = std::clamp(head.rows_, begin, end);
    const auto copy_rows = [&](const EmbeddingSet& from, int64_t first, int64_t to, int64_t count) {
      if (count > 0)
        std::memcpy(values_.data() + to * stride_, from.values_.data() + first * stride_,
                    static_cast<size_t>(count * stride_) * sizeof(float));
    };
    copy_rows(head, begin, begin, split - begin);
    copy_rows(tail, split - head.rows_, split, end - split);
    if (!bf16) return;
    // Full panels of the head as they are; what shares a panel with the tail, or is the tail's, is rounded again.
    const int64_t whole = std::max(begin, split / simd::kLanes * simd::kLanes);
    if (whole > begin)
      std::memcpy(panels_.data() + begin / simd::kLanes * panel_size(), head.panel(begin / simd::kLanes),
                  static_cast<size_t>((whole - begin) / simd::kLanes * panel_size()) * sizeof(uint16_t));
    if (whole < end) quantize(whole, end);
  });
}

}  // namespace nearvote
