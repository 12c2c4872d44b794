// Vote extension (Epoxy, arXiv 2006.15168, section 3): where an LF abstains on a query it takes the vote of the nearest
// support row it voted on, if that row is near enough.
//
// Per query row and LF: a direct vote is kept. Else the class of the nearest voter wins if its score is strictly inside
// the LF's threshold (similarity > threshold, distance < threshold). An exact canonical tie between voters of
// different classes abstains; within a class the lower index is named. A support row that abstains on an LF is no voter
// of it, so a self-join (support == queries) never copies a row's own vote. Zero rows under cosine neither give nor
// receive votes.
#pragma once

#include "core/neighbors/embedding_set.h"
#include "core/votes/vote_domain.h"

namespace nearvote {

// In `neighbors`: the support row a vote came from, or one of these.
constexpr int32_t kDirectVote = -1;
constexpr int32_t kAbstains = -2;

// query_votes: queries.rows() x m; support_votes: support.rows() x m; thresholds: m.
// votes_out: queries.rows() x m. neighbors_out, scores_out: the same shape, or null. scores_out: similarity or true
// distance of the neighbour, NaN where the vote is direct or the cell abstains.
// Keeps no state per cell beyond a block of queries; where queries and support are one set, about 30 bytes per cell of
// all rows, if the rows themselves take more or that is below 128 MiB. Throws InvalidArgument on shapes that do not fit
// and on votes outside the domain (cell named), Cancelled when the job is (outputs are then unspecified).
void extend_votes(const EmbeddingSet& queries, VoteMatrix query_votes, const EmbeddingSet& support,
                  VoteMatrix support_votes, const VoteDomain& domain, const double* thresholds, int8_t* votes_out,
                  int32_t* neighbors_out, float* scores_out, const RunOptions& options = {});

// The same from plain rows. Where sets of all rows would take more than two budgets nothing is copied: the caller's
// rows are read again where they are used, and packed in parts, which take about a budget together; a part's queries
// are decided when they have met all.
struct ExtensionRows {
  FloatMatrix queries, support;  // the same matrix given twice is packed once
  Metric metric;
  const char* query_name = "embeddings";
  const char* support_name = "support.embeddings";
};
constexpr int64_t kExtensionBudget = int64_t{5} << 24;  // bytes
void extend_votes(const ExtensionRows& rows, VoteMatrix query_votes, VoteMatrix support_votes, const VoteDomain& domain,
                  const double* thresholds, int8_t* votes_out, int32_t* neighbors_out, float* scores_out,
                  const RunOptions& options = {}, int64_t budget = kExtensionBudget);

}  // namespace nearvote
