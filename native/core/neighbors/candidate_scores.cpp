#include "core/neighbors/candidate_scores.h"

#include <algorithm>

namespace nearvote {
namespace {

// Of so many candidates one may be scored for nothing.
constexpr int64_t kPerIdle = 4;

}  // namespace

void Winner::merge(const Winner& other, VoteMatrix votes, int64_t lf) {
  if (other.row < 0 || other.key < key) return;
  if (row < 0 || other.key > key) {
    *this = other;
    return;
  }
  contested = contested || other.contested || votes(row, lf) != votes(other.row, lf);
  row = std::min(row, other.row);
}

CandidateScores::CandidateScores(const EmbeddingSet& queries, const FilterSupport& support, VoteMatrix support_votes,
                                 int64_t cells_per_lf)
    : support_(support), votes_(support_votes), cells_per_lf_(cells_per_lf), canonical_(queries, support.set()) {}

void CandidateScores::decide(const QueryTerms& queries, int64_t query, const simd::Candidate* candidates, int64_t count,
                             const float* bound, Winner* winners) {
  const float error = queries.error[static_cast<size_t>(query)];
  canonical_.set_query(queries.rows[static_cast<size_t>(query)]);
  list_rows(candidates, count);
  const auto leads = [&](const simd::Candidate& c) { return c.score - error >= bound[c.cell]; };
  if (const int64_t idle = count - std::count_if(candidates, candidates + count, leads); idle * kPerIdle <= count) {
    keys_.resize(rows_.size());
    canonical_.keys(rows_.data(), static_cast<int64_t>(rows_.size()), keys_.data());
    merge_known(candidates, count, winners);
    return;
  }
  keys_.assign(rows_.size(), kUnknown);
  score(candidates, count, winners, leads);
  score(candidates, count, winners, [&](const simd::Candidate& c) {
    const Winner& winner = winners[c.cell / simd::kLanes];
    return winner.row < 0 || c.score + error >= queries.score_below(query, winner.key);
  });
}

// A table of one block's rows is enough to see a row again. Whether it is new cannot be foreseen: no branch.
void CandidateScores::list_rows(const simd::Candidate* candidates, int64_t count) {
  rows_.resize(static_cast<size_t>(count));
  place_.resize(static_cast<size_t>(count));
  int32_t distinct = 0, *const rows = rows_.data(), *const places = place_.data();
  int64_t stamp = stamp_;
  uint32_t block = ~0u;
  for (int64_t i = 0; i < count; ++i) {
    const auto row = static_cast<uint32_t>(candidates[i].row);
    if (row / simd::kBlockRows != block) {
      block = row / simd::kBlockRows;
      ++stamp;
    }
    Seen& seen = seen_[row % simd::kBlockRows];
    const bool known = seen.stamp == stamp;
    const int32_t place = known ? seen.place : distinct;
    seen = {stamp, place};
    rows[place] = static_cast<int32_t>(row);
    places[i] = place;
    distinct += known ? 0 : 1;
  }
  stamp_ = stamp;
  rows_.resize(static_cast<size_t>(distinct));
  for (int32_t& row : rows_) row = support_.row(row);
}

template <class Wanted>
void CandidateScores::score(const simd::Candidate* candidates, int64_t count, Winner* winners, Wanted&& wanted) {
  wanted_rows_.clear();
  wanted_places_.clear();
  for (int64_t i = 0; i < count; ++i) {
    double& key = keys_[static_cast<size_t>(place_[static_cast<size_t>(i)])];
    if (key != kUnknown || !wanted(candidates[i])) continue;
    key = kAskedFor;
    wanted_places_.push_back(place_[static_cast<size_t>(i)]);
    wanted_rows_.push_back(rows_[static_cast<size_t>(place_[static_cast<size_t>(i)])]);
  }
  wanted_keys_.resize(wanted_rows_.size());
  canonical_.keys(wanted_rows_.data(), static_cast<int64_t>(wanted_rows_.size()), wanted_keys_.data());
  for (size_t i = 0; i < wanted_keys_.size(); ++i) keys_[static_cast<size_t>(wanted_places_[i])] = wanted_keys_[i];
  merge_known(candidates, count, winners);
}

void CandidateScores::merge_known(const simd::Candidate* candidates, int64_t count, Winner* winners) const {
  const double* keys = keys_.data();
  const int32_t *rows = rows_.data(), *places = place_.data();
  for (int64_t i = 0; i < count; ++i) {
    const double key = keys[places[i]];
    const int32_t row = rows[places[i]];
    const int64_t cell = static_cast<uint32_t>(candidates[i].cell) / simd::kLanes;
    if (Winner& winner = winners[cell]; key != kUnknown && winner.row != row)
      winner.merge({key, row, false}, votes_, cell / cells_per_lf_);
  }
}

}  // namespace nearvote
