#include "core/neighbors/pairwise.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <vector>

#include "core/base/parallel.h"
#include "core/neighbors/canonical.h"
#include "core/neighbors/canonical_row.h"
#include "core/neighbors/device.h"
#include "core/neighbors/digits.h"
#include "core/neighbors/filter.h"

namespace nearvote {
namespace {

constexpr int64_t kColumns = 256;      // rows of b packed at a time: what a second-level cache holds
constexpr int64_t kRows = 56;          // rows of a per tile
constexpr int64_t kNarrow = 4;         // with fewer rows than this on one side, packing costs more than it saves
constexpr int64_t kDigitRows = 4096;   // of either side in digits at a time
constexpr int64_t kMinDigitRows = 64;  // on either side: with fewer, splitting costs more than it saves
constexpr double kSerialBelow = 1 << 21;
constexpr double kDirectBelow = 1 << 14;

// Turns canonical keys and float32 dots into the values asked for.
class Finish {
 public:
  Finish(const EmbeddingSet& a, const EmbeddingSet& b, PairwiseOutput output)
      : a_(a),
        b_(b),
        metric_(a.metric()),
        complement_(metric_ == Metric::cosine && output == PairwiseOutput::distance) {
    if (metric_ != Metric::l2) return;
    squares_of_a_ = squares(a);
    squares_of_b_ = &a == &b ? squares_of_a_ : squares(b);
  }

  float from_key(double key) const {
    const double score = score_of_key(metric_, key);
    return static_cast<float>(complement_ ? 1 - score : score);
  }

  // The values are the dots.
  bool keeps_dots() const { return metric_ != Metric::l2 && !complement_; }

  // out[c] for columns first .. first + count of row i, from their dots.
  void from_dots(int64_t i, int64_t first, int64_t count, const float* dots, float* out) const {
    if (metric_ == Metric::l2) {
      for (int64_t c = 0; c < count; ++c) out[c] = distance(i, first + c, dots[c]);
    } else if (complement_) {
      for (int64_t c = 0; c < count; ++c) out[c] = 1 - dots[c];
    } else {
      std::copy_n(dots, count, out);
    }
  }

 private:
  static std::vector<double> squares(const EmbeddingSet& set) {
    std::vector<double> out(static_cast<size_t>(set.rows()));
    for (int64_t i = 0; i < set.rows(); ++i)
      out[static_cast<size_t>(i)] = set.kernels().dot(set.row(i), set.row(i), set.dims());
    return out;
  }

  // |a|^2 + |b|^2 - 2 a.b loses what the norms have in common: a small difference is computed anew.
  float distance(int64_t i, int64_t j, float dot) const {
    const double norms = squares_of_a_[static_cast<size_t>(i)] + squares_of_b_[static_cast<size_t>(j)];
    double squared = norms - 2.0 * static_cast<double>(dot);
    if (!(squared * 64 > norms)) squared = a_.kernels().squared_distance(a_.row(i), b_.row(j), a_.dims());
    return static_cast<float>(std::sqrt(squared));
  }

  const EmbeddingSet& a_;
  const EmbeddingSet& b_;
  Metric metric_;
  bool complement_;
  std::vector<double> squares_of_a_;
  std::vector<double> squares_of_b_;
};

void canonical_matrix(const EmbeddingSet& a, const EmbeddingSet& b, const Finish& finish, float* out, int threads,
                      const JobControl& job) {
  std::vector<int32_t> columns(static_cast<size_t>(b.rows()));
  for (size_t j = 0; j < columns.size(); ++j) columns[j] = static_cast<int32_t>(j);
  // A task is a stretch of one row, so that a single row keeps every thread busy too.
  constexpr int64_t kStretch = 4096;
  const int64_t stretches = (b.rows() + kStretch - 1) / kStretch, tasks = a.rows() * stretches;
  std::atomic<int64_t> done{0};
  parallel_for(tasks, effective_threads(threads, tasks), [&](int64_t task, int) {
    const int64_t i = task / stretches, begin = task % stretches * kStretch, end = std::min(b.rows(), begin + kStretch);
    CanonicalRow canonical(a, b);
    canonical.set_query(i);
    double keys[kColumns];
    for (int64_t j = begin; j < end; j += kColumns) {
      job.check();
      const int64_t count = std::min(kColumns, end - j);
      canonical.keys(columns.data() + j, count, keys);
      for (int64_t c = 0; c < count; ++c) out[i * b.rows() + j + c] = finish.from_key(keys[c]);
    }
    job.report(++done, tasks);
  });
}

// Turns dots into values where they belong. A matrix of a set with itself is symmetric to the bit: sums of products
// (and of squared differences) do not change when the rows are exchanged. Half of it is computed and mirrored.
class Output {
 public:
  Output(const EmbeddingSet& a, const EmbeddingSet& b, const Finish& finish, float* out)
      : finish_(finish), out_(out), width_(b.rows()), symmetric_(&a == &b) {}

