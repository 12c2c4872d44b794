// Embedding operands of calls: an EmbeddingSet's handle, or a plain matrix that is packed for this call only.
#pragma once

#include <memory>

#include "core/end_model/logistic.h"
#include "core/neighbors/embedding_set.h"
#include "node/handle.h"

namespace nearvote::node {

template <>
struct HandleTraits<EmbeddingSet> {
  static constexpr const char* name = "EmbeddingSet";
  static constexpr napi_type_tag tag = {0x6e65617276746531, 0x656d62656464696e};
};

Metric metric_arg(const Napi::CallbackInfo& info, size_t index);  // 'cosine' | 'dot' | 'l2'

// Three arguments: (handle | Float32Array, rows, cols). `name`: the facade's name of it, for messages; a literal.
class Operand {
 public:
  Operand(const Napi::CallbackInfo& info, size_t index, const char* name);

  // The set, packed now if the operand is a matrix, with room for that many rows more. Called inside the job.
  std::shared_ptr<const EmbeddingSet> resolve(Metric metric, const RunOptions& options, int64_t room = 0,
                                              Packing packing = Packing::filter) const;
  bool is_matrix() const { return set_ == nullptr; }
  FloatMatrix matrix() const { return matrix_; }
  const char* name() const { return name_; }
  int64_t row_count() const { return set_ != nullptr ? set_->rows() : matrix_.rows; }

  // The rows themselves: of a set as it holds them (normalised under cosine), of a matrix as they are.
  Rows rows() const {
    if (set_ == nullptr) return {matrix_.data, matrix_.rows, matrix_.cols, matrix_.cols};
    return {set_->row(0), set_->rows(), set_->dims(), set_->stride()};
  }

  bool same_as(const Operand& other) const {
    return set_ != nullptr ? set_ == other.set_
                           : other.set_ == nullptr && matrix_.data == other.matrix_.data &&
                                 matrix_.rows == other.matrix_.rows && matrix_.cols == other.matrix_.cols;
  }

 private:
  std::shared_ptr<const EmbeddingSet> set_;
  FloatMatrix matrix_;
  const char* name_;
};

// Two operands of one call; the same matrix given twice is packed once.
struct OperandPair {
  Operand a, b;

  struct Sets {
    std::shared_ptr<const EmbeddingSet> a, b;
  };
  Sets resolve(Metric metric, const RunOptions& options, Packing packing = Packing::filter) const {
    auto first = a.resolve(metric, options, 0, packing);
    return {first, b.same_as(a) ? first : b.resolve(metric, options, 0, packing)};
  }
};

}  // namespace nearvote::node
