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

// Rounds up to 16 rows of a set into one panel as `like` is rounded, rows of zeros behind them. take(lane, RoundedRow).
template <class Take>
void round_panel(const EmbeddingSet& set, const EmbeddingSet& like, const int32_t* rows, int64_t count, uint8_t* panel,
                 Take&& take) {
  const Centre* centre = like.centre().get();
  const AlignedBuffer<float> values(set.borrows() ? set.stride() : 0), less_centre(centre == nullptr ? 0 : set.dims());
  std::fill_n(panel, like.panel_size(), uint8_t{0});
  for (int64_t lane = 0; lane < count; ++lane)
    take(lane, round_row(set.kernels(), centre, set.row(rows[lane], values.data()), set.dims(), less_centre.data(),
                         panel + lane * simd::kLineBytes));
}

// The rounded form of up to 16 rows of a set in one panel, rows of zeros behind them.
void gather_panel(const EmbeddingSet& set, const int32_t* rows, int64_t count, uint8_t* panel) {
  if (set.borrows()) return round_panel(set, set, rows, count, panel, [](int64_t, const RoundedRow&) {});
  const int64_t steps = set.steps();
  const auto lines_of = [&](int64_t lane) {
    return set.panel(rows[lane] / simd::kLanes) + rows[lane] % simd::kLanes * simd::kLineBytes;
  };
  for (int64_t lane = 0; lane < simd::kLanes; ++lane) {
    uint8_t* target = panel + lane * simd::kLineBytes;
    if (lane >= count) {
      for (int64_t step = 0; step < steps; ++step)
        std::fill_n(target + step * simd::kPanelStep, simd::kLineBytes, uint8_t{0});
      continue;
    }
    // The lines of a row lie a panel step apart, which no processor foresees: the next row's are asked for meanwhile.
    const uint8_t *source = lines_of(lane), *next = lines_of(std::min(lane + 1, count - 1));
    for (int64_t at = 0; at < steps * simd::kPanelStep; at += simd::kPanelStep) {
      __builtin_prefetch(next + at);
      std::memcpy(target + at, source + at, simd::kLineBytes);
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
      block_bytes_(set.precision() == simd::Precision::f32
                       ? simd::kBlockRows * set.stride() * static_cast<int64_t>(sizeof(float))
                       : simd::kBlockRows / simd::kLanes * set.panel_size()),
      part_blocks_(std::max<int64_t>(1, blocks())),
      operands_{set.precision() == simd::Precision::f32 ? nullptr : set.panel(0)},
      terms_{nullptr, set.scale(), set.offset(), set.bias()},
      max_norm_(set.max_filter_norm()),
      max_residual_(set.max_residual()),
      max_bias_(set.max_bias()) {}

FilterSupport::FilterSupport(const EmbeddingSet& set, std::vector<int32_t> rows, int threads, const JobControl& job,
                             int64_t part_bytes)
    : FilterSupport(set) {
  if (!set.borrows() && static_cast<int64_t>(rows.size()) == set.rows() && std::is_sorted(rows.begin(), rows.end()))
    return;
  rows_ = std::move(rows);
  size_ = static_cast<int64_t>(rows_.size());
  terms_.scale = gather(set.scale(), rows_, gathered_scale_);
  terms_.offset = gather(set.offset(), rows_, gathered_offset_);
  terms_.bias = gather(set.bias(), rows_, gathered_bias_);
  part_blocks_ = std::max<int64_t>(1, blocks());
  if (set.borrows() && part_bytes > 0) {
    const int64_t most = std::max<int64_t>(1, part_bytes / block_bytes_), parts = (part_blocks_ + most - 1) / most;
    part_blocks_ = (part_blocks_ + parts - 1) / parts;
    operands_.assign(static_cast<size_t>(std::max<int64_t>(1, (blocks() + part_blocks_ - 1) / part_blocks_)), nullptr);
  } else if (set.borrows() || set.precision() != simd::Precision::f32) {
    hold(0, 0, threads, job);
  }
}

void FilterSupport::hold(int64_t part, int slot, int threads, const JobControl& job) {
  AlignedBuffer<uint8_t>& buffer = slots_[slot];
  if (buffer.size() == 0) buffer = AlignedBuffer<uint8_t>(part_blocks_ * block_bytes_);
  if (held_[slot] >= 0) operands_[static_cast<size_t>(held_[slot])] = nullptr;
  held_[slot] = part;
  operands_[static_cast<size_t>(part)] = buffer.data();
  const int64_t begin = first_block(part) * simd::kBlockRows,
                end = std::min(size_, first_block(part + 1) * simd::kBlockRows);
  const int64_t panel_bytes = block_bytes_ / (simd::kBlockRows / simd::kLanes);
  parallel_for((end - begin + simd::kLanes - 1) / simd::kLanes, threads, [&](int64_t p, int) {
    job.check();
    const int32_t* rows = rows_.data() + begin + p * simd::kLanes;
    const int64_t count = std::min<int64_t>(simd::kLanes, end - begin - p * simd::kLanes);
    uint8_t* target = buffer.data() + p * panel_bytes;
    if (set_.precision() != simd::Precision::f32) {
      gather_panel(set_, rows, count, target);
      return;
    }
    for (int64_t i = 0; i < count; ++i) set_.row(rows[i], reinterpret_cast<float*>(target) + i * set_.stride());
  });
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
    if (queries.borrows()) rows_ = AlignedBuffer<float>(simd::kLanes * queries.stride());
  } else {
    packed_ = AlignedBuffer<uint8_t>(capacity / simd::kLanes * support.set().panel_size());
    panel_ = AlignedBuffer<uint8_t>(support.set().panel_size());
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
  const bool packed = same_form_ && !queries_.borrows() && precision_ != simd::Precision::f32;
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
  const uint8_t* operands = support_.operands(first / simd::kBlockRows);
  for (int64_t group = 0; group < groups(); ++group)
    pack_group(group, operands == nullptr
                          ? nullptr
                          : operands + (first % simd::kBlockRows / simd::kLanes + group) * support_.set().panel_size());
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
    rows[lane] = i < count_ ? queries_.row(row(i), rows_.data() + lane * queries_.stride()) : nullptr;
  }
  queries_.kernels().pack_f32(rows, queries_.dims(), packed_f32_.data() + group * simd::kLanes * queries_.dims());
}

// Queries whose rounded form is not at hand are rounded here.
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
    round_panel(queries_, support_.set(), rows, lanes, panel_.data(), [&](int64_t lane, const RoundedRow& rounded) {
      const auto at = static_cast<size_t>(first + lane);
      norm_[at] = rounded.norm;
      residual_[at] = rounded.residual;
      scale_[at] = rounded.scale;
    });
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
    terms_.own[at] = support_.own_term(queries_, row(i));
  }
}

