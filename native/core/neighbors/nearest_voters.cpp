#include "core/neighbors/nearest_voters.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/base/parallel.h"
#include "core/neighbors/canonical.h"
#include "core/neighbors/vote_lists.h"

namespace nearvote {

NearestVoters::NearestVoters(const EmbeddingSet& queries, VoteMatrix query_votes, const EmbeddingSet& support,
                             VoteMatrix support_votes, const VoteDomain& domain, const RunOptions& options)
    : rows_(queries.rows()), lfs_(query_votes.cols), domain_(domain), metric_(queries.metric()) {
  check_comparable(queries, support);
  if (query_votes.rows != queries.rows())
    throw expected(std::to_string(queries.rows()) + " rows", "query votes", std::to_string(query_votes.rows));
  if (support_votes.rows != support.rows())
    throw expected(std::to_string(support.rows()) + " rows", "support votes", std::to_string(support_votes.rows));
  if (support_votes.cols != query_votes.cols)
    throw expected(std::to_string(query_votes.cols) + " LFs", "support votes", std::to_string(support_votes.cols));
  check_votes(query_votes, domain);
  check_votes(support_votes, domain);
  votes_.assign(query_votes.data, query_votes.data + query_votes.size());
  first_cell_.assign(static_cast<size_t>(rows_) + 1, 0);
  for (int64_t i = 0; i < rows_; ++i)
    first_cell_[static_cast<size_t>(i) + 1] =
        first_cell_[static_cast<size_t>(i)] + std::count(query_votes.row(i), query_votes.row(i) + lfs_, int8_t{0});
  const size_t cells = static_cast<size_t>(first_cell_.back()) * static_cast<size_t>(domain.classes);
  nearest_row_.assign(cells, -1);
  nearest_key_.assign(cells, -std::numeric_limits<double>::infinity());

  const VoteLists lists = list_votes(support_votes, domain);
  parallel_for(rows_, effective_threads(options.threads, rows_), [&](int64_t i, int) {
    options.job.check();
    if (queries.is_zero(i)) return;
    std::vector<int64_t> cell_of(static_cast<size_t>(lfs_), -1);
    int64_t cell = first_cell_[static_cast<size_t>(i)];
    for (int64_t lf = 0; lf < lfs_; ++lf)
      if (query_votes(i, lf) == 0) cell_of[static_cast<size_t>(lf)] = cell++;
    for (int64_t s = 0; s < support.rows(); ++s) {
      const int64_t begin = lists.first[static_cast<size_t>(s)], end = lists.first[static_cast<size_t>(s) + 1];
      if (begin == end || support.is_zero(s)) continue;
      const double key = canonical_key(metric_, queries.row(i), support.row(s), queries.dims());
      for (int64_t v = begin; v < end; ++v) {
        const RowVote vote = lists.votes[static_cast<size_t>(v)];
        if (cell_of[static_cast<size_t>(vote.lf)] < 0) continue;
        const auto slot =
            static_cast<size_t>(cell_of[static_cast<size_t>(vote.lf)] * domain.classes + vote.class_index);
        if (key > nearest_key_[slot]) {
          nearest_key_[slot] = key;
          nearest_row_[slot] = static_cast<int32_t>(s);
        }
      }
    }
  });
}

int64_t NearestVoters::bytes() const {
  return static_cast<int64_t>(votes_.size() + first_cell_.size() * sizeof(int64_t) +
                              nearest_row_.size() * sizeof(int32_t) + nearest_key_.size() * sizeof(double));
}

NearestVoters::Nearest NearestVoters::nearest(int64_t row, int64_t lf, int class_index) const {
  const double none =
      metric_ == Metric::l2 ? std::numeric_limits<double>::infinity() : -std::numeric_limits<double>::infinity();
  const int8_t* votes = votes_.data() + row * lfs_;
  if (votes[lf] != 0) return {-1, none};
  const int64_t cell = first_cell_[static_cast<size_t>(row)] + std::count(votes, votes + lf, int8_t{0});
  const auto slot = static_cast<size_t>(cell * domain_.classes + class_index);
  if (nearest_row_[slot] < 0) return {-1, none};
  return {nearest_row_[slot], score_of_key(metric_, nearest_key_[slot])};
}

void NearestVoters::extend(const double* thresholds, int8_t* votes, int32_t* neighbors, float* scores) const {
  size_t slot = 0;
  for (int64_t i = 0; i < rows_; ++i) {
    for (int64_t lf = 0; lf < lfs_; ++lf) {
      const int64_t at = i * lfs_ + lf;
      int8_t vote = votes_[static_cast<size_t>(at)];
      int32_t neighbor = kDirectVote;
      double score = std::numeric_limits<double>::quiet_NaN();
      if (vote == 0) {
        neighbor = kAbstains;
        int best = -1;
        bool tie = false;
        for (int c = 0; c < domain_.classes; ++c) {
          if (nearest_row_[slot + static_cast<size_t>(c)] < 0) continue;
          const double key = nearest_key_[slot + static_cast<size_t>(c)];
          const double best_key = best < 0 ? 0 : nearest_key_[slot + static_cast<size_t>(best)];
          if (best < 0 || key > best_key) {
            best = c;
            tie = false;
          } else if (key == best_key) {
            tie = true;
          }
        }
        if (best >= 0 && !tie) {
          const double best_score = score_of_key(metric_, nearest_key_[slot + static_cast<size_t>(best)]);
          if (within_threshold(metric_, best_score, thresholds[lf])) {
            vote = domain_.vote_of(best);
            neighbor = nearest_row_[slot + static_cast<size_t>(best)];
            score = best_score;
          }
        }
        slot += static_cast<size_t>(domain_.classes);
      }
      votes[at] = vote;
      if (neighbors != nullptr) neighbors[at] = neighbor;
      if (scores != nullptr) scores[at] = static_cast<float>(score);
    }
  }
}

}  // namespace nearvote
