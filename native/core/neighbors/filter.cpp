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
  const double of_centre = support.centre() == nullptr ? 0 : support.centre()->norm;
  const double q = queries.max_row_norm() + of_centre, s = support.max_row_norm();
  if (support.metric() == Metric::l2 && s > 0x1p50) return false;
  return q * s > 0x1p-80 && q < 0x1p50 && s < 0x1p50;
}

float filter_score_below(Metric metric, double own, double key) {
  if (metric != Metric::l2) return round_down(key - own);
  return round_down((own + key) / 2 - 0x1p-40 * (own - key));
}

FilterSupport::FilterSupport(const EmbeddingSet& set)
    : set_(set),
      size_(set.rows()),
      packed_{set.precision() == simd::Precision::f32 ? nullptr : set.panel(0), set.scale(), set.offset(), set.bias()},
      max_norm_(set.max_filter_norm()),
      max_residual_(set.max_residual()),
      max_bias_(set.max_bias()) {}

FilterSupport::FilterSupport(const EmbeddingSet& set, std::vector<int32_t> rows, int threads, const JobControl& job)
    : FilterSupport(set) {
  if (static_cast<int64_t>(rows.size()) == set.rows() && std::is_sorted(rows.begin(), rows.end())) return;
  rows_ = std::move(rows);
  size_ = static_cast<int64_t>(rows_.size());
  const int64_t panels = (size_ + simd::kLanes - 1) / simd::kLanes;
  if (packed_.panels != nullptr) {
    gathered_ = AlignedBuffer<uint8_t>(panels * set.panel_size());
    packed_.panels = gathered_.data();
    parallel_for(panels, threads, [&](int64_t p, int) {
      job.check();
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
      same_form_(queries.precision() == precision_ && queries.centre() == support.set().centre()),
      tile_(capacity / simd::kLanes * kTileSize) {
  std::fill_n(tile_.data(), tile_.size(), 0.0f);
  const auto size = static_cast<size_t>(capacity);
  if (precision_ == simd::Precision::f32) {
    packed_f32_ = AlignedBuffer<float>(capacity * queries.dims());
  } else {
    packed_ = AlignedBuffer<uint8_t>(capacity / simd::kLanes * support.set().panel_size());
    panel_ = AlignedBuffer<uint8_t>(support.set().panel_size());
    if (support.set().centre() != nullptr) scratch_ = AlignedBuffer<float>(queries.dims());
    scale_.resize(size);
  }
  norm_.resize(size);
  residual_.resize(size);
  terms_.metric = queries.metric();
  terms_.error.resize(size);
  terms_.own.resize(size);
}

void QueryBlock::load(int64_t first, int64_t count) {
  first_ = first;
  count_ = count;
  terms_.rows.resize(static_cast<size_t>(count));
  std::iota(terms_.rows.begin(), terms_.rows.end(), static_cast<int32_t>(first));
  const bool packed = same_form_ && precision_ != simd::Precision::f32;
  for (int64_t group = 0; group < groups(); ++group)
    pack_group(group, packed ? queries_.panel(first / simd::kLanes + group) : nullptr);
  set_bounds();
}

void QueryBlock::load_rows(const int32_t* rows, int64_t count) {
  count_ = count;
  terms_.rows.assign(rows, rows + count);
  for (int64_t group = 0; group < groups(); ++group) pack_group(group, nullptr);
  set_bounds();
}

void QueryBlock::load_searched(int64_t first, int64_t count) {
  count_ = count;
  terms_.rows.resize(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) terms_.rows[static_cast<size_t>(i)] = support_.row(first + i);
  const uint8_t* panels = support_.packed_.panels;
  for (int64_t group = 0; group < groups(); ++group)
    pack_group(group,
               panels == nullptr ? nullptr : panels + (first / simd::kLanes + group) * support_.set().panel_size());
  set_bounds();
}

// panel: where the rounded rows of the group lie together; null: nowhere.
void QueryBlock::pack_group(int64_t group, const uint8_t* panel) {
  if (precision_ == simd::Precision::f32)
    pack_f32(group);
  else
    pack_rounded(group, panel);
}

void QueryBlock::pack_f32(int64_t group) {
  const float* rows[simd::kLanes];
  for (int64_t lane = 0; lane < simd::kLanes; ++lane) {
    const int64_t i = group * simd::kLanes + lane;
    rows[lane] = i < count_ ? queries_.row(row(i)) : nullptr;
  }
  queries_.kernels().pack_f32(rows, queries_.dims(), packed_f32_.data() + group * simd::kLanes * queries_.dims());
}

// Queries that their set packed otherwise than the support (or not at all) are rounded here.
void QueryBlock::pack_rounded(int64_t group, const uint8_t* panel) {
  const simd::Kernels& kernels = queries_.kernels();
  const int64_t first = group * simd::kLanes, lanes = std::min<int64_t>(simd::kLanes, count_ - first);
  const int32_t* rows = terms_.rows.data() + first;
  std::fill_n(scale_.begin() + first, simd::kLanes, 0.0f);
  if (same_form_) {
    if (panel == nullptr) gather_panel(queries_, rows, lanes, panel_.data());
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
      const RoundedRow rounded = round_row(kernels, support_.set().centre().get(), queries_.row(rows[lane]),
                                           queries_.dims(), scratch_.data(), panel_.data() + lane * simd::kLineBytes);
      norm_[at] = rounded.norm;
      residual_[at] = rounded.residual;
      scale_[at] = rounded.scale;
    }
  }
  const EmbeddingSet& support = support_.set();
  kernels.pack(panel == nullptr ? panel_.data() : panel, support.steps(),
               packed_.data() + group * support.panel_size());
}

void QueryBlock::set_bounds() {
  for (int64_t i = 0; i < groups() * simd::kLanes; ++i) {
    const auto at = static_cast<size_t>(i);
    if (i >= count_) {
      terms_.error[at] = 0;
      continue;
    }
    if (precision_ == simd::Precision::f32) {
      norm_[at] = queries_.row_norm(row(i));
      residual_[at] = 0;
    }
    terms_.error[at] = support_.error(norm_[at], residual_[at]);
    terms_.own[at] = support_.own_term(queries_.row(row(i)));
  }
}

double FilterSupport::own_term(const float* query) const {
  if (set_.metric() == Metric::l2) return set_.kernels().dot(query, query, set_.dims());
  return set_.centre() == nullptr ? 0 : set_.kernels().dot(set_.centre()->values.data(), query, set_.dims());
}

float FilterSupport::error(double norm, double residual) const {
  const simd::Kernels& kernels = set_.kernels();
  const double accumulation = set_.precision() == simd::Precision::f32
                                  ? kernels.accumulation_error(set_.dims())
                                  : kernels.packed_error(set_.dims() + simd::kLineBytes);
  const double magnitude = norm * max_norm_ + max_bias_;
  // Rounding of the bias, of the epilogue's three operations and of this bound to float: 2^-21 of all magnitudes.
  // Products below the float range: 2^-126 each, far below 2^-100.
  double error = residual * max_norm_ + (norm + residual) * max_residual_ + accumulation * magnitude;
  if (const Centre* centre = set_.centre().get(); centre != nullptr) {
    // The canonical score, the bias and the query's own term are sums of doubles as large as the rows themselves, of
    // which the differences may be a small part; and a score may be turned into that of the other row as query.
    const double c = centre->norm;
    error += 0x1p-34 * (norm + residual + c) * (max_norm_ + max_residual_ + c) + 0x1p-21 * magnitude;
  }
  return static_cast<float>((error + 0x1p-21 * magnitude) * (1 + 0x1p-20) + 0x1p-100);
}

QueryTerms terms_of_searched(const FilterSupport& support, int64_t first, int64_t count) {
  const EmbeddingSet& set = support.set();
  QueryTerms terms{set.metric(), {}, {}, {}};
  for (int64_t i = first; i < first + count; ++i) {
    const int32_t row = support.row(i);
    terms.rows.push_back(row);
    terms.error.push_back(support.error(set.filter_norm(row) * (1 + 0x1p-20f), set.residual(row)));
    terms.own.push_back(support.own_term(set.row(row)));
  }
  const auto whole = static_cast<size_t>((count + simd::kLanes - 1) / simd::kLanes * simd::kLanes);
  terms.error.resize(whole);
  return terms;
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
