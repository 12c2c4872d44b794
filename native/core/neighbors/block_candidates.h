// What a search for voters keeps of a block of queries while tiles pass: per query and cell a proven lower bound of the
// nearest voter's filter score, and the support rows that could still be that voter.
#pragma once

#include <vector>

#include "core/neighbors/candidate_scores.h"

namespace nearvote {

// The cells of a search, per query: an LF, or an LF and class. Open where the query's LF abstains.
struct VoterCells {
  const EmbeddingSet& queries;
  VoteMatrix query_votes;
  VoteMatrix support_votes;
  int64_t per_lf;  // 1, or one per class

  int64_t count() const { return query_votes.cols * per_lf; }
  int64_t lf_of(int64_t cell) const { return cell / per_lf; }
  bool open(int64_t query, int64_t lf) const { return query_votes(query, lf) == 0 && !queries.is_zero(query); }
};

// Receives the winners of one query, one per cell; called once per query, from any thread.
class WinnerSink {
 public:
  virtual void take(int64_t query, const Winner* winners) = 0;

 protected:
  ~WinnerSink() = default;
};

// Scratch of one thread for any number of blocks.
struct CandidateScratch {
  CandidateScratch(const VoterCells& cells, const FilterSupport& support)
      : scores(cells.queries, support, cells.support_votes, cells.per_lf),
        winners(static_cast<size_t>(cells.count())) {}

  CandidateScores scores;
  std::vector<Winner> winners;  // of one query
  std::vector<simd::Candidate> by_lane;
  AlignedBuffer<simd::Candidate> found;
};

// Not for two threads at once.
class BlockCandidates {
 public:
  // capacity: queries, a multiple of simd::kLanes.
  BlockCandidates(const VoterCells& cells, int64_t capacity);

  // New queries; `queries` must outlive finish(). thresholds: per LF, or null: voters that are not strictly inside may
  // be left out.
  void start(const QueryTerms& queries, const double* thresholds);

  // False if no cell of the group can gain from a tile with these largest scores, one per lane.
  bool reached(int64_t group, const float* best) const;
  // Takes what the votes of one support block, whose first row is at position base, offer a group. at_most: candidates
  // that can give. The tile of a block is scanned once.
  void scan(int64_t group, const float* tile, const simd::BlockVotes& votes, int64_t base, int64_t at_most,
            CandidateScratch& scratch);

  // Decides all queries and hands their winners over.
  void finish(CandidateScratch& scratch, WinnerSink& sink);

 private:
  // A growable list that is never initialised.
  struct List {
    AlignedBuffer<simd::Candidate> items;
    int64_t count = 0;
    int64_t compact_at = 0;

    void append(const simd::Candidate* more, int64_t size);
  };

  int64_t groups() const { return static_cast<int64_t>(queries_->error.size()) / simd::kLanes; }
  int64_t count() const { return static_cast<int64_t>(queries_->rows.size()); }
  float* lower(int64_t group) const { return lower_.data() + group * cells_.count() * simd::kLanes; }
  const float* error(int64_t group) const { return queries_->error.data() + group * simd::kLanes; }
  Winner* kept(int64_t group, int64_t lane) { return kept_.data() + (group * simd::kLanes + lane) * cells_.count(); }
  int64_t compact_from() const { return 256 + simd::kLanes * cells_.count(); }
  float threshold_bound(int64_t query, double threshold) const;
  void start_group(int64_t group, const double* thresholds);
  void set_least(int64_t group);
  void drop_stale(int64_t group);
  void compact(int64_t group, CandidateScratch& scratch);
  template <class Take>
  void decide(int64_t group, CandidateScratch& scratch, Take&& take);

  const VoterCells& cells_;
  const QueryTerms* queries_ = nullptr;
  AlignedBuffer<float> lower_;  // [group][cell][lane]
  AlignedBuffer<float> least_;  // [group][lane]: of all cells
  std::vector<List> lists_;     // per group
  std::vector<Winner> kept_;    // of the whole block, once a list had to be decided early
};

}  // namespace nearvote
