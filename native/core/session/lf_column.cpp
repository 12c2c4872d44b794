#include "core/session/lf_column.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <deque>
#include <numeric>

#include "core/base/parallel.h"
#include "core/neighbors/canonical.h"
#include "core/session/column_cells.h"
#include "core/session/common_lookup.h"
#include "core/session/met_voters.h"
#include "core/session/voter_lookup.h"

namespace nearvote {
namespace {

constexpr int64_t kRowsPerTask = 4096;
constexpr int64_t kReadingShare = 20;  // reading the lists takes about a part of so many where much is looked up

bool wider(Metric metric, double a, double b) { return metric == Metric::l2 ? a > b : a < b; }

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
        context_(context),
        column_(column),
        votes_(column.votes().data()),
        voters_(set_, *column.direct),
        reader_(set_, context.lists, votes_, voters_, column.threshold),
        needed_(key_of_threshold(set_.metric(), column.threshold)),
        nothing_reaches_(!reaches(set_.metric(), column.threshold)) {}

  // All cells but the undecided ones.
  void read_votes(const LfColumn* old) {
    column_.nearest = RowValues<int32_t>(rows());
    column_.score = RowValues<float>(rows());
    nearest_ = column_.nearest.writable();
    score_ = column_.score.writable();
    const int8_t* old_votes = old == nullptr ? nullptr : old->votes().data();
    std::vector<int32_t> added;
    for (int64_t row = 0; old != nullptr && row < rows(); ++row)
      if (votes_[row] != old_votes[row] && voters_(row)) added.push_back(static_cast<int32_t>(row));
    std::vector<std::vector<int32_t>> undecided(static_cast<size_t>(tasks()));
    std::vector<Lookups> among_added(undecided.size());
    for_rows([&](int64_t row, size_t task) {
      if (votes_[row] != 0) return set(row, {kDirectVote, kNoScore});
      if (set_.is_zero(row) || nothing_reaches_) return set(row, {kNoVoter, kNoScore});
      if (const auto cell = reader_.read(row)) return set(row, *cell);
      set(row, {kNoVoter, kNoScore});
      if (old == nullptr || !start_from(*old, row, !added.empty(), among_added[task]))
        undecided[task].push_back(static_cast<int32_t>(row));
    });
    Lookups all;
    for (const Lookups& part : among_added) all.append(part);
    look_up(all, added);
    column_.looked_up = static_cast<int64_t>(all.rows.size());
    keep_undecided(undecided);
    column_.searched = column_.threshold;
  }

  ColumnLookup undecided() const {
    const std::vector<int64_t>& votes = column_.direct->per_class;
    const int64_t voters = std::accumulate(votes.begin(), votes.end(), int64_t{0});
    return {votes_, voters, column_.threshold, &undecided_, nearest_, score_};
  }

  void look_up_undecided() {
    if (undecided_.empty()) return;
    const MetVoters met = meet_voters(context_, reader_, undecided_, voters_, votes_);
    std::vector<double> at_least;
    for (const NearestVoter& best : met.best) at_least.push_back(std::max(needed_, best.key));
    std::vector<NearestVoter> found(undecided_.size());
    find_nearest_voters(set_, undecided_, met.others, votes_, at_least, found.data(), context_.options);
    for (size_t q = 0; q < found.size(); ++q) {
      found[q].merge(met.best[q], votes_);
      set(undecided_[q], cell_of(found[q], set_.metric(), column_.threshold));
    }
  }

  void resolve_threshold(const LfColumn& old) {
    column_.searched = old.searched;
    const bool search = wider(set_.metric(), column_.threshold, old.searched);
    column_.nearest = search ? old.nearest.copy() : old.nearest;
    column_.score = search ? old.score.copy() : old.score;
    if (!search) return;
    nearest_ = column_.nearest.writable();
    score_ = column_.score.writable();
    std::vector<std::vector<int32_t>> undecided(static_cast<size_t>(tasks()));
    for_rows([&](int64_t row, size_t task) {
      if (nearest_[row] != kNoVoter || set_.is_zero(row)) return;
      // A row that came later may be a voter in the list, outside the threshold so far.
      if (const auto cell = reader_.read(row)) return set(row, *cell);
      undecided[task].push_back(static_cast<int32_t>(row));
    });
    keep_undecided(undecided);
    look_up_undecided();
    column_.searched = column_.threshold;
  }

  void extend() {
    if (nothing_reaches_) {
      column_.extended = column_.votes();
      column_.per_class = column_.direct->per_class;
      return;
    }
    column_.extended = RowValues<int8_t>(rows());
    int8_t* extended = column_.extended.writable();
    const int32_t* nearest = column_.nearest.data();
    const float* score = column_.score.data();
    for_rows([&](int64_t row, size_t) {
      const bool inside = nearest[row] >= 0 && reader_.inside(row, nearest[row], score[row]);
      extended[row] = votes_[inside ? nearest[row] : row];
    });
    column_.per_class = count_classes(extended, rows(), context_.domain);
  }

 private:
  int64_t rows() const { return column_.votes().size(); }
  int64_t tasks() const { return (rows() + kRowsPerTask - 1) / kRowsPerTask; }

  template <class Body>
  void for_rows(Body&& body) {
    parallel_for(tasks(), effective_threads(context_.options.threads, tasks()), [&](int64_t task, int) {
      context_.options.job.check();
      const int64_t end = std::min(rows(), (task + 1) * kRowsPerTask);
      for (int64_t row = task * kRowsPerTask; row < end; ++row) body(row, static_cast<size_t>(task));
    });
  }

