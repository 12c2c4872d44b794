// A column after rows came. An old row is touched only where the approximate score of a new voter reaches what the
// column knows of its nearest one; a row that came reads its list, and where that cannot tell its scores lead to the
// few voters that keys decide between.
#include <algorithm>
#include <limits>

#include "core/session/column_cells.h"

namespace nearvote {
namespace {

constexpr int64_t kChunk = 1024;
constexpr float kInfinity = std::numeric_limits<float>::infinity();

class Appender {
 public:
  Appender(const ColumnContext& context, const TailScores& tail, LfColumn& column)
      : context_(context),
        set_(context.set),
        tail_(tail),
        column_(column),
        votes_(column.votes().data()),
        voters_(set_, *column.direct),
        reader_(set_, context.lists, votes_, voters_, column.searched),
        shown_(set_, context.lists, votes_, voters_, column.threshold),
        needed_(key_of_threshold(set_.metric(), column.searched)),
        nearest_(column.nearest.writable()),
        score_(column.score.writable()),
        extended_(column.extended.writable()) {}

  void old_rows() {
    for (int64_t at = 0; at < tail_.count(); ++at)
      if (voters_(tail_.first() + at)) came_.push_back(at);
    if (came_.empty()) return;
    std::vector<Hit> hits;
    float bound[kChunk];
    for (int64_t first = 0; first < tail_.first(); first += kChunk) {
      context_.options.job.check();
      const int64_t count = std::min(kChunk, tail_.first() - first);
      for (int64_t i = 0; i < count; ++i) bound[i] = bound_of(first + i);
      hits.clear();
      for (const int64_t at : came_) {
        const auto reached = [&](int64_t i) {
          hits.push_back({static_cast<int32_t>(first + i), static_cast<int32_t>(tail_.first() + at)});
        };
        TailScores::for_reached(
            tail_.of(at) + first, tail_.error(at), count, [&](int64_t i) { return bound[i]; }, reached);
      }
      std::sort(hits.begin(), hits.end(),
                [](const Hit& a, const Hit& b) { return a.row != b.row ? a.row < b.row : a.came < b.came; });
      for (size_t begin = 0, end; begin < hits.size(); begin = end) {
        for (end = begin; end < hits.size() && hits[end].row == hits[begin].row;) ++end;
        decide(hits.data() + begin, hits.data() + end);
      }
    }
    look_up_ties();
  }

  void new_rows() {
    for (int64_t at = 0; at < tail_.count(); ++at) {
      const int64_t row = tail_.first() + at;
      if (votes_[row] != 0)
        set(row, {kDirectVote, kNoScore});
      else if (set_.is_zero(row) || !reaches(set_.metric(), column_.searched))
        set(row, {kNoVoter, kNoScore});
      else if (const auto cell = reader_.read(row))
        set(row, *cell);
      else
        set(row, search(at));
    }
  }

 private:
  struct Hit {
    int32_t row, came;
  };

  // The half-key that a new voter has to reach to change this row's cell.
  float bound_of(int64_t row) const {
    const int32_t nearest = nearest_[row];
    if (nearest >= 0) return TailScores::below_score(set_.metric(), score_[row]);
    if (nearest == kTie) return -kInfinity;
    return nearest == kDirectVote || set_.is_zero(row) ? kInfinity : TailScores::below_key(set_.metric(), needed_);
  }

  // A row that came.
  void set(int64_t row, Cell cell) {
    nearest_[row] = cell.nearest;
    score_[row] = cell.score;
    const bool inside = cell.nearest >= 0 && shown_.inside(row, cell.nearest, cell.score);
    extended_[row] = votes_[inside ? cell.nearest : row];
    count(extended_[row], 1);
  }

  // An old row, which the old column shows as it was.
  void replace(int64_t row, Cell cell) {
    if (!apart_) {
      column_.nearest = column_.nearest.copy();
      column_.score = column_.score.copy();
      column_.extended = column_.extended.copy();
      nearest_ = column_.nearest.writable();
      score_ = column_.score.writable();
      extended_ = column_.extended.writable();
      apart_ = true;
    }
    count(extended_[row], -1);
    set(row, cell);
  }

  void count(int8_t vote, int64_t more) {
    if (vote != 0) column_.per_class[static_cast<size_t>(context_.domain.class_of(vote))] += more;
  }

