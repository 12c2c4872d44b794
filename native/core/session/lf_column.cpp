#include "core/session/lf_column.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "core/base/parallel.h"
#include "core/neighbors/canonical.h"
#include "core/session/threshold_test.h"
#include "core/session/voter_lookup.h"

namespace nearvote {
namespace {

constexpr int64_t kRowsPerTask = 4096;
constexpr float kNoScore = std::numeric_limits<float>::quiet_NaN();

bool wider(Metric metric, double a, double b) { return metric == Metric::l2 ? a > b : a < b; }

// A key below (or at) that of every voter strictly inside the threshold.
double key_of_threshold(Metric metric, double threshold) {
  if (metric != Metric::l2) return threshold;
  return threshold <= 0 ? 0 : -threshold * threshold * (1 + 0x1p-50);
}

std::vector<int64_t> count_classes(const std::vector<int8_t>& votes, const VoteDomain& domain) {
  std::array<int64_t, 256> counts{};
  for (const int8_t vote : votes) ++counts[static_cast<uint8_t>(vote)];
  std::vector<int64_t> classes;
  for (int c = 0; c < domain.classes; ++c) classes.push_back(counts[static_cast<uint8_t>(domain.vote_of(c))]);
  return classes;
}

// Rows that have to search beyond their lists, each with the key below which a voter does not matter.
struct Lookups {
  std::vector<int32_t> rows;
  std::vector<double> at_least;

  void add(int64_t row, double key) {
    rows.push_back(static_cast<int32_t>(row));
    at_least.push_back(key);
  }
  void append(const Lookups& other) {
    rows.insert(rows.end(), other.rows.begin(), other.rows.end());
    at_least.insert(at_least.end(), other.at_least.begin(), other.at_least.end());
  }
};

class ColumnBuilder {
 public:
  ColumnBuilder(const ColumnContext& context, LfColumn& column)
      : set_(context.set),
        lists_(context.lists),
        context_(context),
        column_(column),
        votes_(column.votes()),
        test_(set_.metric(), column.threshold),
        needed_(key_of_threshold(set_.metric(), column.threshold)) {}

  void resolve_votes(const LfColumn* old) {
    find_voters(old);
    std::vector<Lookups> everywhere(static_cast<size_t>(tasks())), among_added(everywhere.size());
    for_rows([&](int64_t row, size_t task) {
      if (votes_[static_cast<size_t>(row)] != 0) return set(row, kDirectVote, kNoScore);
      if (set_.is_zero(row)) return set(row, kNoVoter, kNoScore);
      if (old != nullptr && as_before(*old, row)) return;
      if (walk(row)) return;
      if (old == nullptr || !start_from(*old, row, among_added[task])) everywhere[task].add(row, needed_);
    });
    look_up(everywhere, voters_);
    look_up(among_added, added_);
    column_.searched = column_.threshold;
  }

  void resolve_threshold(const LfColumn& old) {
    column_.searched = old.searched;
    if (!wider(set_.metric(), column_.threshold, old.searched)) return;
    find_voters(nullptr);
    std::vector<Lookups> everywhere(static_cast<size_t>(tasks()));
    for_rows([&](int64_t row, size_t task) {
      if (column_.nearest[static_cast<size_t>(row)] == kNoVoter && !set_.is_zero(row) && !list_rules_out(row))
        everywhere[task].add(row, needed_);
    });
    look_up(everywhere, voters_);
    column_.searched = column_.threshold;
  }

  void extend() {
    column_.extended.resize(votes_.size());
    for_rows([&](int64_t row, size_t) {
      const auto at = static_cast<size_t>(row);
      int8_t vote = votes_[at];
      if (column_.nearest[at] >= 0 && inside(row, column_.nearest[at], column_.score[at]))
        vote = votes_[static_cast<size_t>(column_.nearest[at])];
      column_.extended[at] = vote;
    });
    column_.per_class = count_classes(column_.extended, context_.domain);
  }

 private:
  int64_t rows() const { return static_cast<int64_t>(votes_.size()); }
  int64_t tasks() const { return (rows() + kRowsPerTask - 1) / kRowsPerTask; }

