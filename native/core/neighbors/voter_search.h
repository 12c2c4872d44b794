// The search behind extension and nearest voters: for every query and cell (an LF, or an LF and class) on which the
// query's LF abstains, the nearest voter by canonical key, ties by the lower row.
#pragma once

#include <memory>
#include <vector>

#include "core/neighbors/block_votes.h"
#include "core/neighbors/candidate_scores.h"
#include "core/neighbors/locality.h"
#include "core/neighbors/search_plan.h"

namespace nearvote {

class VoterSearch {
 public:
  // Throws InvalidArgument on shapes that do not fit together and votes outside the domain. All arguments outlive this.
  VoterSearch(const EmbeddingSet& queries, VoteMatrix query_votes, const EmbeddingSet& support,
              VoteMatrix support_votes, const VoteDomain& domain, CellsPer cells_per, const RunOptions& options);
  ~VoterSearch();

  int64_t cells() const { return lists_.cells; }

  // Receives the winners of one query, cells() of them; called once per query, from any thread.
  class Sink {
   public:
    virtual void take(int64_t query, const Winner* winners) = 0;

   protected:
    ~Sink() = default;
  };

  // thresholds: per LF, or null. With thresholds, voters that are not strictly inside them may be left out: they prune
  // the search. So do known winners (queries x cells, or null) from elsewhere: what is farther may be left out.
  void run(const double* thresholds, Sink& sink, const Winner* known = nullptr);

 private:
  class Worker;
  void run_direct(Sink& sink);
  void run_filtered(const double* thresholds, const Winner* known, Sink& sink);
  int64_t lf_of(int64_t cell) const { return cell / cells_per_lf_; }
  bool open(int64_t query, int64_t lf) const { return query_votes_(query, lf) == 0 && !queries_.is_zero(query); }

  const EmbeddingSet& queries_;
  VoteMatrix query_votes_;
  const EmbeddingSet& support_;
  VoteMatrix support_votes_;
  VoteDomain domain_;
  RunOptions options_;
  int64_t cells_per_lf_;
  std::vector<int32_t> rows_;
  SearchPlan plan_;
  LocalityOrder order_;  // empty: as the rows come
  BlockVoteLists lists_;
};

}  // namespace nearvote
