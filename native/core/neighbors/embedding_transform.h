// Linear transforms of embeddings, fitted without labels: y = P (x - mean).
//   centre            P = identity
//   whiten            P = the leading principal directions, each divided by its standard deviation (BERT-whitening,
//                     Su et al., arXiv 2103.15316); directions without variance are left out
//   all_but_the_top   P = identity minus the leading principal directions (Mu & Viswanath, arXiv 1702.01417)
// With `unit` every row is divided by its norm first (zero rows stay zero), as a cosine comparison would.
//
// Sums run over the rows in order, in float64: the same bits for any thread count on one compiler.
#pragma once

#include <cstdint>
#include <vector>

#include "core/base/job.h"
#include "core/base/matrix.h"

namespace nearvote {

enum class TransformKind { centre, whiten, all_but_the_top };

struct EmbeddingTransform {
  bool unit = false;
  int64_t dims = 0;                // d of the rows it takes
  int64_t out_dims = 0;            // of the rows it gives
  std::vector<double> mean;        // d
  std::vector<double> projection;  // out_dims x d; empty: identity
};

// rows: n x d, finite. directions: of whiten, how many are kept (fewer if the rows span fewer); of all_but_the_top, how
// many are removed, < d; centre ignores it.
EmbeddingTransform fit_transform(FloatMatrix rows, TransformKind kind, int64_t directions, bool unit, int threads = 0,
                                 const JobControl& job = {});

// out: rows.rows x transform.out_dims.
void apply_transform(const EmbeddingTransform& transform, FloatMatrix rows, float* out, int threads = 0,
                     const JobControl& job = {});

// Eigenvalues (descending) and eigenvectors (as rows, orthonormal) of a symmetric d x d matrix: Householder
// tridiagonalisation and implicit QL (EISPACK tred2, tql2). `matrix` is overwritten by the eigenvectors.
std::vector<double> symmetric_eigen(std::vector<double>& matrix, int64_t d);

}  // namespace nearvote
