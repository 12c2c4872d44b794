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
void gather_panel(const EmbeddingSet& set, const int32_t* rows, int64_t count, uint8_t* panel) {
  for (int64_t lane = 0; lane < simd::kLanes; ++lane) {
    for (int64_t step = 0; step < set.steps(); ++step) {
      uint8_t* target = panel + step * simd::kPanelStep + lane * simd::kLineBytes;
      if (lane >= count)
        std::fill_n(target, simd::kLineBytes, uint8_t{0});
      else
        std::memcpy(target,
                    set.panel(rows[lane] / simd::kLanes) + step * simd::kPanelStep +
                        rows[lane] % simd::kLanes * simd::kLineBytes,
                    simd::kLineBytes);
    }
  }
}

template <class T>
const T* gather(const T* values, const std::vector<int32_t>& rows, std::vector<T>& out) {
  if (values == nullptr) return nullptr;
  out.resize((rows.size() + simd::kLanes - 1) / simd::kLanes * simd::kLanes);
  for (size_t i = 0; i < rows.size(); ++i) out[i] = values[rows[i]];
  return out.data();
}

}  // namespace

bool filterable(const EmbeddingSet& queries, const EmbeddingSet& support) {
  const double q = queries.max_filter_norm(), s = support.max_filter_norm();
  if (support.metric() == Metric::l2 && s > 0x1p50) return false;
  return q * s > 0x1p-80 && q < 0x1p50 && s < 0x1p50;
}

float filter_score_below(Metric metric, double squared_norm, double key) {
  if (metric != Metric::l2) return round_down(key);
  return round_down((squared_norm + key) / 2 - 0x1p-40 * (squared_norm - key));
}

FilterSupport::FilterSupport(const EmbeddingSet& set)
    : set_(set),
      size_(set.rows()),
      packed_{set.precision() == simd::Precision::f32 ? nullptr : set.panel(0), set.scale(), set.offset(), set.bias()},
      max_norm_(set.max_filter_norm()),
      max_residual_(set.max_residual()),
      max_bias_(set.max_bias()) {}

FilterSupport::FilterSupport(const EmbeddingSet& set, std::vector<int32_t> rows, int threads) : FilterSupport(set) {
  if (static_cast<int64_t>(rows.size()) == set.rows() && std::is_sorted(rows.begin(), rows.end())) return;
  rows_ = std::move(rows);
  size_ = static_cast<int64_t>(rows_.size());
  const int64_t panels = (size_ + simd::kLanes - 1) / simd::kLanes;
  if (packed_.panels != nullptr) {
    gathered_ = AlignedBuffer<uint8_t>(panels * set.panel_size());
    packed_.panels = gathered_.data();
    parallel_for(panels, threads, [&](int64_t p, int) {
      const int64_t first = p * simd::kLanes;
      gather_panel(set, rows_.data() + first, std::min<int64_t>(simd::kLanes, size_ - first),
                   gathered_.data() + p * set.panel_size());
    });
  }
  packed_.scale = gather(set.scale(), rows_, gathered_scale_);
  packed_.offset = gather(set.offset(), rows_, gathered_offset_);
  packed_.bias = gather(set.bias(), rows_, gathered_bias_);
}

QueryBlock::QueryBlock(const EmbeddingSet& queries, const FilterSupport& support, int64_t capacity)
    : queries_(queries),
      support_(support),
      precision_(support.set().precision()),
      tile_(capacity / simd::kLanes * kTileSize) {
  const auto size = static_cast<size_t>(capacity);
  if (precision_ == simd::Precision::f32) {
    packed_f32_ = AlignedBuffer<float>(capacity * queries.dims());
  } else {
    packed_ = AlignedBuffer<uint8_t>(capacity / simd::kLanes * support.set().panel_size());
    panel_ = AlignedBuffer<uint8_t>(support.set().panel_size());
    scale_.resize(size);
  }
  norm_.resize(size);
  residual_.resize(size);
  error_.resize(size);
  if (queries.metric() == Metric::l2) squared_norm_.resize(size);
}

void QueryBlock::load(int64_t first, int64_t count) {
  first_ = first;
  count_ = count;
  rows_.resize(static_cast<size_t>(count));
  std::iota(rows_.begin(), rows_.end(), static_cast<int32_t>(first));
  for (int64_t group = 0; group < groups(); ++group)
    precision_ == simd::Precision::f32 ? pack_f32(group) : pack_rounded(group, true);
  set_bounds();
}

