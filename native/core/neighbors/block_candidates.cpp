#include "core/neighbors/block_candidates.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/votes/for_each_vote.h"

namespace nearvote {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
// Data that no filter can tell apart (masses of duplicates) is decided at once instead of being kept.
constexpr int64_t kDecideAbove = 1 << 15;

uint32_t lane_of(const simd::Candidate& c) { return static_cast<uint32_t>(c.cell) % simd::kLanes; }

}  // namespace

void BlockCandidates::List::append(const simd::Candidate* more, int64_t size) {
  if (count + size > items.size()) {
    AlignedBuffer<simd::Candidate> larger(std::max(items.size() + items.size() / 4, count + size));
    if (count > 0) std::memcpy(larger.data(), items.data(), static_cast<size_t>(count) * sizeof(simd::Candidate));
    items = std::move(larger);
  }
  std::memcpy(items.data() + count, more, static_cast<size_t>(size) * sizeof(simd::Candidate));
  count += size;
}

BlockCandidates::BlockCandidates(const VoterCells& cells, int64_t capacity)
    : cells_(cells),
      lower_(capacity * cells.count()),
      least_(capacity),
      lists_(static_cast<size_t>(capacity / simd::kLanes)) {}

void BlockCandidates::start(const QueryTerms& queries, const double* thresholds) {
  queries_ = &queries;
  kept_.clear();
  for (int64_t group = 0; group < groups(); ++group) start_group(group, thresholds);
}

// The starting bound of a cell: nothing yet, what the threshold demands, or out of reach.
void BlockCandidates::start_group(int64_t group, const double* thresholds) {
  lists_[static_cast<size_t>(group)].count = 0;
  lists_[static_cast<size_t>(group)].compact_at = compact_from();
  float *bound = lower(group), starts[simd::kLanes];
  const auto query = [&](int64_t lane) -> int64_t {  // -1: none, or one without a direction
    const int64_t i = group * simd::kLanes + lane;
    const int64_t row = i < count() ? queries_->rows[static_cast<size_t>(i)] : -1;
    return row < 0 || cells_.queries.is_zero(row) ? -1 : row;
  };
  for (int64_t lf = 0; lf < cells_.query_votes.cols; ++lf) {
    // Most rules have the same threshold.
    if (lf == 0 || (thresholds != nullptr && thresholds[lf] != thresholds[lf - 1]))
      for (int64_t lane = 0; lane < simd::kLanes; ++lane)
        starts[lane] = query(lane) < 0         ? kInfinity
                       : thresholds == nullptr ? -kInfinity
                                               : threshold_bound(group * simd::kLanes + lane, thresholds[lf]);
    for (int64_t cell = lf * cells_.per_lf; cell < (lf + 1) * cells_.per_lf; ++cell)
      std::copy_n(starts, simd::kLanes, bound + cell * simd::kLanes);
  }
  for (int64_t lane = 0; lane < simd::kLanes; ++lane) {
    if (query(lane) < 0) continue;
    for_each_vote(cells_.query_votes.row(query(lane)), cells_.query_votes.cols, [&](int64_t lf) {
      for (int64_t cell = lf * cells_.per_lf; cell < (lf + 1) * cells_.per_lf; ++cell)
        bound[cell * simd::kLanes + lane] = kInfinity;
    });
  }
  set_least(group);
}

float BlockCandidates::threshold_bound(int64_t query, double threshold) const {
  if (std::isnan(threshold)) return kInfinity;
  if (queries_->metric != Metric::l2) return queries_->score_below(query, threshold);
  if (threshold <= 0) return kInfinity;
  if (std::isinf(threshold)) return -kInfinity;
  return queries_->score_below(query, -threshold * threshold);
}

void BlockCandidates::set_least(int64_t group) {
  float* least = least_.data() + group * simd::kLanes;
  std::fill_n(least, simd::kLanes, kInfinity);
  const float* bound = lower(group);
  for (int64_t cell = 0; cell < cells_.count(); ++cell)
    for (int64_t lane = 0; lane < simd::kLanes; ++lane)
      least[lane] = std::min(least[lane], bound[cell * simd::kLanes + lane]);
}

bool BlockCandidates::reached(int64_t group, const float* best) const {
  const float *least = least_.data() + group * simd::kLanes, *errors = error(group);
  int any = 0;
  for (int64_t lane = 0; lane < simd::kLanes; ++lane) any |= best[lane] + errors[lane] >= least[lane];
  return any != 0;
}