  int64_t width() const { return width_; }
  bool keeps_dots() const { return finish_.keeps_dots(); }
  float* at(int64_t i, int64_t j) const { return out_ + i * width_ + j; }

  // Rows of which these columns are computed.
  int64_t rows_end(int64_t end, int64_t first, int64_t columns) const {
    return symmetric_ ? std::min(end, first + columns) : end;
  }

  // dots: rows kColumns apart.
  void write(int64_t i, int64_t rows, int64_t first, int64_t columns, const float* dots) const {
    for (int64_t r = 0; r < rows; ++r) finish_.from_dots(i + r, first, columns, dots + r * kColumns, at(i + r, first));
  }

  // Values that are where they belong, of columns that begin at `first`; those beside the diagonal are computed anyway.
  void mirror(int64_t i, int64_t rows, int64_t first, int64_t columns) const {
    if (!symmetric_) return;
    const int64_t end = std::min(i + rows, first);
    constexpr int64_t kTile = 16;  // floats of a cache line
    for (int64_t r = i; r < end; r += kTile)
      for (int64_t c = first; c < first + columns; c += kTile)
        for (int64_t to = c; to < std::min(c + kTile, first + columns); ++to)
          for (int64_t from = r; from < std::min(r + kTile, end); ++from) *at(to, from) = *at(from, to);
  }

