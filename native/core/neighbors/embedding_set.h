// The rows of an embedding matrix made ready for every search: checked, copied, normalised (cosine), packed for the
// filter of the active instruction set. The caller's memory is not kept (but see Packing::borrow). Holds about 4 d
// bytes per row, 5 d with int8 filters, 6 d with AMX.
//
// A set may grow: the grown one lies in the same memory where there is room, and the rows of the old one stay as they
// are. Room is address space until it is written to, where the system commits memory lazily.
//
// cosine: a row is divided by its norm once, as float((double)x * (1 / sqrt(canonical_dot(x, x)))). A zero row stays
// zero: its score is 0 in matrices and top-k, but it has no direction, so it neither gives nor receives votes in
// nearest voters and extension (is_zero tells). dot and l2 keep the values as they are and never report a zero row.
#pragma once

#include <atomic>
#include <cmath>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "core/base/aligned.h"
#include "core/base/matrix.h"
#include "core/neighbors/centre.h"
#include "core/neighbors/metric.h"
#include "core/neighbors/run_options.h"
#include "core/simd/kernels.h"

namespace nearvote {

enum class Packing {
  filter,  // for every search
  none,    // the rows only, for matrices; searches then run on float32
  // Nothing but a few numbers of each row: the caller's rows are read, normalised and rounded again wherever they are
  // used, and outlive the set. For searches for voters.
  borrow,
};

class EmbeddingSet {
 public:
  // rows: n x d, n >= 0, d >= 1, fewer than 2^31 rows. Throws InvalidArgument naming row and column of the first NaN or
  // Inf, Cancelled when the job is. `name`: what messages call the rows. room: for that many rows more.
  EmbeddingSet(FloatMatrix rows, Metric metric, const RunOptions& options = {}, const char* name = "embeddings",
               int64_t room = 0, Packing packing = Packing::filter);

  // head's rows, then tail's, as they are: in head's memory if nothing else grew into its room, else copied with room
  // for half as many rows more. Throws InvalidArgument unless the two are comparable. Not for concurrent use with other
  // growing of the same memory; its destruction gives the room back.
  EmbeddingSet(const EmbeddingSet& head, const EmbeddingSet& tail, int threads);
  ~EmbeddingSet();
  EmbeddingSet(const EmbeddingSet&) = delete;
  EmbeddingSet& operator=(const EmbeddingSet&) = delete;

  int64_t rows() const { return rows_; }
  int64_t dims() const { return dims_; }
  Metric metric() const { return metric_; }
  int64_t bytes() const;  // memory held, a device's included

  // What a device keeps of this set (neighbors/device.h): made by the first call that runs there, freed with the set.
  struct DeviceCopy {
    virtual ~DeviceCopy() = default;
    virtual int64_t bytes() const = 0;
  };
  std::shared_ptr<DeviceCopy> device_copy(const std::function<std::shared_ptr<DeviceCopy>()>& make) const;

  // Row i as used for scores; stride() floats apart, 64-byte aligned, zero beyond dims(). Not of a set that borrows.
  const float* row(int64_t i) const { return memory_->values.data() + i * stride_; }
  // The same of any set: one that borrows writes the row to scratch (stride() floats, 64-byte aligned).
  const float* row(int64_t i, float* scratch) const {
    if (!borrows()) return row(i);
    make_row(i, scratch);
    return scratch;
  }
  bool borrows() const { return borrowed_.data != nullptr; }
  // Where the values of row i are read from.
  const float* source(int64_t i) const { return borrows() ? borrowed_.row(i) : row(i); }
  int64_t stride() const { return stride_; }
  bool has_zero_rows() const { return !zero_rows_.empty(); }
  bool is_zero(int64_t i) const { return !zero_rows_.empty() && zero_rows_[static_cast<size_t>(i)] != 0; }

