// The search for voters among the rows that vote, all of them queries as well: a tile of scores serves the queries on
// one side and, turned, those on the other, so half the products suffice. Scores are the same both ways but for the
// biases.
//
// Every pair of blocks is one tile. Of a support in parts two are held at a time; the first part's queries are decided
// as soon as they have met all others, and so on. What is kept of a block of queries has a lock, as two threads may
// hold tiles of it; the order in which tiles come changes bounds and candidates on the way, but no result, as canonical
// scores decide.
#pragma once

#include <atomic>

#include "core/neighbors/block_candidates.h"
#include "core/neighbors/block_votes.h"
#include "core/neighbors/run_options.h"

namespace nearvote {

// How far a search is, over all its parts.
struct SearchProgress {
  JobControl job;
  int64_t tiles;
  std::atomic<int64_t> done{0};

  void add(int64_t more) { job.report(done += more, tiles); }
};

struct MutualVoters {
  const VoterCells& cells;
  FilterSupport& support;  // its rows are the queries too
  const BlockVoteLists& lists;
  bool by_locality;  // near rows stand near each other
  int threads;

  // Tiles of so many rows by as many.
  static int64_t tiles(int64_t rows);
  void run(const double* thresholds, WinnerSink& sink, SearchProgress& progress) const;
};

}  // namespace nearvote
