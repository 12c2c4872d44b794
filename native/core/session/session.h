// An editing session: rows with their neighbour lists, labelling functions, and the labels that follow. An edit has two
// halves, so that the label model between them can be any: a change of the columns and their counts (nothing is
// altered yet), then commit() with the model fitted to these counts. The state after any edits has the bits of
// extend_votes, of count_votes on the direct votes, and of predict_proba and predict on the extended ones.
//
// Not safe for concurrent use; states are immutable and may be read from any thread.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/label_model/model.h"
#include "core/neighbors/posterior_graph.h"
#include "core/session/column_counts.h"
#include "core/session/lf_column.h"
#include "core/session/neighbor_lists.h"
#include "core/session/smoothed_lists.h"

namespace nearvote {

// Rows in ascending order.
struct Change {
  std::vector<int32_t> labels, posteriors, coverage;  // rows whose label, P(Y) or being covered changed
  int64_t looked_up = 0;                              // cells searched beyond the neighbour lists
  int64_t undoable = 0;                               // edits that undo() can take back now
};

// How posteriors came from the rows' own evidence and their neighbours' (neighbors/posterior_graph.h).
struct Smoothing {
  Beliefs beliefs;
  int64_t k;  // neighbours a row
};

struct SessionState {
  std::shared_ptr<const EmbeddingSet> set;
  std::shared_ptr<const NeighborLists> lists;
  VoteDomain domain;
  Columns lfs;
  VoteCounts counts;  // of the direct votes
  LabelModel model;
  std::vector<double> proba;           // rows x proba_columns
  std::vector<int8_t> labels;          // rows
  std::vector<uint8_t> covered;        // rows: an LF votes, directly or extended; smoothed: there is evidence
  std::optional<Smoothing> smoothing;  // absent: labels follow from the votes
  int64_t covered_rows = 0;

  int64_t rows() const { return set->rows(); }
};

struct LfVotes {
  std::string name;
  const int8_t* votes;              // rows
  std::optional<double> threshold;  // needed for a new LF; a known one keeps its own
};

// The first half of an edit.
struct PendingEdit {
  std::shared_ptr<const EmbeddingSet> set;
  std::shared_ptr<const NeighborLists> lists;
  Columns lfs;
  VoteCounts counts;
  int64_t looked_up = 0;
  std::optional<SmoothedRows> smoothed;  // of an edit that extends no votes: what posterior_graph() led to
  int64_t smoothed_k = 0;

  // Some labelling function reaches beyond its own votes.
  bool extends() const;
};

class Session {
 public:
  // Builds the neighbour lists, `length` entries a row (0: NeighborLists::default_length).
  Session(std::shared_ptr<const EmbeddingSet> set, VoteDomain domain, int64_t length, const RunOptions& options);

  // Of lists that were built before, for these rows.
  Session(std::shared_ptr<const EmbeddingSet> set, VoteDomain domain, NeighborLists lists);

  // Null before the first commit.
  const std::shared_ptr<const SessionState>& state() const { return state_; }
  const NeighborLists& lists() const { return *lists_; }
  int64_t rows() const { return set_->rows(); }
  int64_t bytes() const;

  // --- first halves: throw InvalidArgument (unknown LF, invalid vote) or Cancelled ---
  // Sets the votes of known LFs and adds new ones (names differ), all in one edit. None: only a refit, or a session
  // without LFs.
  PendingEdit set_votes(const std::vector<LfVotes>& lfs, const RunOptions& options) const;
  PendingEdit set_threshold(const std::string& name, double threshold, const RunOptions& options) const;
  PendingEdit remove_lf(const std::string& name) const;
  // rows: like those of the session, raw. votes: per LF, in order, the votes on them.
  PendingEdit append_rows(FloatMatrix rows, const std::vector<const int8_t*>& votes, const RunOptions& options) const;
  // Any columns made for this session's rows.
  PendingEdit with_columns(Columns lfs, int64_t looked_up) const;
  ColumnContext context(const RunOptions& options) const { return {*set_, *lists_, domain_, options}; }

  // --- second halves ---
  // model: fitted to edit.counts.
  Change commit(PendingEdit edit, LabelModel model, const RunOptions& options);
  // What smoothing is tried on: predict_proba of the votes, and every row's k nearest rows. gold: class index per row,
  // -1: unknown. Holds until the next edit.
  std::shared_ptr<const PosteriorGraph> posterior_graph(const PendingEdit& edit, const LabelModel& model,
                                                        std::vector<int32_t> gold, int64_t k,
                                                        const RunOptions& options);
  // Back to the state before the last commit; at most across one that added rows, as that renews every column.
  // Throws InvalidArgument when there is none.
  Change undo(const RunOptions& options);

 private:
  Columns columns() const { return state_ == nullptr ? Columns{} : state_->lfs; }
  void remember(const SessionState& next);

  std::shared_ptr<const EmbeddingSet> set_;
  VoteDomain domain_;
  std::shared_ptr<const NeighborLists> lists_;
  std::shared_ptr<const SessionState> state_;
  std::deque<std::shared_ptr<const SessionState>> history_;
  SmoothedLists smoothed_lists_;
};

}  // namespace nearvote
