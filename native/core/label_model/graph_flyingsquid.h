// FlyingSquid's own way to the tables of a graph model (arXiv 2002.11955, algorithm 1), for parity where the reference
// is right: products of dependent LFs from triplets of groups that the task separates, cliques by inverting the subset
// moments, negative entries flipped or clamped. Joined to the right junction-tree exponents, so not reproduced are: the
// prior counted once too often and separators with LFs dropped (L1, L5), partners that the task does not separate (L2),
// and joint tables of dependent LFs that abstain, which the reference gets wrong (L3, L4) and which are refused here.
#pragma once

#include "core/label_model/flyingsquid.h"
#include "core/label_model/graph_fit.h"

namespace nearvote {

GraphFit fit_graph_flyingsquid(VoteMatrix votes, const GraphSpec& spec, const TaskBalance& balance,
                               const FlyingSquidOptions& options, const JobControl& job = {});

}  // namespace nearvote