double FilterSupport::own_term(const EmbeddingSet& queries, int64_t row) const {
  if (set_.metric() != Metric::l2 && set_.centre() == nullptr) return 0;
  const AlignedBuffer<float> values(queries.borrows() ? queries.stride() : 0);
  return own_term(queries.row(row, values.data()));
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
  // A score with a bias may be turned into that of the other row as query.
  if (bias() != nullptr) error += 0x1p-21 * magnitude;
  if (const Centre* centre = set_.centre().get(); centre != nullptr) {
    // The canonical score, the bias and the query's own term are sums of doubles as large as the rows themselves, of
    // which the differences may be a small part.
    const double c = centre->norm;
    error += 0x1p-34 * (norm + residual + c) * (max_norm_ + max_residual_ + c);
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
    terms.own.push_back(support.own_term(set, row));
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
  const simd::PackedRows& all = support_.terms_;
  const uint8_t* operands = support_.operands(block);
  if (precision_ != simd::Precision::f32) {
    const simd::PackedRows part{operands, from(all.scale), from(all.offset), from(all.bias)};
    kernels.product_packed(&part, (rows + simd::kLanes - 1) / simd::kLanes, packed_.data(), scale_.data(), groups(),
                           set.steps(), tile_.data(), kTileSize);
    return;
  }
  const float* pointers[simd::kBlockRows];
  for (int64_t r = 0; r < rows; ++r)
    pointers[r] = operands == nullptr ? set.row(support_.row(begin + r))
                                      : reinterpret_cast<const float*>(operands) + r * set.stride();
  kernels.product_f32(pointers, rows, packed_f32_.data(), groups(), queries_.dims(), from(all.bias), tile_.data(),
                      simd::kLanes, kTileSize);
}

}  // namespace nearvote
