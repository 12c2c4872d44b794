// One labelling function of a session: its votes, and for every row it abstains on where the nearest voter is. Columns
// are immutable; an edit makes a new one from the old one, reusing what it knows. The extended votes are those of
// neighbors/extend.h, to the bit.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "core/base/aligned.h"
#include "core/neighbors/extend.h"
#include "core/session/neighbor_lists.h"
#include "core/session/row_values.h"
#include "core/session/tail_scores.h"

namespace nearvote {

// In LfColumn::nearest besides a row: kDirectVote, or
constexpr int32_t kNoVoter = -2;  // no voter strictly inside `searched` (or a zero row)
constexpr int32_t kTie = -3;      // the nearest voters disagree: abstains at any threshold
constexpr float kNoScore = std::numeric_limits<float>::quiet_NaN();

// The thresholds, sets and lists that columns are computed from.
struct ColumnContext {
  const EmbeddingSet& set;
  const NeighborLists& lists;
  VoteDomain domain;
  RunOptions options;
};

// Votes per class, K.
std::vector<int64_t> count_classes(const int8_t* votes, int64_t rows, const VoteDomain& domain);

// What a labelling function says itself; shared by the columns of all its thresholds.
struct DirectVotes {
  // votes: `rows` of them, valid.
  DirectVotes(const int8_t* votes, int64_t rows, const VoteDomain& domain);
  // old's votes, then `count` more.
  DirectVotes(const DirectVotes& old, const int8_t* more, int64_t count, const VoteDomain& domain);

  RowValues<int8_t> votes;
  std::vector<int64_t> per_class;  // K
  AlignedBuffer<uint64_t> planes;  // K planes of plane_words(rows) words

  static int64_t plane_words(int64_t rows) { return (rows + 511) / 512 * 8; }
};

struct LfColumn {
  std::string name;
  double threshold = 0;  // strict: similarity above, distance below
  double searched = 0;   // at least as wide as the threshold
  std::shared_ptr<const DirectVotes> direct;
  RowValues<int32_t> nearest;      // n: exact nearest voter, near enough or not, or one of the codes above
  RowValues<float> score;          // n: its score rounded to float; NaN where there is none
  RowValues<int8_t> extended;      // n
  std::vector<int64_t> per_class;  // K: extended votes
  int64_t looked_up = 0;           // rows the last edit had to search beyond their lists

  const RowValues<int8_t>& votes() const { return direct->votes; }
  int64_t rows() const { return extended.size(); }
  // Else what it extends to are its own votes, in the same memory.
  bool extends() const { return !extended.shares_memory_with(votes()); }
  int64_t bytes() const;
};

// False of a threshold that no pair of rows is inside.
bool reaches(Metric metric, double threshold);

struct NewColumn {
  std::string name;
  const int8_t* votes;  // n, valid
  double threshold;
  const LfColumn* old;  // the column these votes replace, of the same rows, or null
};

// Each as if it were made alone; what their lists do not tell is looked up together where that takes less.
std::vector<std::shared_ptr<const LfColumn>> make_columns(const ColumnContext& context,
                                                          const std::vector<NewColumn>& wanted);

// A column as it was saved: nearest, score and searched as another column had them.
std::shared_ptr<const LfColumn> restore_column(const ColumnContext& context, std::string name, const int8_t* votes,
                                               double threshold, double searched, RowValues<int32_t> nearest,
                                               RowValues<float> score);

std::shared_ptr<const LfColumn> with_threshold(const ColumnContext& context, const LfColumn& old, double threshold);

// The column after rows came: context is of the grown set and its lists, votes are those on the rows that came, valid.
// What the old column knew of the old rows is kept where no new voter can be nearer; where it is for all rows, the two
// share it.
std::shared_ptr<const LfColumn> append_to_column(const ColumnContext& context, const LfColumn& old,
                                                 const TailScores& tail, const int8_t* votes);

}  // namespace nearvote