  void decide(const Hit* begin, const Hit* end) {
    const int64_t row = begin->row;
    const int32_t known = nearest_[row];
    if (known == kDirectVote || (known == kNoVoter && set_.is_zero(row))) return;  // the bound's infinity was reached
    if (known == kTie) {
      if (const auto cell = reader_.read(row))
        replace(row, *cell);
      else
        ties_.push_back(static_cast<int32_t>(row));
      return;
    }
    NearestVoter best;
    if (known >= 0) best = {reader_.key(row, known), known, false};
    for (const Hit* hit = begin; hit < end; ++hit) best.merge({reader_.key(row, hit->came), hit->came, false}, votes_);
    replace(row, cell_of(best, set_.metric(), known >= 0 ? std::nullopt : std::optional(column_.searched)));
  }

  // Cells that stood at a tie, and whose lists end before it is broken.
  void look_up_ties() {
    std::vector<NearestVoter> found(ties_.size());
    find_nearest_voters(set_, ties_, voters_.rows(), votes_, std::vector<double>(ties_.size(), needed_), found.data(),
                        context_.options);
    for (size_t q = 0; q < ties_.size(); ++q) replace(ties_[q], cell_of(found[q], set_.metric(), column_.searched));
    column_.looked_up += static_cast<int64_t>(ties_.size());
  }

  Cell search(int64_t at) {
    const float *score = tail_.of(at), error = tail_.error(at);
    if (all_voters_.empty()) all_voters_ = voters_.rows();
    float bound = TailScores::below_key(set_.metric(), needed_);
    for (const int32_t voter : all_voters_) bound = std::max(bound, score[voter] - error);
    NearestVoter best;
    for (const int32_t voter : all_voters_)
      if (score[voter] + error >= bound) best.merge({reader_.key(tail_.first() + at, voter), voter, false}, votes_);
    ++column_.looked_up;
    return cell_of(best, set_.metric(), column_.searched);
  }

  const ColumnContext& context_;
  const EmbeddingSet& set_;
  const TailScores& tail_;
  LfColumn& column_;
  const int8_t* votes_;
  Voters voters_;
  CellReader reader_, shown_;
  double needed_;
  int32_t* nearest_;
  float* score_;
  int8_t* extended_;
  bool apart_ = false;         // the column no longer shares the old one's rows
  std::vector<int64_t> came_;  // new rows that are voters
  std::vector<int32_t> ties_, all_voters_;
};

}  // namespace

DirectVotes::DirectVotes(const DirectVotes& old, const int8_t* more, int64_t count, const VoteDomain& domain)
    : votes(old.votes.grown(count)), per_class(old.per_class) {
  const int64_t before = old.votes.size();
  std::copy_n(more, count, votes.writable() + before);
  const int64_t old_words = plane_words(before), words = plane_words(before + count);
  planes = AlignedBuffer<uint64_t>(words * domain.classes);
  for (int64_t c = 0; c < domain.classes; ++c) {
    std::copy_n(old.planes.data() + c * old_words, old_words, planes.data() + c * words);
    std::fill_n(planes.data() + c * words + old_words, words - old_words, uint64_t{0});
  }
  for (int64_t i = 0; i < count; ++i) {
    const int64_t row = before + i;
    if (more[i] == 0) continue;
    const int c = domain.class_of(more[i]);
    ++per_class[static_cast<size_t>(c)];
    planes[c * words + row / 64] |= uint64_t{1} << (row % 64);
  }
}

std::shared_ptr<const LfColumn> append_to_column(const ColumnContext& context, const LfColumn& old,
                                                 const TailScores& tail, const int8_t* votes) {
  auto column = std::make_shared<LfColumn>();
  column->name = old.name;
  column->threshold = old.threshold;
  column->searched = old.searched;
  column->direct = std::make_shared<DirectVotes>(*old.direct, votes, tail.count(), context.domain);
  column->nearest = old.nearest.grown(tail.count());
  column->score = old.score.grown(tail.count());
  column->extended = old.extends() ? old.extended.grown(tail.count()) : column->votes();
  column->per_class = old.per_class;
  Appender appender(context, tail, *column);
  appender.old_rows();
  appender.new_rows();
  return column;
}

}  // namespace nearvote
