// The neighbour lists of a session as smoothing reads them, kept from edit to edit: only lists that changed are taken
// over anew.
#pragma once

#include <memory>

#include "core/neighbors/smoothing_lists.h"
#include "core/session/neighbor_lists.h"

namespace nearvote {

class SmoothedLists {
 public:
  // The first k entries of every list with their weights. What an earlier call gave may change with this one.
  std::shared_ptr<const SmoothingLists> of(const std::shared_ptr<const NeighborLists>& source, Metric metric, int64_t k,
                                           const RunOptions& options);

  int64_t bytes() const { return lists_ == nullptr ? 0 : lists_->bytes(); }

 private:
  std::shared_ptr<SmoothingLists> lists_;
  int64_t room_ = 0;
  std::shared_ptr<const NeighborLists> source_;  // what they show; null: nothing whole
};

}  // namespace nearvote
