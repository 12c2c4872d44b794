// The search behind extension and nearest voters: for every query and cell (an LF, or an LF and class) on which the
// query's LF abstains, the nearest voter by canonical key, ties by the lower row.
#pragma once

#include <memory>
#include <vector>

#include "core/neighbors/block_candidates.h"
#include "core/neighbors/block_votes.h"
#include "core/neighbors/locality.h"
#include "core/neighbors/run_options.h"
#include "core/neighbors/search_plan.h"

namespace nearvote {

struct SearchProgress;

class VoterSearch {
 public:
  // Throws InvalidArgument on shapes that do not fit together and votes outside the domain. All arguments outlive this.
  // part_bytes: of a support that borrows so much is packed at a time, or twice that where a set meets itself.
  VoterSearch(const EmbeddingSet& queries, VoteMatrix query_votes, const EmbeddingSet& support,
              VoteMatrix support_votes, const VoteDomain& domain, CellsPer cells_per, const RunOptions& options,
              int64_t part_bytes = 0);
  ~VoterSearch();

  int64_t cells() const { return cells_.count(); }

  using Sink = WinnerSink;  // winners: cells() of them

  // thresholds: per LF, or null. With thresholds, voters that are not strictly inside them may be left out: they prune
  // the search.
  void run(const double* thresholds, Sink& sink);

 private:
  class Worker;
  void run_direct(Sink& sink);
  void keep_others();
  void run_filtered(const double* thresholds, Sink& sink);
  void run_in_parts(FilterSupport& filter, const double* thresholds, Sink& sink, SearchProgress& progress);

  VoterCells cells_;
  const EmbeddingSet& support_;
  VoteDomain domain_;
  RunOptions options_;
  int64_t part_bytes_;
  std::vector<int32_t> rows_;  // searched
  SearchPlan plan_;
  LocalityOrder order_;  // empty: as the rows come; beside a self join its queries are the others only
  BlockVoteLists lists_;
};

}  // namespace nearvote
