#include "core/neighbors/embedding_set.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <limits>

#include "core/base/parallel.h"
#include "core/neighbors/canonical.h"
#include "core/simd/dispatch.h"

namespace nearvote {
namespace {

constexpr int64_t kRowsPerTask = 256;      // whole panels
constexpr int64_t kSerialBelow = 1 << 16;  // values

[[noreturn]] void report_non_finite(const float* row, int64_t index, int64_t dims, const char* name) {
  int64_t column = 0;
  while (column + 1 < dims && std::isfinite(row[column])) ++column;
  const std::string value = std::isnan(row[column]) ? "NaN" : row[column] > 0 ? "Infinity" : "-Infinity";
  throw expected("finite values", name,
                 value + " at row " + std::to_string(index) + ", column " + std::to_string(column));
}

// A row as used for scores. inverse: of its norm (cosine).
void write_row(const simd::Kernels& kernels, Metric metric, const float* source, double inverse, int64_t dims,
               int64_t stride, float* target) {
  if (metric == Metric::cosine)
    kernels.scale_row(source, inverse, dims, target);
  else
    std::memcpy(target, source, static_cast<size_t>(dims) * sizeof(float));
  std::fill(target + dims, target + stride, 0.0f);
}

void lower_to(std::atomic<int64_t>& value, int64_t other) {
  for (int64_t seen = value; other < seen && !value.compare_exchange_weak(seen, other);) {
  }
}

}  // namespace

EmbeddingSet::Memory::Memory(int64_t rows, int64_t room, int64_t stride, int64_t panel_size)
    : capacity((rows + room + simd::kLanes - 1) / simd::kLanes * simd::kLanes),
      used(rows),
      values(capacity * stride),
      panels(capacity / simd::kLanes * panel_size) {}

EmbeddingSet::EmbeddingSet(FloatMatrix rows, Metric metric, const RunOptions& options, const char* name, int64_t room,
                           Packing packing)
    : rows_(rows.rows),
      dims_(rows.cols),
      stride_((rows.cols + 15) / 16 * 16),
      metric_(metric),
      kernels_(&simd::active_kernels()),
      precision_(packing == Packing::none ? simd::Precision::f32 : kernels_->precision) {
  if (dims_ < 1) throw expected("at least one column", name, std::to_string(dims_));
  if (rows_ < 0 || rows_ >= std::numeric_limits<int32_t>::max())
    throw expected("fewer than 2^31 rows", name, std::to_string(rows_));
  if (precision_ == simd::Precision::int8 && dims_ > simd::kMaxInt8Depth) precision_ = simd::Precision::f32;
  if (packing == Packing::borrow) borrowed_ = rows;
  memory_ = std::make_shared<Memory>(borrows() ? 0 : rows_, room, stride_, packed_panel_size());
  if (precision_ != simd::Precision::f32) centre_ = common_centre(rows, metric, *kernels_);
  filter_norm_.resize(static_cast<size_t>(rows_));
  allocate_terms();
  std::vector<uint8_t> zero(metric == Metric::cosine ? static_cast<size_t>(rows_) : 0);
  if (borrows()) inverse_norm_.resize(zero.size());

  const int64_t tasks = (rows_ + kRowsPerTask - 1) / kRowsPerTask;
  const int threads = rows_ * dims_ < kSerialBelow ? 1 : effective_threads(options.threads, tasks);
  std::atomic<int64_t> first_bad{rows_};  // the error names the same row whichever thread meets one first
  parallel_for(tasks, threads, [&](int64_t task, int) {
    options.job.check();
    const int64_t begin = task * kRowsPerTask, end = std::min(rows_, begin + kRowsPerTask);
    for (int64_t i = begin; i < end; ++i) {
      const float* source = rows.row(i);
      const auto at = static_cast<size_t>(i);
      const double squares = kernels_->dot(source, source, dims_);
      if (!std::isfinite(squares)) {  // no sum of squares of floats is beyond doubles
        lower_to(first_bad, i);
        return;
      }
      double inverse = 1;
      if (metric == Metric::cosine) {
        const double norm = std::sqrt(squares);
        zero[at] = norm == 0;
        inverse = norm == 0 ? 0 : 1 / norm;
        if (borrows()) inverse_norm_[at] = inverse;
        filter_norm_[at] = norm == 0 ? 0 : 1 + 0x1p-20f;  // each value is rounded once
      } else {
        filter_norm_[at] = norm_above(squares);
        if (metric == Metric::l2) bias_[at] = static_cast<float>(-squares / 2);
      }
      if (!borrows())
        write_row(*kernels_, metric, source, inverse, dims_, stride_, memory_->values.data() + i * stride_);
    }
    if (precision_ != simd::Precision::f32) quantize(begin, end);
  });
  if (first_bad < rows_) report_non_finite(rows.row(first_bad), first_bad, dims_, name);
  if (std::any_of(zero.begin(), zero.end(), [](uint8_t z) { return z != 0; })) zero_rows_ = std::move(zero);
  set_largest();
  // Codes of 8 bits take .004 of the norm of a sentence vector, .008 of a normal random one, and more where a few large
  // values make the scale; those of 7 bits twice as much.
  if (precision_ == simd::Precision::int8 && max_residual_ > kernels_->coarsest * max_filter_norm_) drop_packed();
}

int64_t EmbeddingSet::steps() const {
  const int64_t values = precision_ == simd::Precision::int8 ? simd::kLineBytes : simd::kLineBytes / 2;
  return (dims_ + values - 1) / values;
}

void EmbeddingSet::make_row(int64_t i, float* target) const {
  const double inverse = metric_ == Metric::cosine ? inverse_norm_[static_cast<size_t>(i)] : 1;
  write_row(*kernels_, metric_, borrowed_.row(i), inverse, dims_, stride_, target);
}

void EmbeddingSet::set_largest() {
  for (const float norm : filter_norm_) max_filter_norm_ = std::max(max_filter_norm_, norm);
  for (const float residual : residual_) max_residual_ = std::max(max_residual_, residual);
  for (const float bias : bias_) max_bias_ = std::max(max_bias_, std::fabs(bias) * (1 + 0x1p-20f));
}

void EmbeddingSet::allocate_terms() {
  const int64_t whole = (rows_ + simd::kLanes - 1) / simd::kLanes * simd::kLanes;
  if (metric_ == Metric::l2 || centre_ != nullptr) bias_.resize(static_cast<size_t>(whole));
  if (precision_ == simd::Precision::f32) return;
  residual_.resize(static_cast<size_t>(rows_));
  if (precision_ != simd::Precision::int8) return;
  scale_.resize(static_cast<size_t>(whole));
  offset_.resize(static_cast<size_t>(whole));
}

EmbeddingSet::~EmbeddingSet() {
  // The last set that grew goes first, as a rule; otherwise the room is lost until the memory is copied.
  int64_t rows = rows_;
  if (grown_from_ >= 0) memory_->used.compare_exchange_strong(rows, grown_from_);
}

RoundedRow round_row(const simd::Kernels& kernels, const Centre* centre, const float* row, int64_t dims, float* scratch,
                     uint8_t* panel_row) {
  if (centre == nullptr) {
    const simd::Rounded rounded = kernels.quantize(row, dims, panel_row);
    return {norm_above(rounded.kept), norm_above(rounded.lost), rounded.scale, rounded.offset};
  }
  centre->subtract_from(row, scratch);
  const simd::Rounded rounded = kernels.quantize(scratch, dims, panel_row);
  const float kept = norm_above(rounded.kept), lost = norm_above(rounded.lost);
  return {kept, lost + 0x1p-23f * (kept + lost), rounded.scale, rounded.offset};  // the difference was rounded too
}

void EmbeddingSet::quantize(int64_t first_row, int64_t end_row) {
  const AlignedBuffer<float> values(borrows() ? stride_ : 0), less_centre(centre_ == nullptr ? 0 : dims_);
  const AlignedBuffer<uint8_t> unused(borrows() ? panel_size() : 0);
  for (int64_t i = first_row; i < end_row; ++i) {
    const float* x = row(i, values.data());
    uint8_t* place =
        borrows() ? unused.data()
                  : memory_->panels.data() + i / simd::kLanes * panel_size() + i % simd::kLanes * simd::kLineBytes;
    const RoundedRow rounded = round_row(*kernels_, centre_.get(), x, dims_, less_centre.data(), place);
    const auto at = static_cast<size_t>(i);
    filter_norm_[at] = rounded.norm;
    residual_[at] = rounded.residual;
    if (centre_ != nullptr)
      bias_[at] = static_cast<float>(kernels_->dot(centre_->values.data(), x, dims_) - centre_->squares);
    if (precision_ != simd::Precision::int8) continue;
    scale_[at] = rounded.scale;
    offset_[at] = rounded.offset;
  }
  for (int64_t i = end_row; !borrows() && i % simd::kLanes != 0; ++i)
    for (int64_t step = 0; step < steps(); ++step)
      std::fill_n(memory_->panels.data() + i / simd::kLanes * panel_size() + step * simd::kPanelStep +
                      i % simd::kLanes * simd::kLineBytes,
                  simd::kLineBytes, uint8_t{0});
}

void EmbeddingSet::drop_packed() {
  precision_ = simd::Precision::f32;
  memory_->panels = {};
  scale_ = {};
  offset_ = {};
  for (size_t i = 0; i < filter_norm_.size(); ++i) filter_norm_[i] = row_norm(static_cast<int64_t>(i));
  max_filter_norm_ = max_row_norm();
  residual_ = {};
  max_residual_ = 0;
  if (centre_ == nullptr) return;
  centre_ = nullptr;
  bias_ = {};
  max_bias_ = 0;
}

std::shared_ptr<EmbeddingSet::DeviceCopy> EmbeddingSet::device_copy(
    const std::function<std::shared_ptr<DeviceCopy>()>& make) const {
  const std::lock_guard lock(device_->mutex);
  if (device_->copy == nullptr) device_->copy = make();
  return device_->copy;
}

int64_t EmbeddingSet::bytes() const {
  const std::lock_guard lock(device_->mutex);
  return (device_->copy == nullptr ? 0 : device_->copy->bytes()) +
         (borrows() ? 0 : rows_ * stride_) * static_cast<int64_t>(sizeof(float)) +
         (memory_->panels.size() == 0 ? 0 : (rows_ + simd::kLanes - 1) / simd::kLanes * panel_size()) +
         static_cast<int64_t>(zero_rows_.size()) +
         static_cast<int64_t>((filter_norm_.size() + residual_.size() + bias_.size() + scale_.size()) * sizeof(float) +
                              offset_.size() * sizeof(int32_t) + inverse_norm_.size() * sizeof(double)) +
         (centre_ == nullptr ? 0 : centre_->values.bytes());
}

void check_comparable(const EmbeddingSet& queries, const EmbeddingSet& support) {
  if (queries.dims() != support.dims())
    throw expected("embeddings with " + std::to_string(support.dims()) + " columns", "queries",
                   std::to_string(queries.dims()));
  if (queries.metric() != support.metric()) throw expected("one metric", "both embedding sets", "two");
  if (&queries.kernels() != &support.kernels()) throw expected("one instruction set", "both embedding sets", "two");
}

}  // namespace nearvote
