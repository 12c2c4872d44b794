#include "core/session/session.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/label_model/posterior.h"
#include "core/votes/check_votes.h"

namespace nearvote {
namespace {

constexpr int64_t kRowsPerTask = 4096;
constexpr int64_t kHistoryBytes = int64_t{256} << 20;
constexpr int64_t kHistoryStates = 64;
constexpr int64_t kAppendScores = int64_t{1} << 24;  // floats of scratch

InvalidArgument unknown_lf(const std::string& name) {
  return expected("a labelling function of this session", "name", "'" + name + "'");
}

size_t place_of(const Columns& lfs, const std::string& name) {
  for (size_t j = 0; j < lfs.size(); ++j)
    if (lfs[j]->name == name) return j;
  throw unknown_lf(name);
}

template <class Body>
void for_row_blocks(int64_t rows, const RunOptions& options, Body&& body) {
  const int64_t tasks = (rows + kRowsPerTask - 1) / kRowsPerTask;
  parallel_for(tasks, effective_threads(options.threads, tasks),
               [&](int64_t task, int) { body(task * kRowsPerTask, std::min(rows, (task + 1) * kRowsPerTask)); });
}

std::vector<const int8_t*> extended_votes(const Columns& lfs) {
  std::vector<const int8_t*> columns;
  for (const auto& lf : lfs) columns.push_back(lf->extended.data());
  return columns;
}

// What differs between two states; rows that only one of them has count as changed.
Change compare(const SessionState* before, const SessionState& after, const RunOptions& options) {
  const int64_t common = before == nullptr ? 0 : std::min(before->rows(), after.rows());
  const int64_t columns = proba_columns(after.model);
  std::vector<Change> parts(static_cast<size_t>((after.rows() + kRowsPerTask - 1) / kRowsPerTask));
  for_row_blocks(after.rows(), options, [&](int64_t begin, int64_t end) {
    Change& change = parts[static_cast<size_t>(begin / kRowsPerTask)];
    for (int64_t row = begin; row < end; ++row) {
      const auto at = static_cast<size_t>(row);
      const bool known = row < common;
      if (!known || before->labels[at] != after.labels[at]) change.labels.push_back(static_cast<int32_t>(row));
      if (!known || before->covered[at] != after.covered[at]) change.coverage.push_back(static_cast<int32_t>(row));
      if (!known || !std::equal(after.proba.begin() + row * columns, after.proba.begin() + (row + 1) * columns,
                                before->proba.begin() + row * columns))
        change.posteriors.push_back(static_cast<int32_t>(row));
    }
  });
  Change all;
  for (const Change& part : parts) {
    all.labels.insert(all.labels.end(), part.labels.begin(), part.labels.end());
    all.posteriors.insert(all.posteriors.end(), part.posteriors.begin(), part.posteriors.end());
    all.coverage.insert(all.coverage.end(), part.coverage.begin(), part.coverage.end());
  }
  return all;
}

}  // namespace

Session::Session(std::shared_ptr<const EmbeddingSet> set, VoteDomain domain, int64_t length, const RunOptions& options)
    : set_(std::move(set)),
      domain_(domain),
      lists_(std::make_shared<NeighborLists>(*set_, length > 0 ? length : NeighborLists::default_length(set_->rows()),
                                             options)) {}

Session::Session(std::shared_ptr<const EmbeddingSet> set, VoteDomain domain, NeighborLists lists)
    : set_(std::move(set)), domain_(domain), lists_(std::make_shared<NeighborLists>(std::move(lists))) {}

int64_t Session::bytes() const {
  int64_t total = set_->bytes() + lists_->bytes() + smoothed_lists_.bytes();
  if (state_ != nullptr)
    for (const auto& lf : state_->lfs) total += lf->bytes();
  return total;
}

bool PendingEdit::extends() const {
  return std::any_of(lfs.begin(), lfs.end(), [&](const auto& lf) { return reaches(set->metric(), lf->threshold); });
}

PendingEdit Session::with_columns(Columns lfs, int64_t looked_up) const {
  PendingEdit edit;
  edit.set = set_;
  edit.lists = lists_;
  edit.counts = state_ == nullptr ? count_columns(lfs, domain_, set_->rows(), {}, {})
                                  : count_columns(lfs, domain_, set_->rows(), state_->counts, state_->lfs);
  edit.lfs = std::move(lfs);
  edit.looked_up = looked_up;
  return edit;
}

PendingEdit Session::set_votes(const std::vector<LfVotes>& changed, const RunOptions& options) const {
  Columns lfs = columns();
  const auto find = [&](const std::string& name) {
    return std::find_if(lfs.begin(), lfs.end(), [&](const auto& known) { return known->name == name; });
  };
  std::vector<NewColumn> wanted;
  for (const LfVotes& lf : changed) {
    options.job.check();
    check_votes({lf.votes, set_->rows(), 1}, domain_, "votes of '" + lf.name + "'");
    const auto place = find(lf.name);
    const LfColumn* old = place == lfs.end() ? nullptr : place->get();
    if (old == nullptr && !lf.threshold.has_value()) throw unknown_lf(lf.name);
    wanted.push_back({lf.name, lf.votes, lf.threshold.has_value() ? *lf.threshold : old->threshold, old});
  }
  int64_t looked_up = 0;
  for (auto& column : make_columns(context(options), wanted)) {
    looked_up += column->looked_up;
    const auto place = find(column->name);
    if (place == lfs.end())
      lfs.push_back(std::move(column));
    else
      *place = std::move(column);
  }
  return with_columns(std::move(lfs), looked_up);
}

PendingEdit Session::set_threshold(const std::string& name, double threshold, const RunOptions& options) const {
  Columns lfs = columns();
  auto& lf = lfs[place_of(lfs, name)];
  lf = with_threshold(context(options), *lf, threshold);
  const int64_t looked_up = lf->looked_up;
  return with_columns(std::move(lfs), looked_up);
}

PendingEdit Session::remove_lf(const std::string& name) const {
  Columns lfs = columns();
  lfs.erase(lfs.begin() + static_cast<std::ptrdiff_t>(place_of(lfs, name)));
  return with_columns(std::move(lfs), 0);
}

PendingEdit Session::append_rows(FloatMatrix rows, const std::vector<const int8_t*>& votes,
                                 const RunOptions& options) const {
  const EmbeddingSet all(rows, set_->metric(), options);
  for (size_t j = 0; j < votes.size(); ++j)
    check_votes({votes[j], rows.rows, 1}, domain_, "votes of '" + state_->lfs[j]->name + "'");
  PendingEdit edit;
  edit.set = set_;
  edit.lists = lists_;
  edit.lfs = state_->lfs;
  const int64_t batch = std::max<int64_t>(16, kAppendScores / std::max<int64_t>(set_->rows() + rows.rows, 1));
  for (int64_t first = 0; first < rows.rows; first += batch) {
    const int64_t count = std::min(batch, rows.rows - first);
    const int64_t before = edit.set->rows();
    // A row has the same bits whatever it is normalised with.
    const auto grow = [&](const EmbeddingSet& by) {
      return std::make_shared<EmbeddingSet>(*edit.set, by, options.threads);
    };
    edit.set = count == rows.rows ? grow(all) : grow({{rows.row(first), count, rows.cols}, set_->metric(), options});
    const TailScores tail(*edit.set, before, options);
    edit.lists = std::make_shared<NeighborLists>(*edit.set, tail, *edit.lists, options);
    const ColumnContext grown{*edit.set, *edit.lists, domain_, options};
    const auto lfs = static_cast<int64_t>(votes.size());
    parallel_for(lfs, effective_threads(options.threads, lfs), [&](int64_t j, int) {
      auto& lf = edit.lfs[static_cast<size_t>(j)];
      lf = append_to_column(grown, *lf, tail, votes[static_cast<size_t>(j)] + first);
    });
    for (const auto& lf : edit.lfs) edit.looked_up += lf->looked_up;
  }
  const auto lfs = static_cast<int64_t>(votes.size());
  std::vector<int8_t> came(static_cast<size_t>(rows.rows * lfs));
  for (int64_t j = 0; j < lfs; ++j)
    for (int64_t i = 0; i < rows.rows; ++i) came[static_cast<size_t>(i * lfs + j)] = votes[static_cast<size_t>(j)][i];
  edit.counts = state_->counts;
  edit.counts.merge(count_votes({came.data(), rows.rows, lfs}, domain_, options.threads, options.job));
  return edit;
}

std::shared_ptr<const PosteriorGraph> Session::posterior_graph(const PendingEdit& edit, const LabelModel& model,
                                                               std::vector<int32_t> gold, int64_t k,
                                                               const RunOptions& options) {
  const int64_t rows = edit.set->rows(), classes = domain_.classes;
  std::vector<double> proba(static_cast<size_t>(rows * classes));
  std::vector<int32_t> counts(static_cast<size_t>(rows));
  for_posteriors(model, extended_votes(edit.lfs), rows, options.threads, options.job, [&](const PosteriorBlock& block) {
    double* out = proba.data() + block.first * classes;
    std::copy_n(block.proba, block.count * classes, out);
    // What predict_proba leaves out of signed votes is taken from what it tells.
    for (int64_t r = 0; domain_.signed_votes && r < block.count; ++r) out[2 * r] = 1 - out[2 * r + 1];
    std::copy_n(block.voters, block.count, counts.begin() + block.first);
  });
  auto lists = smoothed_lists_.of(edit.lists, edit.set->metric(), k, options);
  return std::make_shared<PosteriorGraph>(std::move(lists), std::move(proba), std::move(counts), std::move(gold),
                                          model.class_balance, options);
}

Change Session::commit(PendingEdit edit, LabelModel model, const RunOptions& options) {
  auto next = std::make_shared<SessionState>();
  next->set = std::move(edit.set);
  next->lists = std::move(edit.lists);
  next->domain = domain_;
  next->lfs = std::move(edit.lfs);
  next->counts = std::move(edit.counts);
  next->model = std::move(model);
  const int64_t rows = next->rows();
  next->proba.resize(static_cast<size_t>(rows * proba_columns(next->model)));
  next->labels.resize(static_cast<size_t>(rows));
  next->covered.resize(static_cast<size_t>(rows));
  if (edit.smoothed) {
    SmoothedRows& smoothed = *edit.smoothed;
    const int64_t classes = domain_.classes, columns = proba_columns(next->model);
    for_row_blocks(rows, options, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        const double* proba = smoothed.proba.data() + row * classes;
        std::copy_n(proba + classes - columns, columns, next->proba.begin() + row * columns);
        next->labels[static_cast<size_t>(row)] = domain_.vote_of(
            smoothed.evidence[static_cast<size_t>(row)] != 0 ? decided_class(proba, domain_.classes) : -1);
      }
    });
    next->covered = std::move(smoothed.evidence);
    next->smoothing = {std::move(smoothed.beliefs), edit.smoothed_k};
  } else {
    const int64_t classes = domain_.classes, columns = proba_columns(next->model);
    const auto take = [&](const PosteriorBlock& block) {
      for (int64_t r = 0; r < block.count; ++r) {
        const double* proba = block.proba + r * classes;
        const bool covered = block.voters[r] > 0;
        const auto row = static_cast<size_t>(block.first + r);
        std::copy_n(proba + classes - columns, columns, next->proba.begin() + (block.first + r) * columns);
        next->labels[row] = domain_.vote_of(covered ? decided_class(proba, domain_.classes) : -1);
        next->covered[row] = covered;
      }
    };
    for_posteriors(next->model, extended_votes(next->lfs), rows, options.threads, options.job, take);
  }
  next->covered_rows = std::count(next->covered.begin(), next->covered.end(), uint8_t{1});
  Change change = compare(state_.get(), *next, options);
  change.looked_up = edit.looked_up;
  if (state_ != nullptr) remember(*next);
  state_ = std::move(next);
  set_ = state_->set;
  lists_ = state_->lists;
  change.undoable = static_cast<int64_t>(history_.size());
  return change;
}

// As many states as fit a budget, at least one; of states with other rows than the next one only the last.
void Session::remember(const SessionState& next) {
  history_.push_back(state_);
  const auto doubles = static_cast<int64_t>(next.smoothing ? next.smoothing->beliefs.state.size() : 0);
  const int64_t bytes_of_state = std::max<int64_t>(1, next.rows() * 20 + doubles * 8);
  const int64_t most = std::clamp<int64_t>(kHistoryBytes / bytes_of_state, 1, kHistoryStates);
  while (static_cast<int64_t>(history_.size()) > most) history_.pop_front();
  while (history_.size() > 1 && history_.front()->set != next.set) {
    if (history_[1]->set == next.set) break;
    history_.pop_front();
  }
}

Change Session::undo(const RunOptions& options) {
  if (history_.empty()) throw expected("an edit to take back", "undo", "none");
  Change change = compare(state_.get(), *history_.back(), options);
  state_ = std::move(history_.back());
  set_ = state_->set;
  lists_ = state_->lists;
  history_.pop_back();
  change.undoable = static_cast<int64_t>(history_.size());
  return change;
}

}  // namespace nearvote
