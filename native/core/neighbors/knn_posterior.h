// Class posteriors of a row from its own evidence and from its k nearest rows, without any threshold.
//
// One round gives a row   out_y  ~  own_y * r_y / m_y,   normalised over the classes y:
//   own_y  evidence of the row itself, including the class balance;
//   r_y    mean state of its neighbours, weighted by similarity and by how much a neighbour counts, and shrunk towards
//   m
//          with the weight of one neighbour: r = (e n + m) / (e + 1), n the weighted mean, e = (sum w)^2 / sum w^2 the
//          effective number of neighbours. A row without neighbours has r = m, so out = own;
//   m_y    mean state of all rows that count. Dividing by it takes out the classes' different coverage: neighbours tell
//          only what they say beyond the average row.
// Rounds are repeated (label propagation, Zhu & Ghahramani 2002, with the label model's posterior as evidence at every
// row and gold rows clamped; posterior_graph.h): first only rows with evidence count, later all. Neighbours' votes are
// dependent evidence; means instead of products keep k of them at the weight of one.
//
// Every row is computed alone from the previous round's states: the same bits for any thread count.
#pragma once

#include <cstdint>
#include <vector>

#include "core/base/job.h"
#include "core/neighbors/metric.h"

namespace nearvote {

// Neighbours of `rows` rows: k support rows each (-1: none) and their weights >= 0.
struct WeightedLists {
  const int32_t* indices = nullptr;  // rows x k
  const float* weights = nullptr;    // rows x k
  int64_t rows = 0;
  int64_t k = 0;
};

// Weights from scores as top_k gives them, in place, each row relative to its largest.
// cosine, dot: max(score, 0)^4. l2: 1 / (1 + (distance / mean distance of the row's k)^2).
// indices < 0, and rows without a positive similarity, get weight 0.
void neighbor_weights(Metric metric, const int32_t* indices, float* scores, int64_t rows, int64_t k, int threads = 0);

// Evidence of a row itself, n x K: balance^(1 - a) * proba^a, a = own_weight / sqrt(votes): the class balance times the
// votes' likelihood to the power a. counts: n, the votes; probabilities below 1e-6 count as that.
std::vector<double> own_factor(const double* proba, const int32_t* counts, const std::vector<double>& balance,
                               double own_weight, int64_t rows, int threads);

// Two classes: what matters of it, the factor of class 1 over that of class 0, is balance[1] / balance[0] times
// exp(own_weight * evidence), evidence (into out: n) the log-likelihood ratio of the votes over sqrt(votes).
void own_evidence(const double* proba, const int32_t* counts, const std::vector<double>& balance, int64_t rows,
                  double* out, int threads);

// What neighbours are averaged over.
struct Beliefs {
  std::vector<double> state;   // S x K: posterior of every support row
  std::vector<double> weight;  // S: how much a row counts; 0: not at all
  std::vector<double> mean;    // K: mean state of the rows that count
};

// One round for lists.rows rows. own: rows x K, every row positive somewhere. out: rows x K distributions; may not be
// beliefs.state.
void smooth_round(const WeightedLists& lists, const Beliefs& beliefs, const double* own, int64_t classes, double* out,
                  int threads = 0, const JobControl& job = {});

}  // namespace nearvote