  template <class Body>
  void for_rows(Body&& body) {
    parallel_for(tasks(), effective_threads(context_.options.threads, tasks()), [&](int64_t task, int) {
      context_.options.job.check();
      const int64_t end = std::min(rows(), (task + 1) * kRowsPerTask);
      for (int64_t row = task * kRowsPerTask; row < end; ++row) body(row, static_cast<size_t>(task));
    });
  }

  void set(int64_t row, int32_t nearest, float score) {
    column_.nearest[static_cast<size_t>(row)] = nearest;
    column_.score[static_cast<size_t>(row)] = score;
  }

  double key(int64_t row, int64_t other) const {
    return canonical_key(set_.metric(), set_.row(row), set_.row(other), set_.dims());
  }

  bool inside(int64_t row, int64_t other, float score) const {
    const Inside answer = test_(score);
    if (answer != Inside::unclear) return answer == Inside::yes;
    return within_threshold(set_.metric(), score_of_key(set_.metric(), key(row, other)), column_.threshold);
  }

  // The rows whose votes count, as a bit set to walk with and as a list to search; those that are new or changed.
  void find_voters(const LfColumn* old) {
    bits_.assign(static_cast<size_t>((rows() + 63) / 64), 0);
    for (int64_t row = 0; row < rows(); ++row) {
      const int8_t vote = votes_[static_cast<size_t>(row)];
      if (vote == 0 || set_.is_zero(row)) continue;
      bits_[static_cast<size_t>(row / 64)] |= uint64_t{1} << (row % 64);
      voters_.push_back(static_cast<int32_t>(row));
      if (old != nullptr && (row >= old->rows() || old->votes()[static_cast<size_t>(row)] != vote))
        added_.push_back(static_cast<int32_t>(row));
    }
  }

  bool is_voter(int64_t row) const { return (bits_[static_cast<size_t>(row / 64)] >> (row % 64) & 1) != 0; }

  // The list's last entry is outside the threshold, or no row is outside the list: no voter but those in it.
  bool list_rules_out(int64_t row) const {
    const int64_t count = lists_.count(row);
    if (lists_.complete(row)) return true;
    if (count == 0) return false;
    return !inside(row, NeighborLists::row_of(lists_.entries(row)[count - 1]), lists_.scores(row)[count - 1]);
  }

  // True if the list tells all there is to know.
  bool walk(int64_t row) {
    const uint32_t* entries = lists_.entries(row);
    const int64_t count = lists_.count(row);
    int64_t at = 0;
    while (at < count && !is_voter(NeighborLists::row_of(entries[at]))) ++at;
    if (at == count) {
      if (!list_rules_out(row)) return false;
      set(row, kNoVoter, kNoScore);
      return true;
    }
    const int32_t nearest = NeighborLists::row_of(entries[at]);
    const int8_t vote = votes_[static_cast<size_t>(nearest)];
    bool contested = false;
    int64_t next = at + 1;
    for (; next < count && NeighborLists::ties_with_previous(entries[next]); ++next) {
      const int32_t other = NeighborLists::row_of(entries[next]);
      contested = contested || (is_voter(other) && votes_[static_cast<size_t>(other)] != vote);
    }
    // Equal rows may go on beyond the end of the list.
    if (next == count && !contested && !lists_.complete(row)) return false;
    set(row, contested ? kTie : nearest, contested ? kNoScore : lists_.scores(row)[at]);
    return true;
  }

  // Rows came and no vote changed otherwise: where no new row entered a list, what the list told before still holds.
  bool as_before(const LfColumn& old, int64_t row) {
    const auto at = static_cast<size_t>(row);
    if (context_.changed_lists == nullptr || (*context_.changed_lists)[at] != 0) return false;
    const int64_t count = lists_.count(row);
    const int32_t nearest = old.nearest[at];
    if (nearest >= 0 ? count == 0 || !nearer(old.score[at], lists_.scores(row)[count - 1])
                     : nearest != kNoVoter || !list_rules_out(row))
      return false;
    set(row, nearest, old.score[at]);
    return true;
  }

  bool nearer(float a, float b) const { return set_.metric() == Metric::l2 ? a < b : a > b; }

