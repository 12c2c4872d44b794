// Two sets as one, without checking or normalising any row again; the first one's rows stay where they are if they can.
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
      precision_(head.rows_ > 0 ? head.precision_ : tail.precision_),
      centre_(head.rows_ > 0 ? head.centre_ : tail.centre_) {
  check_comparable(tail, head);
  if (rows_ >= std::numeric_limits<int32_t>::max())
    throw expected("fewer than 2^31 rows", "embeddings", std::to_string(rows_));
  filter_norm_ = head.filter_norm_;
  for (int64_t i = 0; i < tail.rows_; ++i)  // replaced below where the rows are rounded
    filter_norm_.push_back(tail.row_norm(i));
  allocate_terms();
  std::copy(head.residual_.begin(), head.residual_.end(), residual_.begin());
  if (!scale_.empty() && head.rows_ > 0) {
    std::copy_n(head.scale_.begin(), head.rows_, scale_.begin());
    std::copy_n(head.offset_.begin(), head.rows_, offset_.begin());
  }
  if (!bias_.empty() && head.rows_ > 0) std::copy_n(head.bias_.begin(), head.rows_, bias_.begin());
  if (metric_ == Metric::l2) std::copy_n(tail.bias_.begin(), tail.rows_, bias_.begin() + head.rows_);
  if (!head.zero_rows_.empty() || !tail.zero_rows_.empty())
    for (int64_t i = 0; i < rows_; ++i)
      zero_rows_.push_back(i < head.rows_ ? head.is_zero(i) : tail.is_zero(i - head.rows_));

  int64_t at_end = head.rows_;
  const bool in_place = rows_ <= head.memory_->capacity && head.memory_->used.compare_exchange_strong(at_end, rows_);
  memory_ = in_place ? head.memory_ : std::make_shared<Memory>(rows_, rows_ / 2, stride_, packed_panel_size());
  if (in_place)
    grown_from_ = head.rows_;
  else
    copy_rows(head, threads);
  if (tail.rows_ > 0)
    std::memcpy(memory_->values.data() + head.rows_ * stride_, tail.memory_->values.data(),
                static_cast<size_t>(tail.rows_ * stride_) * sizeof(float));
  if (precision_ != simd::Precision::f32) quantize(head.rows_, rows_);
  set_largest();
}

// Whole panels: the last one's other lanes come along.
void EmbeddingSet::copy_rows(const EmbeddingSet& from, int threads) {
  const int64_t tasks = (from.rows_ + kRowsPerTask - 1) / kRowsPerTask;
  parallel_for(tasks, effective_threads(threads, tasks), [&](int64_t task, int) {
    const int64_t begin = task * kRowsPerTask, end = std::min(from.rows_, begin + kRowsPerTask);
    std::memcpy(memory_->values.data() + begin * stride_, from.memory_->values.data() + begin * stride_,
                static_cast<size_t>((end - begin) * stride_) * sizeof(float));
    if (memory_->panels.size() == 0) return;
    const int64_t panels = (end - begin + simd::kLanes - 1) / simd::kLanes;
    std::memcpy(memory_->panels.data() + begin / simd::kLanes * panel_size(), from.panel(begin / simd::kLanes),
                static_cast<size_t>(panels * panel_size()));
  });
}

}  // namespace nearvote