void QueryBlock::load_rows(const int32_t* rows, int64_t count) {
  count_ = count;
  rows_.assign(rows, rows + count);
  for (int64_t group = 0; group < groups(); ++group)
    precision_ == simd::Precision::f32 ? pack_f32(group) : pack_rounded(group, false);
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

// Queries that their set packed otherwise than the support (or not at all) are rounded here.
void QueryBlock::pack_rounded(int64_t group, bool consecutive) {
  const simd::Kernels& kernels = queries_.kernels();
  const int64_t first = group * simd::kLanes, lanes = std::min<int64_t>(simd::kLanes, count_ - first);
  const int32_t* rows = rows_.data() + first;
  const uint8_t* panel = panel_.data();
  std::fill_n(scale_.begin() + first, simd::kLanes, 0.0f);
  if (queries_.precision() == precision_) {
    if (consecutive)
      panel = queries_.panel(rows[0] / simd::kLanes);
    else
      gather_panel(queries_, rows, lanes, panel_.data());
    for (int64_t lane = 0; lane < lanes; ++lane) {
      const auto at = static_cast<size_t>(first + lane);
      norm_[at] = queries_.filter_norm(rows[lane]);
      residual_[at] = queries_.residual(rows[lane]);
      if (queries_.scale() != nullptr) scale_[at] = queries_.scale()[rows[lane]];
    }
  } else {
    std::fill_n(panel_.data(), panel_.size(), uint8_t{0});
    for (int64_t lane = 0; lane < lanes; ++lane) {
      const auto at = static_cast<size_t>(first + lane);
      const simd::Rounded rounded =
          kernels.quantize(queries_.row(rows[lane]), queries_.dims(), panel_.data() + lane * simd::kLineBytes);
      norm_[at] = norm_above(rounded.kept);
      residual_[at] = norm_above(rounded.lost);
      scale_[at] = rounded.scale;
    }
  }
  const EmbeddingSet& support = support_.set();
  kernels.pack(panel, support.steps(), packed_.data() + group * support.panel_size());
}

void QueryBlock::set_bounds() {
  const simd::Kernels& kernels = queries_.kernels();
  const bool f32 = precision_ == simd::Precision::f32;
  const double accumulation =
      f32 ? kernels.accumulation_error(queries_.dims()) : kernels.packed_error(queries_.dims() + simd::kLineBytes);
  for (int64_t i = 0; i < groups() * simd::kLanes; ++i) {
    const auto at = static_cast<size_t>(i);
    if (i >= count_) {
      error_[at] = 0;
      continue;
    }
    const int32_t query = rows_[at];
    if (f32) {
      // Also of queries that their set rounded.
      norm_[at] = (queries_.filter_norm(query) + queries_.residual(query)) * (1 + 0x1p-20f);
      residual_[at] = 0;
    }
    const double norm = norm_[at], residual = residual_[at];
    const double magnitude = norm * support_.max_norm() + support_.max_bias();
    // Rounding of the bias, of the epilogue's three operations and of this bound to float: 2^-21 of all magnitudes.
    // Products below the float range: 2^-126 each, far below 2^-100.
    const double error =
        residual * support_.max_norm() + (norm + residual) * support_.max_residual() + accumulation * magnitude;
    error_[at] = static_cast<float>((error + 0x1p-21 * magnitude) * (1 + 0x1p-20) + 0x1p-100);
    if (queries_.metric() == Metric::l2) {
      const float* row = queries_.row(query);
      squared_norm_[at] = kernels.dot(row, row, queries_.dims());
    }
  }
}

float QueryBlock::score_below(int64_t query_in_block, double key) const {
  const bool l2 = queries_.metric() == Metric::l2;
  return filter_score_below(queries_.metric(), l2 ? squared_norm_[static_cast<size_t>(query_in_block)] : 0, key);
}

void QueryBlock::compute(int64_t block) {
  const simd::Kernels& kernels = queries_.kernels();
  const EmbeddingSet& set = support_.set();
  const int64_t begin = block * simd::kBlockRows, rows = support_.block_rows(block);
  const auto from = [&](const auto* terms) { return terms == nullptr ? nullptr : terms + begin; };
  const simd::PackedRows& all = support_.packed_;
  if (precision_ != simd::Precision::f32) {
    const simd::PackedRows part{all.panels + begin / simd::kLanes * set.panel_size(), from(all.scale), from(all.offset),
                                from(all.bias)};
    kernels.product_packed(&part, (rows + simd::kLanes - 1) / simd::kLanes, packed_.data(), scale_.data(), groups(),
                           set.steps(), tile_.data(), kTileSize);
    return;
  }
  const float* pointers[simd::kBlockRows];
  for (int64_t r = 0; r < rows; ++r) pointers[r] = set.row(support_.row(begin + r));
  kernels.product_f32(pointers, rows, packed_f32_.data(), groups(), queries_.dims(), from(all.bias), tile_.data(),
                      simd::kLanes, kTileSize);
}

}  // namespace nearvote