  // What the old column knew of this row spares it a search among all voters: only new ones can change it.
  bool start_from(const LfColumn& old, int64_t row, Lookups& among_added) {
    const auto at = static_cast<size_t>(row);
    if (row >= old.rows()) return false;
    const int32_t nearest = old.nearest[at];
    if (nearest >= 0) {
      const auto voter = static_cast<size_t>(nearest);
      if (votes_[voter] != old.votes()[voter]) return false;
      set(row, nearest, old.score[at]);
      if (!added_.empty()) among_added.add(row, key(row, nearest));
      return true;
    }
    if (nearest != kNoVoter || wider(set_.metric(), column_.threshold, old.searched)) return false;
    set(row, kNoVoter, kNoScore);
    if (!added_.empty()) among_added.add(row, needed_);
    return true;
  }

  void look_up(const std::vector<Lookups>& parts, const std::vector<int32_t>& voters) {
    Lookups all;
    for (const Lookups& part : parts) all.append(part);
    std::vector<NearestVoter> found(all.rows.size());
    find_nearest_voters(set_, all.rows, voters, votes_.data(), all.at_least, found.data(), context_.options);
    for (size_t q = 0; q < found.size(); ++q) {
      const int64_t row = all.rows[q];
      const int32_t known = column_.nearest[static_cast<size_t>(row)];
      NearestVoter best = found[q];
      if (known >= 0) best.merge({all.at_least[q], known, false}, votes_.data());
      const double score = score_of_key(set_.metric(), best.key);
      // On the threshold itself older voters may be as near: they were only ruled out from being inside.
      if (best.row < 0 || (known < 0 && !within_threshold(set_.metric(), score, column_.threshold)))
        set(row, kNoVoter, kNoScore);
      else if (best.contested)
        set(row, kTie, kNoScore);
      else
        set(row, best.row, static_cast<float>(score));
    }
    column_.looked_up += static_cast<int64_t>(found.size());
  }

  const EmbeddingSet& set_;
  const NeighborLists& lists_;
  const ColumnContext& context_;
  LfColumn& column_;
  const std::vector<int8_t>& votes_;
  ThresholdTest test_;
  double needed_;
  std::vector<uint64_t> bits_;
  std::vector<int32_t> voters_, added_;
};

}  // namespace

DirectVotes::DirectVotes(const int8_t* from, int64_t rows, const VoteDomain& domain)
    : votes(from, from + rows), per_class(count_classes(votes, domain)), planes(plane_words(rows) * domain.classes) {
  const int64_t words = plane_words(rows);
  std::fill_n(planes.data(), planes.size(), uint64_t{0});
  for (int64_t row = 0; row < rows; ++row)
    if (from[row] != 0) planes[domain.class_of(from[row]) * words + row / 64] |= uint64_t{1} << (row % 64);
}

int64_t LfColumn::bytes() const { return rows() * (1 + 4 + 4 + 1) + direct->planes.bytes(); }

std::shared_ptr<const LfColumn> make_column(const ColumnContext& context, std::string name, const int8_t* votes,
                                            double threshold, const LfColumn* old) {
  auto column = std::make_shared<LfColumn>();
  const int64_t rows = context.set.rows();
  column->name = std::move(name);
  column->threshold = threshold;
  column->direct = std::make_shared<DirectVotes>(votes, rows, context.domain);
  column->nearest.assign(static_cast<size_t>(rows), kNoVoter);
  column->score.assign(static_cast<size_t>(rows), kNoScore);
  ColumnBuilder builder(context, *column);
  builder.resolve_votes(old);
  builder.extend();
  return column;
}

std::shared_ptr<const LfColumn> restore_column(const ColumnContext& context, std::string name, const int8_t* votes,
                                               double threshold, double searched, std::vector<int32_t> nearest,
                                               std::vector<float> score) {
  auto column = std::make_shared<LfColumn>();
  column->name = std::move(name);
  column->threshold = threshold;
  column->searched = searched;
  column->direct = std::make_shared<DirectVotes>(votes, context.set.rows(), context.domain);
  column->nearest = std::move(nearest);
  column->score = std::move(score);
  ColumnBuilder(context, *column).extend();
  return column;
}

std::shared_ptr<const LfColumn> with_threshold(const ColumnContext& context, const LfColumn& old, double threshold) {
  auto column = std::make_shared<LfColumn>();
  column->name = old.name;
  column->threshold = threshold;
  column->direct = old.direct;
  column->nearest = old.nearest;
  column->score = old.score;
  ColumnBuilder builder(context, *column);
  builder.resolve_threshold(old);
  builder.extend();
  return column;
}

}  // namespace nearvote