  // --- operands of the filter product ---
  const simd::Kernels& kernels() const { return *kernels_; }
  // What the filter works on: the kernels' precision, or float32 where int8 would be too coarse for these rows.
  simd::Precision precision() const { return precision_; }
  // What the rows are rounded less of (cosine and dot, not float32); null: nothing.
  const std::shared_ptr<const Centre>& centre() const { return centre_; }
  // Not float32, nor of a set that borrows: panel p holds the rounded rows 16 p .. 16 p + 15 steps() panel steps long;
  // beyond rows() finite values that mean nothing.
  const uint8_t* panel(int64_t p) const { return memory_->panels.data() + p * panel_size(); }
  int64_t steps() const;
  int64_t panel_size() const { return steps() * simd::kPanelStep; }
  // int8: per row, zeros up to a whole panel; null otherwise.
  const float* scale() const { return scale_.empty() ? nullptr : scale_.data(); }
  const int32_t* offset() const { return offset_.empty() ? nullptr : offset_.data(); }
  // Upper bounds: the norm of the filter's form of row i, and of what rounding to that form took away.
  float filter_norm(int64_t i) const { return filter_norm_[static_cast<size_t>(i)]; }
  float residual(int64_t i) const { return residual_.empty() ? 0.0f : residual_[static_cast<size_t>(i)]; }
  float max_filter_norm() const { return max_filter_norm_; }
  float max_residual() const { return max_residual_; }
  // Upper bounds of norms of the rows themselves, as row() gives them.
  float row_norm(int64_t i) const { return norm_with_centre(filter_norm(i), residual(i)); }
  float max_row_norm() const { return norm_with_centre(max_filter_norm_, max_residual_); }
  // l2: minus half the squared norm per row; with a centre c: c.(row - c); zeros up to a whole panel; null otherwise.
  const float* bias() const { return bias_.empty() ? nullptr : bias_.data(); }
  float max_bias() const { return max_bias_; }  // upper bound of their magnitudes

 private:
  // The rows themselves, shared by a set and those grown from it.
  struct Memory {
    Memory(int64_t rows, int64_t room, int64_t stride, int64_t panel_size);
    int64_t capacity;  // rows
    std::atomic<int64_t> used;
    AlignedBuffer<float> values;
    AlignedBuffer<uint8_t> panels;  // empty: float32
  };
  float norm_with_centre(float kept, float lost) const {
    return (kept + lost + (centre_ == nullptr ? 0 : centre_->norm)) * (1 + 0x1p-20f);
  }
  // Row i of the caller's, normalised, into stride() floats.
  void make_row(int64_t i, float* target) const;
  void set_largest();
  int64_t packed_panel_size() const { return precision_ == simd::Precision::f32 ? 0 : panel_size(); }
  void allocate_terms();
  void quantize(int64_t first_row, int64_t end_row);
  void copy_rows(const EmbeddingSet& from, int threads);
  void drop_packed();
  int64_t rows_;
  int64_t dims_;
  int64_t stride_;
  Metric metric_;
  int64_t grown_from_ = -1;  // rows of the set whose room this one took; -1: none
  std::shared_ptr<Memory> memory_;
  FloatMatrix borrowed_;              // data null: nothing is
  std::vector<double> inverse_norm_;  // of what is borrowed, cosine
  std::vector<uint8_t> zero_rows_;    // empty: none
  const simd::Kernels* kernels_;
  simd::Precision precision_;
  std::shared_ptr<const Centre> centre_;
  std::vector<float> scale_;     // int8 only
  std::vector<int32_t> offset_;  // int8 only
  std::vector<float> filter_norm_;
  std::vector<float> residual_;  // empty: float32
  std::vector<float> bias_;      // l2, or with a centre
  float max_filter_norm_ = 0;
  float max_residual_ = 0;
  float max_bias_ = 0;
  struct DeviceSlot {
    std::mutex mutex;
    std::shared_ptr<DeviceCopy> copy;
  };
  std::unique_ptr<DeviceSlot> device_ = std::make_unique<DeviceSlot>();
};

// Upper bound of a norm from its square.
inline float norm_above(double squares) { return static_cast<float>(std::sqrt(squares) * (1 + 0x1p-22)) + 0x1p-149f; }

// One row as the filter takes it, written into its place in a panel. norm: of the rounded form; residual: of row -
// centre (null: row) less that; upper bounds. scratch: dims floats, with a centre only.
struct RoundedRow {
  float norm, residual;
  float scale;     // int8
  int32_t offset;  // int8
};
RoundedRow round_row(const simd::Kernels& kernels, const Centre* centre, const float* row, int64_t dims, float* scratch,
                     uint8_t* panel_row);

// Throws InvalidArgument unless the two sets have the same metric, dims and kernels.
void check_comparable(const EmbeddingSet& queries, const EmbeddingSet& support);

}  // namespace nearvote
