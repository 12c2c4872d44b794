#include "core/neighbors/nearest_voters.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/neighbors/canonical.h"
#include "core/neighbors/voter_search.h"

namespace nearvote {

NearestVoters::NearestVoters(const EmbeddingSet& queries, VoteMatrix query_votes, const EmbeddingSet& support,
                             VoteMatrix support_votes, const VoteDomain& domain, const RunOptions& options)
    : rows_(queries.rows()), lfs_(query_votes.cols), domain_(domain), metric_(queries.metric()) {
  VoterSearch search(queries, query_votes, support, support_votes, domain, CellsPer::lf_and_class, options);
  votes_.assign(query_votes.data, query_votes.data + query_votes.size());
  first_cell_.assign(static_cast<size_t>(rows_) + 1, 0);
  for (int64_t i = 0; i < rows_; ++i)
    first_cell_[static_cast<size_t>(i) + 1] =
        first_cell_[static_cast<size_t>(i)] + std::count(query_votes.row(i), query_votes.row(i) + lfs_, int8_t{0});
  const size_t cells = static_cast<size_t>(first_cell_.back()) * static_cast<size_t>(domain.classes);
  nearest_row_.resize(cells);
  nearest_key_.resize(cells);

  struct Keep final : VoterSearch::Sink {
    NearestVoters& voters;
    explicit Keep(NearestVoters& v) : voters(v) {}
    void take(int64_t query, const Winner* winners) override {
      const int64_t classes = voters.domain_.classes;
      auto slot = static_cast<size_t>(voters.first_cell_[static_cast<size_t>(query)] * classes);
      for (int64_t lf = 0; lf < voters.lfs_; ++lf) {
        if (voters.votes_[static_cast<size_t>(query * voters.lfs_ + lf)] != 0) continue;
        for (int64_t c = 0; c < classes; ++c, ++slot) {
          voters.nearest_row_[slot] = winners[lf * classes + c].row;
          voters.nearest_key_[slot] = winners[lf * classes + c].key;
        }
      }
    }
  } keep(*this);
  search.run(nullptr, keep);
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