 private:
  const Finish& finish_;
  float* out_;
  int64_t width_;
  bool symmetric_;
};

// Cuts rows [rows_begin, rows_end) x columns [columns_begin, columns_end) into tasks of kColumns columns and, where
// that leaves threads waiting for the last one, of some rows: body(first column, columns, first row, end of rows,
// thread).
template <class Body>
void for_blocks(const Output& output, int64_t rows_begin, int64_t rows_end, int64_t columns_begin, int64_t columns_end,
                int threads, const JobControl& job, Body&& body) {
  const int64_t rows = rows_end - rows_begin;
  const int64_t blocks = (columns_end - columns_begin + kColumns - 1) / kColumns;
  const int64_t wanted = 16 * effective_threads(threads, 1 << 20);
  const int64_t parts = std::clamp<int64_t>((wanted + blocks - 1) / blocks, 1, (rows + kRows - 1) / kRows);
  const int64_t tasks = blocks * parts;
  std::atomic<int64_t> done{0};
  parallel_for(tasks, effective_threads(threads, tasks), [&](int64_t task, int thread) {
    // Of half a matrix the last columns have the most rows.
    const int64_t first = columns_begin + (blocks - 1 - task / parts) * kColumns, part = task % parts;
    const int64_t columns = std::min(kColumns, columns_end - first);
    const int64_t lines = (output.rows_end(rows_end, first, columns) - rows_begin + simd::kLanes - 1) / simd::kLanes;
    if (lines <= 0) return;
    const int64_t begin = rows_begin + lines * part / parts * simd::kLanes;
    const int64_t end = std::min(rows_end, rows_begin + lines * (part + 1) / parts * simd::kLanes);
    if (begin < end) body(first, columns, begin, end, thread);
    job.report(++done, tasks);
  });
}

// Dots by float32 sums. Scratch of a thread: kColumns rows of b.
void product_matrix(const EmbeddingSet& a, const EmbeddingSet& b, const Output& output, int threads,
                    const JobControl& job) {
  const simd::Kernels& kernels = a.kernels();
  const int64_t dims = a.dims();
  struct Scratch {
    AlignedBuffer<float> packed, tile;
  };
  std::vector<Scratch> scratch(static_cast<size_t>(effective_threads(threads, 1 << 20)));
  const auto block = [&](int64_t first, int64_t columns, int64_t begin, int64_t end, int thread) {
    auto& [packed, tile] = scratch[static_cast<size_t>(thread)];
    if (packed.size() == 0) {
      packed = AlignedBuffer<float>(kColumns * dims);
      tile = AlignedBuffer<float>(kRows * kColumns);
    }
    const int64_t groups = (columns + simd::kLanes - 1) / simd::kLanes;
    for (int64_t group = 0; group < groups; ++group) {
      const float* rows[simd::kLanes];
      for (int64_t lane = 0; lane < simd::kLanes; ++lane) {
        const int64_t j = group * simd::kLanes + lane;
        rows[lane] = j < columns ? b.row(first + j) : nullptr;
      }
      kernels.pack_f32(rows, dims, packed.data() + group * simd::kLanes * dims);
    }
    // Dots that need no finishing go where they belong; others, and those beside a partial group's, through the tile.
    const int64_t direct = output.keeps_dots() ? columns / simd::kLanes : 0, beside = direct * simd::kLanes;
    for (int64_t i = begin; i < end; i += kRows) {
      job.check();
      const int64_t count = std::min(kRows, end - i);
      const float* rows[kRows];
      for (int64_t r = 0; r < count; ++r) rows[r] = a.row(i + r);
      if (direct > 0)
        kernels.product_f32(rows, count, packed.data(), direct, dims, nullptr, output.at(i, first), output.width(),
                            simd::kLanes);
      if (direct < groups) {
        kernels.product_f32(rows, count, packed.data() + beside * dims, groups - direct, dims, nullptr, tile.data(),
                            kColumns, simd::kLanes);
        output.write(i, count, first + beside, columns - beside, tile.data());
      }
      output.mirror(i, count, first, columns);
    }
  };
  for_blocks(output, 0, a.rows(), 0, b.rows(), threads, job, block);
}

// Dots by sums of digits. Scratch: the digits of kDigitRows rows of either set, 3 bytes a value.
void digit_matrix(const EmbeddingSet& a, const EmbeddingSet& b, const Output& output, int threads,
                  const JobControl& job) {
  const simd::Kernels& kernels = a.kernels();
  DigitRows left(a, std::min(kDigitRows, a.rows()), false), right(b, std::min(kDigitRows, b.rows()), true);
  std::vector<AlignedBuffer<float>> tiles(static_cast<size_t>(effective_threads(threads, 1 << 20)));
  const int64_t stripes = (a.rows() + kDigitRows - 1) / kDigitRows, turns = (b.rows() + kDigitRows - 1) / kDigitRows;
  for (int64_t stripe = 0; stripe < stripes; ++stripe) {
    const int64_t top = stripe * kDigitRows, bottom = std::min(a.rows(), top + kDigitRows);
    left.load(top, bottom - top, threads, job);
    for (int64_t turn = 0; turn < turns; ++turn) {
      const int64_t from = turn * kDigitRows, to = std::min(b.rows(), from + kDigitRows);
      if (output.rows_end(bottom, from, to - from) <= top) continue;
      right.load(from, to - from, threads, job);
      const int orders = digit_orders(left, right);
      const auto block = [&](int64_t first, int64_t columns, int64_t begin, int64_t end, int thread) {
        auto& tile = tiles[static_cast<size_t>(thread)];
        if (tile.size() == 0) tile = AlignedBuffer<float>(simd::kLanes * kColumns);
        const int64_t groups = (columns + simd::kLanes - 1) / simd::kLanes, group = (first - from) / simd::kLanes;
        for (int64_t i = begin; i < end; i += simd::kLanes) {
          job.check();
          const int64_t count = std::min<int64_t>(simd::kLanes, end - i), panel = (i - top) / simd::kLanes;
          const bool direct = output.keeps_dots() && count == simd::kLanes && columns == groups * simd::kLanes;
          kernels.product_digits(left.panel(panel), left.exponents(panel), right.panel(group), right.exponents(group),
                                 groups, left.steps(), orders, direct ? output.at(i, first) : tile.data(),
                                 direct ? output.width() : kColumns);
          if (!direct) output.write(i, count, first, columns, tile.data());
        }
        output.mirror(begin, end - begin, first, columns);
      };
      for_blocks(output, top, bottom, from, to, threads, job.part(stripe * turns + turn, stripes * turns), block);
    }
  }
}

bool split_pays(const EmbeddingSet& a, const EmbeddingSet& b) {
  return a.kernels().product_digits != nullptr && a.dims() >= DigitRows::kMinDims && a.dims() <= DigitRows::kMaxDims &&
         std::min(a.rows(), b.rows()) >= kMinDigitRows;
}

}  // namespace

void pairwise(const EmbeddingSet& a, const EmbeddingSet& b, PairwiseOutput output, float* out,
              const PairwiseOptions& options) {
  check_comparable(a, b);
  if (a.metric() == Metric::l2 && output == PairwiseOutput::similarity)
    throw expected("cosine or dot", "metric of a similarity", "l2");
  if (a.metric() == Metric::dot && output == PairwiseOutput::distance)
    throw expected("cosine or l2", "metric of a distance", "dot");
  options.job.check();
  if (a.rows() == 0 || b.rows() == 0) return;
  if (options.device != nullptr) return options.device->pairwise(a, b, output, out, options);
  const double work = static_cast<double>(a.rows()) * static_cast<double>(b.rows()) * static_cast<double>(a.dims());
  const int threads = work < kSerialBelow ? 1 : options.threads;
  const Finish finish(a, b, output);
  const bool narrow = std::min(a.rows(), b.rows()) < kNarrow || work < kDirectBelow;
  if (options.precise || narrow || !filterable(a, b))
    canonical_matrix(a, b, finish, out, threads, options.job);
  else if (split_pays(a, b))
    digit_matrix(a, b, {a, b, finish, out}, threads, options.job);
  else
    product_matrix(a, b, {a, b, finish, out}, threads, options.job);
  options.job.report(1, 1);
}

}  // namespace nearvote