void BlockCandidates::scan(int64_t group, const float* tile, const simd::BlockVotes& votes, int64_t base,
                           int64_t at_most, CandidateScratch& scratch) {
  if (scratch.found.size() < at_most) scratch.found = AlignedBuffer<simd::Candidate>(at_most);
  const int64_t found = cells_.queries.kernels().scan_votes(tile, &votes, static_cast<int32_t>(base), error(group),
                                                            lower(group), scratch.found.data());
  if (found == 0) return;  // then no bound was raised either
  set_least(group);
  List& list = lists_[static_cast<size_t>(group)];
  list.append(scratch.found.data(), found);
  if (list.count > list.compact_at) compact(group, scratch);
}

// Drops what the bounds have overtaken, in place, keeping the order.
void BlockCandidates::drop_stale(int64_t group) {
  List& list = lists_[static_cast<size_t>(group)];
  const float *bound = lower(group), *errors = error(group);
  int64_t kept = 0;
  for (int64_t i = 0; i < list.count; ++i) {
    const simd::Candidate c = list.items[i];
    if (c.score + errors[lane_of(c)] >= bound[c.cell]) list.items[kept++] = c;
  }
  list.count = kept;
}

// Bounds the memory of a list.
void BlockCandidates::compact(int64_t group, CandidateScratch& scratch) {
  drop_stale(group);
  List& list = lists_[static_cast<size_t>(group)];
  if (list.count > kDecideAbove) {
    if (kept_.empty()) kept_.resize(static_cast<size_t>(groups() * simd::kLanes * cells_.count()));
    decide(group, scratch, [&](int64_t lane, const Winner* winners) {
      float* bound = lower(group) + lane;
      for (int64_t cell = 0; cell < cells_.count(); ++cell)
        if (winners[cell].row >= 0)
          bound[cell * simd::kLanes] = std::max(bound[cell * simd::kLanes],
                                                queries_->score_below(group * simd::kLanes + lane, winners[cell].key));
      std::copy(winners, winners + cells_.count(), kept(group, lane));
    });
    list.count = 0;
    set_least(group);
  }
  list.compact_at = std::max(compact_from(), list.count + list.count / 2);
}

void BlockCandidates::finish(CandidateScratch& scratch, WinnerSink& sink) {
  for (int64_t group = 0; group < groups(); ++group)
    decide(group, scratch, [&](int64_t lane, const Winner* winners) {
      const int64_t i = group * simd::kLanes + lane;
      if (i < count()) sink.take(queries_->rows[static_cast<size_t>(i)], winners);
    });
}

// Scores the candidates of every lane of a group that the bounds have not overtaken canonically and hands over the
// winners, one lane after the other.
template <class Take>
void BlockCandidates::decide(int64_t group, CandidateScratch& scratch, Take&& take) {
  const List& list = lists_[static_cast<size_t>(group)];
  const float *bound = lower(group), *errors = error(group);
  const auto counts = [&](const simd::Candidate& c) { return c.score + errors[lane_of(c)] >= bound[c.cell]; };
  // Behind every lane there is a place for what does not count.
  int64_t first[simd::kLanes + 1] = {};
  for (int64_t i = 0; i < list.count; ++i) first[lane_of(list.items[i]) + 1] += counts(list.items[i]) ? 1 : 0;
  for (int64_t lane = 0; lane < simd::kLanes; ++lane) first[lane + 1] += first[lane] + 1;
  std::vector<simd::Candidate>& by_lane = scratch.by_lane;
  by_lane.resize(static_cast<size_t>(list.count + simd::kLanes));
  int64_t place[simd::kLanes];
  std::copy(first, first + simd::kLanes, place);
  for (int64_t i = 0; i < list.count; ++i) {
    int64_t& at = place[lane_of(list.items[i])];
    by_lane[static_cast<size_t>(at)] = list.items[i];
    at += counts(list.items[i]) ? 1 : 0;
  }

  std::vector<Winner>& winners = scratch.winners;
  for (int64_t lane = 0; lane < simd::kLanes; ++lane) {
    if (kept_.empty())
      std::fill(winners.begin(), winners.end(), Winner{});
    else
      std::copy_n(kept(group, lane), cells_.count(), winners.begin());
    if (first[lane] < place[lane])
      scratch.scores.decide(*queries_, group * simd::kLanes + lane, by_lane.data() + first[lane],
                            place[lane] - first[lane], bound, winners.data());
    take(lane, winners.data());
  }
}

}  // namespace nearvote
