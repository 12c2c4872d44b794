// Partitions of an embedding space: k-means (Lloyd) on Euclidean distance between the rows as a set holds them, which
// under cosine are unit vectors. Started by k-means++ (Arthur & Vassilvitskii 2007) with a fixed seed; ties go to the
// lower partition. Sums run over fixed blocks of rows in a fixed order: the same bits for any thread count.
#pragma once

#include <cstdint>
#include <vector>

#include "core/base/job.h"
#include "core/base/matrix.h"

namespace nearvote {

// k x d centres, fitted on at most 10,000 rows, evenly drawn, in at most 25 rounds. 1 <= k <= rows. With fewer than k
// different rows some centres are equal, and the later of them empty.
std::vector<double> fit_partitions(const Rows& rows, int64_t k, int threads = 0, const JobControl& job = {});

// out: the nearest centre of every row.
void assign_partitions(const Rows& rows, const std::vector<double>& centres, int64_t k, int32_t* out, int threads = 0,
                       const JobControl& job = {});

}  // namespace nearvote
