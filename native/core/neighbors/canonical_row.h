// Canonical keys of one query against many rows of a set, four rows at a time.
#pragma once

#include "core/base/aligned.h"
#include "core/neighbors/embedding_set.h"

namespace nearvote {

class CanonicalRow {
 public:
  // Both sets comparable and outliving this.
  CanonicalRow(const EmbeddingSet& queries, const EmbeddingSet& support);

  void set_query(int64_t query);

  // keys[i] = canonical key of the query and support row rows[i].
  void keys(const int32_t* rows, int64_t count, double* keys) const;

 private:
  const EmbeddingSet& queries_;
  const EmbeddingSet& support_;
  int64_t padded_dims_;
  AlignedBuffer<double> query_;
  AlignedBuffer<float> rows_;  // four, where one of the sets borrows
};

}  // namespace nearvote
