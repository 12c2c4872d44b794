// The filter of every search: approximate scores of blocks of queries and support rows, with a proven bound of their
// error. The filter score of query x and support row y is
//   cosine, dot:  x.y            l2:  x.y - |y|^2 / 2   (nearer is larger; |x|^2 - 2 score is the squared distance)
// and where the support has a centre c (neighbors/centre.h)
//   cosine, dot:  x.y - c.x  =  (x - c).(y - c) + c.(y - c), whose operands are rounded less c. In what follows x and y
// are then those differences.
// computed in float32, bf16 or int8 (simd/kernels.h), as the support is packed. With x~ = rounded x, r = upper bound of
// |x - x~|,
//   |x.y - x~.y~| <= r_x |y~| + (|x~| + r_x) r_y + accumulation error * (|x~||y~| + |y|^2/2),
// taken at the largest norms of the searched support.
#pragma once

#include <vector>

#include "core/base/aligned.h"
#include "core/neighbors/embedding_set.h"

namespace nearvote {

// False where a float32 product could overflow or vanish: such norms are searched canonically.
bool filterable(const EmbeddingSet& queries, const EmbeddingSet& support);

// The filter score that a canonical key of a query corresponds to, rounded down to a float. own: of the query
// (FilterSupport::own_term).
float filter_score_below(Metric metric, double own, double key);

// The searched rows of a set, in any order, as operands of the filter product. The set must outlive this.
class FilterSupport {
 public:
  explicit FilterSupport(const EmbeddingSet& set);  // all rows, in place
  // Chosen rows; copies their operands (bf16, int8) unless they are all, in ascending order. A set that borrows has
  // none: they are made by hold() in parts of whole blocks and at most about part_bytes; 0: here, all.
  FilterSupport(const EmbeddingSet& set, std::vector<int32_t> rows, int threads, const JobControl& job = {},
                int64_t part_bytes = 0);

  // The blocks of one part after the other have operands while it is held; two slots hold one each.
  int64_t parts() const { return static_cast<int64_t>(operands_.size()); }
  int64_t first_block(int64_t part) const { return std::min(blocks(), part * part_blocks_); }
  void hold(int64_t part, int slot, int threads, const JobControl& job);

  int64_t size() const { return size_; }
  int64_t blocks() const { return (size() + simd::kBlockRows - 1) / simd::kBlockRows; }
  int64_t block_rows(int64_t block) const {
    return std::min<int64_t>(simd::kBlockRows, size() - block * simd::kBlockRows);
  }
  int32_t row(int64_t position) const {
    return rows_.empty() ? static_cast<int32_t>(position) : rows_[static_cast<size_t>(position)];
  }
  const EmbeddingSet& set() const { return set_; }
  // Per position, zeros or numbers that mean nothing up to a whole group; null: none.
  const float* bias() const { return terms_.bias; }

  // What filter scores of this row as a query leave out. l2: its squared norm; with a centre c: c.x; 0 otherwise.
  double own_term(const float* query) const;
  double own_term(const EmbeddingSet& queries, int64_t row) const;

  // Bound of |filter score - canonical score| of a query whose packed form has this norm and lost this (upper bounds).
  float error(double norm, double residual) const;

 private:
  friend class QueryBlock;
  const uint8_t* operands(int64_t block) const {
    const uint8_t* part = operands_[static_cast<size_t>(block / part_blocks_)];
    return part == nullptr ? nullptr : part + block % part_blocks_ * block_bytes_;
  }

  const EmbeddingSet& set_;
  int64_t size_;
  std::vector<int32_t> rows_;  // empty: all
  int64_t block_bytes_;        // of operands
  int64_t part_blocks_;
  std::vector<const uint8_t*> operands_;  // per part; null: not held, or float32 rows of the set
  AlignedBuffer<uint8_t> slots_[2];
  int64_t held_[2] = {-1, -1};
  std::vector<float> gathered_scale_;
  std::vector<int32_t> gathered_offset_;
  std::vector<float> gathered_bias_;
  simd::PackedRows terms_;  // panels: unused
  double max_norm_;
  double max_residual_;
  double max_bias_;
};

// What is known of queries, by their place in a block, besides their values. Padded to whole groups of simd::kLanes.
struct QueryTerms {
  Metric metric;
  std::vector<int32_t> rows;  // not padded
  std::vector<float> error;   // bound of |filter score - canonical score|, rounding of the epilogue included
  std::vector<double> own;    // FilterSupport::own_term

  // filter_score_below for query i.
  float score_below(int64_t i, double key) const {
    return filter_score_below(metric, own[static_cast<size_t>(i)], key);
  }
};

// Of searched rows first .. first + count as queries of the same support.
QueryTerms terms_of_searched(const FilterSupport& support, int64_t first, int64_t count);

// Up to `capacity` queries, consecutive or chosen, packed as the other operand; scratch of one thread.
class QueryBlock {
 public:
  // capacity: a multiple of simd::kLanes.
  QueryBlock(const EmbeddingSet& queries, const FilterSupport& support, int64_t capacity);

  // first: a multiple of simd::kLanes.
  void load(int64_t first, int64_t count);
  // Chosen queries. Gathers their panels first, so load() is cheaper where it serves.
  void load_rows(const int32_t* rows, int64_t count);
  // Searched rows of one block, by position, as queries of the support they belong to. first: a multiple of
  // simd::kLanes.
  void load_searched(int64_t first, int64_t count);

  int64_t first() const { return first_; }  // after load()
  int32_t row(int64_t i) const { return terms_.rows[static_cast<size_t>(i)]; }
  int64_t count() const { return count_; }
  int64_t groups() const { return (count_ + simd::kLanes - 1) / simd::kLanes; }

  const QueryTerms& terms() const { return terms_; }
  const float* error(int64_t group) const { return terms_.error.data() + group * simd::kLanes; }
  float score_below(int64_t query_in_block, double key) const { return terms_.score_below(query_in_block, key); }

  // Scores of one support block: tile(group)[row in block][lane]. Rows beyond the block: numbers that mean nothing.
  void compute(int64_t block);
  const float* tile(int64_t group) const { return tile_.data() + group * kTileSize; }
  static constexpr int64_t kTileSize = simd::kBlockRows * simd::kLanes;

 private:
  void pack_f32(int64_t group);
  void pack_group(int64_t group, const uint8_t* panel);
  void pack_rounded(int64_t group, const uint8_t* panel);
  void set_bounds();

  const EmbeddingSet& queries_;
  const FilterSupport& support_;
  simd::Precision precision_;  // of the support
  bool same_form_;             // the queries are rounded as the support is
  AlignedBuffer<float> packed_f32_;
  AlignedBuffer<float> rows_;  // 16 before packing, of a set that borrows
  AlignedBuffer<uint8_t> packed_;
  AlignedBuffer<uint8_t> panel_;  // 16 rows before packing
  AlignedBuffer<float> tile_;
  QueryTerms terms_;
  std::vector<float> scale_;     // int8
  std::vector<float> norm_;      // of the queries as packed, upper bounds
  std::vector<float> residual_;  // of what rounding took away, likewise
  int64_t first_ = 0;
  int64_t count_ = 0;
};

}  // namespace nearvote
