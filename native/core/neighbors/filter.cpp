#include "core/neighbors/filter.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

#include "core/base/parallel.h"

namespace nearvote {
namespace {

float round_down(double x) {
  const auto nearest = static_cast<float>(x);
  return nearest > x ? std::nextafter(nearest, -std::numeric_limits<float>::infinity()) : nearest;
}

// Copies up to 16 rows of a set into one panel, rows of zeros behind them.
void gather_panel(const EmbeddingSet& set, const int32_t* rows, int64_t count, uint16_t* panel) {
  for (int64_t lane = 0; lane < simd::kLanes; ++lane) {
    for (int64_t step = 0; step < set.steps(); ++step) {
      uint16_t* target = panel + (step * simd::kLanes + lane) * simd::kPanelDepth;
      if (lane >= count)
        std::fill_n(target, simd::kPanelDepth, uint16_t{0});
      else
        std::memcpy(target,
                    set.panel(rows[lane] / simd::kLanes) +
                        (step * simd::kLanes + rows[lane] % simd::kLanes) * simd::kPanelDepth,
                    simd::kPanelDepth * sizeof(uint16_t));
    }
  }
}

}  // namespace

bool filterable(const EmbeddingSet& queries, const EmbeddingSet& support) {
  const double q = queries.max_filter_norm(), s = support.max_filter_norm();
  if (support.metric() == Metric::l2 && s > 0x1p50) return false;
  return q * s > 0x1p-80 && q < 0x1p50 && s < 0x1p50;
}

FilterSupport::FilterSupport(const EmbeddingSet& set)
    : set_(set),
      size_(set.rows()),
      panels_(set.kernels().precision == simd::Precision::bf16 ? set.panel(0) : nullptr),
      bias_(set.bias()),
      max_norm_(set.max_filter_norm()),
      max_residual_(set.max_residual()),
      max_bias_(set.max_bias()) {}

FilterSupport::FilterSupport(const EmbeddingSet& set, std::vector<int32_t> rows, int threads) : FilterSupport(set) {
  if (static_cast<int64_t>(rows.size()) == set.rows()) return;
  rows_ = std::move(rows);
  size_ = static_cast<int64_t>(rows_.size());
  const int64_t panels = (size_ + simd::kLanes - 1) / simd::kLanes;
  if (set.kernels().precision == simd::Precision::bf16) {
    gathered_ = AlignedBuffer<uint16_t>(panels * set.panel_size());
    panels_ = gathered_.data();
    parallel_for(panels, threads, [&](int64_t p, int) {
      const int64_t first = p * simd::kLanes;
      gather_panel(set, rows_.data() + first, std::min<int64_t>(simd::kLanes, size_ - first),
                   gathered_.data() + p * set.panel_size());
    });
  }
  if (set.bias() != nullptr) {
    gathered_bias_.resize(static_cast<size_t>(panels * simd::kLanes));
    for (size_t i = 0; i < rows_.size(); ++i) gathered_bias_[i] = set.bias()[rows_[i]];
    bias_ = gathered_bias_.data();
  }
}

QueryBlock::QueryBlock(const EmbeddingSet& queries, const FilterSupport& support, int64_t capacity)
    : queries_(queries), support_(support), tile_(capacity / simd::kLanes * kTileSize) {
  if (queries.kernels().precision == simd::Precision::f32)
    packed_f32_ = AlignedBuffer<float>(capacity * queries.dims());
  else
    packed_bf16_ = AlignedBuffer<uint16_t>(capacity / simd::kLanes * queries.panel_size());
  error_.resize(static_cast<size_t>(capacity));
  if (queries.metric() == Metric::l2) squared_norm_.resize(static_cast<size_t>(capacity));
}

void QueryBlock::load(int64_t first, int64_t count) {
  first_ = first;
  count_ = count;
  rows_.resize(static_cast<size_t>(count));
  std::iota(rows_.begin(), rows_.end(), static_cast<int32_t>(first));
  const simd::Kernels& kernels = queries_.kernels();
  for (int64_t group = 0; group < groups(); ++group) {
    if (kernels.precision == simd::Precision::bf16)
      kernels.pack_bf16(queries_.panel(first / simd::kLanes + group), queries_.steps(),
                        packed_bf16_.data() + group * queries_.panel_size());
    else
      pack_f32(group);
  }
  set_bounds();
}

void QueryBlock::load_rows(const int32_t* rows, int64_t count) {
  count_ = count;
  rows_.assign(rows, rows + count);
  const simd::Kernels& kernels = queries_.kernels();
  const bool bf16 = kernels.precision == simd::Precision::bf16;
  if (bf16 && panel_.size() == 0) panel_ = AlignedBuffer<uint16_t>(queries_.panel_size());
  for (int64_t group = 0; group < groups(); ++group) {
    if (bf16) {
      const int64_t first = group * simd::kLanes;
      gather_panel(queries_, rows + first, std::min<int64_t>(simd::kLanes, count - first), panel_.data());
      kernels.pack_bf16(panel_.data(), queries_.steps(), packed_bf16_.data() + group * queries_.panel_size());
    } else {
      pack_f32(group);
    }
  }
  set_bounds();
}

void QueryBlock::pack_f32(int64_t group) {
  const float* rows[simd::kLanes];
  for (int64_t lane = 0; lane < simd::kLanes; ++lane) {
    const int64_t i = group * simd::kLanes + lane;
    rows[lane] = i < count_ ? queries_.row(rows_[static_cast<size_t>(i)]) : nullptr;
  }
  queries_.kernels().pack_f32(rows, queries_.dims(), packed_f32_.data() + group * simd::kLanes * queries_.dims());
}

void QueryBlock::set_bounds() {
  const simd::Kernels& kernels = queries_.kernels();
  const bool bf16 = kernels.precision == simd::Precision::bf16;
  const double accumulation = kernels.accumulation_error(bf16 ? queries_.steps() * simd::kPanelDepth : queries_.dims());
  for (int64_t i = 0; i < groups() * simd::kLanes; ++i) {
    if (i >= count_) {
      error_[static_cast<size_t>(i)] = 0;
      continue;
    }
    const int32_t query = rows_[static_cast<size_t>(i)];
    const double norm = queries_.filter_norm(query), residual = queries_.residual(query);
    const double magnitude = norm * support_.max_norm() + support_.max_bias();
    // Rounding of the bias, of the epilogue's three operations and of this bound to float: 2^-21 of all magnitudes.
    // Products below the float range: 2^-126 each, far below 2^-100.
    const double error =
        residual * support_.max_norm() + (norm + residual) * support_.max_residual() + accumulation * magnitude;
    error_[static_cast<size_t>(i)] = static_cast<float>((error + 0x1p-21 * magnitude) * (1 + 0x1p-20) + 0x1p-100);
    if (queries_.metric() == Metric::l2) {
      const float* row = queries_.row(query);
      squared_norm_[static_cast<size_t>(i)] = kernels.dot(row, row, queries_.dims());
    }
  }
}

float QueryBlock::score_below(int64_t query_in_block, double key) const {
  if (queries_.metric() != Metric::l2) return round_down(key);
  const double squared_norm = squared_norm_[static_cast<size_t>(query_in_block)];
  return round_down((squared_norm + key) / 2 - 0x1p-40 * (squared_norm - key));
}

void QueryBlock::compute(int64_t block) {
  const simd::Kernels& kernels = queries_.kernels();
  const int64_t begin = block * simd::kBlockRows, rows = support_.block_rows(block);
  const float* bias = support_.bias_ == nullptr ? nullptr : support_.bias_ + begin;
  if (kernels.precision == simd::Precision::bf16) {
    kernels.product_bf16(support_.panels_ + begin / simd::kLanes * queries_.panel_size(),
                         (rows + simd::kLanes - 1) / simd::kLanes, packed_bf16_.data(), groups(), queries_.steps(),
                         bias, tile_.data(), kTileSize);
    return;
  }
  const float* pointers[simd::kBlockRows];
  for (int64_t r = 0; r < rows; ++r) pointers[r] = support_.set_.row(support_.row(begin + r));
  kernels.product_f32(pointers, rows, packed_f32_.data(), groups(), queries_.dims(), bias, tile_.data(), simd::kLanes,
                      kTileSize);
}

}  // namespace nearvote