  void set(int64_t row, Cell cell) {
    nearest_[row] = cell.nearest;
    score_[row] = cell.score;
  }

  // What the old column knew of this row spares it a search among all voters: only new ones can change it. The row is
  // set to no voter.
  bool start_from(const LfColumn& old, int64_t row, bool any_added, Lookups& among_added) {
    const int32_t nearest = old.nearest[row];
    if (nearest >= 0) {
      if (votes_[nearest] != old.votes()[nearest]) return false;
      set(row, {nearest, old.score[row]});
      if (any_added) among_added.add(row, reader_.key(row, nearest));
      return true;
    }
    if (nearest != kNoVoter || wider(set_.metric(), column_.threshold, old.searched)) return false;
    if (any_added) among_added.add(row, needed_);
    return true;
  }

  void keep_undecided(const std::vector<std::vector<int32_t>>& parts) {
    for (const auto& part : parts) undecided_.insert(undecided_.end(), part.begin(), part.end());
    column_.looked_up += static_cast<int64_t>(undecided_.size());
  }

  void look_up(const Lookups& all, const std::vector<int32_t>& voters) {
    std::vector<NearestVoter> found(all.rows.size());
    find_nearest_voters(set_, all.rows, voters, votes_, all.at_least, found.data(), context_.options);
    for (size_t q = 0; q < found.size(); ++q) {
      const int64_t row = all.rows[q];
      const int32_t known = nearest_[row];
      NearestVoter best = found[q];
      if (known >= 0) best.merge({all.at_least[q], known, false}, votes_);
      set(row, cell_of(best, set_.metric(), known >= 0 ? std::nullopt : std::optional(column_.threshold)));
    }
  }

  const EmbeddingSet& set_;
  const ColumnContext& context_;
  LfColumn& column_;
  const int8_t* votes_;
  int32_t* nearest_ = nullptr;  // the column's, where they are written
  float* score_ = nullptr;
  Voters voters_;
  CellReader reader_;
  double needed_;
  bool nothing_reaches_;
  std::vector<int32_t> undecided_;  // rows that have to search all voters
};

}  // namespace

bool reaches(Metric metric, double threshold) {
  return metric == Metric::l2 ? threshold > 0 : threshold < std::numeric_limits<double>::infinity();
}

std::vector<int64_t> count_classes(const int8_t* votes, int64_t rows, const VoteDomain& domain) {
  std::vector<int64_t> classes;
  if (domain.classes <= 8) {  // a pass that is one instruction for many rows
    for (int c = 0; c < domain.classes; ++c) classes.push_back(std::count(votes, votes + rows, domain.vote_of(c)));
    return classes;
  }
  std::array<int64_t, 256> counts{};
  for (int64_t row = 0; row < rows; ++row) ++counts[static_cast<uint8_t>(votes[row])];
  for (int c = 0; c < domain.classes; ++c) classes.push_back(counts[static_cast<uint8_t>(domain.vote_of(c))]);
  return classes;
}

DirectVotes::DirectVotes(const int8_t* from, int64_t rows, const VoteDomain& domain)
    : votes(rows), per_class(count_classes(from, rows, domain)), planes(plane_words(rows) * domain.classes) {
  std::copy_n(from, rows, votes.writable());
  const int64_t words = plane_words(rows);
  std::fill_n(planes.data(), planes.size(), uint64_t{0});
  for (int64_t row = 0; row < rows; ++row)
    if (from[row] != 0) planes[domain.class_of(from[row]) * words + row / 64] |= uint64_t{1} << (row % 64);
}

int64_t LfColumn::bytes() const { return rows() * (extends() ? 10 : 9) + direct->planes.bytes(); }

std::vector<std::shared_ptr<const LfColumn>> make_columns(const ColumnContext& context,
                                                          const std::vector<NewColumn>& wanted) {
  const JobControl& job = context.options.job;
  const auto count = static_cast<int64_t>(wanted.size());
  std::vector<std::shared_ptr<LfColumn>> columns;
  std::deque<ColumnBuilder> builders;
  std::vector<ColumnLookup> undecided;
  const JobControl reading = job.part(0, kReadingShare);
  for (const NewColumn& each : wanted) {
    columns.push_back(std::make_shared<LfColumn>());
    columns.back()->name = each.name;
    columns.back()->threshold = each.threshold;
    columns.back()->direct = std::make_shared<DirectVotes>(each.votes, context.set.rows(), context.domain);
    builders.emplace_back(context, *columns.back()).read_votes(each.old);
    undecided.push_back(builders.back().undecided());
    reading.report(static_cast<int64_t>(columns.size()), count);
  }
  const JobControl searching{job.cancel, job.progress, reading.end, job.end};
  if (common_lookup_pays(undecided, context.set.rows())) {
    look_up_together(context.set, context.domain, undecided, {context.options.threads, searching});
  } else {
    int64_t done = 0;
    for (ColumnBuilder& builder : builders) {
      builder.look_up_undecided();
      searching.report(++done, count);
    }
  }
  for (ColumnBuilder& builder : builders) builder.extend();
  return {columns.begin(), columns.end()};
}

std::shared_ptr<const LfColumn> restore_column(const ColumnContext& context, std::string name, const int8_t* votes,
                                               double threshold, double searched, RowValues<int32_t> nearest,
                                               RowValues<float> score) {
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
  ColumnBuilder builder(context, *column);
  builder.resolve_threshold(old);
  builder.extend();
  return column;
}

}  // namespace nearvote
