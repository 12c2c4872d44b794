#include "core/neighbors/kmeans.h"

#include <algorithm>
#include <limits>
#include <string>

#include "core/base/error.h"
#include "core/base/parallel.h"

namespace nearvote {
namespace {

constexpr int64_t kMostRows = 10000;
constexpr int kRounds = 25;
constexpr int64_t kBlock = 256;

// Uniform in [0, 1) from a counter (splitmix64).
double uniform(uint64_t& state) {
  state += 0x9e3779b97f4a7c15;
  uint64_t z = state;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  z ^= z >> 31;
  return static_cast<double>(z >> 11) * 0x1p-53;
}

double squared_distance(const float* row, const double* centre, int64_t dims) {
  double sum = 0;
  for (int64_t j = 0; j < dims; ++j) {
    const double difference = static_cast<double>(row[j]) - centre[j];
    sum += difference * difference;
  }
  return sum;
}

template <class Body>
void for_rows(int64_t rows, int threads, const JobControl& job, Body&& body) {
  const int64_t blocks = (rows + kBlock - 1) / kBlock;
  parallel_for(blocks, effective_threads(threads, blocks), [&](int64_t block, int) {
    job.check();
    body(block * kBlock, std::min(rows, (block + 1) * kBlock));
  });
}

// Each further centre is a row drawn with probability proportional to its squared distance from the nearest so far.
std::vector<double> first_centres(const Rows& rows, const std::vector<int64_t>& drawn, int64_t k, int threads,
                                  const JobControl& job) {
  std::vector<double> centres;
  std::vector<double> nearest(drawn.size(), std::numeric_limits<double>::infinity());
  uint64_t state = 1;
  auto chosen = static_cast<size_t>(uniform(state) * static_cast<double>(drawn.size()));
  for (int64_t c = 0; c < k; ++c) {
    const float* row = rows.row(drawn[chosen]);
    centres.insert(centres.end(), row, row + rows.dims);
    const double* centre = centres.data() + c * rows.dims;
    for_rows(static_cast<int64_t>(drawn.size()), threads, job, [&](int64_t first, int64_t end) {
      for (int64_t i = first; i < end; ++i) {
        double& near = nearest[static_cast<size_t>(i)];
        near = std::min(near, squared_distance(rows.row(drawn[static_cast<size_t>(i)]), centre, rows.dims));
      }
    });
    double total = 0;
    for (const double d : nearest) total += d;
    double left = uniform(state) * total;
    chosen = 0;
    while (chosen + 1 < nearest.size() && left >= nearest[chosen]) left -= nearest[chosen++];
  }
  return centres;
}

}  // namespace

void assign_partitions(const Rows& rows, const std::vector<double>& centres, int64_t k, int32_t* out, int threads,
                       const JobControl& job) {
  for_rows(rows.rows, threads, job, [&](int64_t first, int64_t end) {
    for (int64_t i = first; i < end; ++i) {
      double best = std::numeric_limits<double>::infinity();
      out[i] = 0;
      for (int64_t c = 0; c < k; ++c) {
        const double distance = squared_distance(rows.row(i), centres.data() + c * rows.dims, rows.dims);
        if (distance >= best) continue;
        best = distance;
        out[i] = static_cast<int32_t>(c);
      }
    }
  });
}

std::vector<double> fit_partitions(const Rows& rows, int64_t k, int threads, const JobControl& job) {
  if (k < 1 || k > rows.rows) throw expected("1 to " + std::to_string(rows.rows), "partitions", std::to_string(k));
  const int64_t count = std::min(rows.rows, kMostRows), d = rows.dims;
  std::vector<int64_t> drawn;
  for (int64_t i = 0; i < count; ++i) drawn.push_back(i * rows.rows / count);
  std::vector<float> packed;
  for (const int64_t row : drawn) packed.insert(packed.end(), rows.row(row), rows.row(row) + d);
  const Rows sample{packed.data(), count, d, d};

  std::vector<double> centres = first_centres(rows, drawn, k, threads, job);
  std::vector<int32_t> nearest(static_cast<size_t>(count), -1), previous;
  const auto size = static_cast<size_t>(k * d);
  for (int round = 0; round < kRounds; ++round) {
    previous = nearest;
    assign_partitions(sample, centres, k, nearest.data(), threads, job);
    if (nearest == previous) break;
    // Means, summed row by row in order; an empty partition keeps its centre.
    std::vector<double> sums(size, 0.0);
    std::vector<int64_t> members(static_cast<size_t>(k), 0);
    for (int64_t i = 0; i < count; ++i) {
      const auto c = static_cast<size_t>(nearest[static_cast<size_t>(i)]);
      ++members[c];
      for (int64_t j = 0; j < d; ++j) sums[c * static_cast<size_t>(d) + static_cast<size_t>(j)] += sample.row(i)[j];
    }
    for (size_t at = 0; at < size; ++at) {
      const int64_t of = members[at / static_cast<size_t>(d)];
      if (of > 0) centres[at] = sums[at] / static_cast<double>(of);
    }
    job.report(round + 1, kRounds);
  }
  job.report(1, 1);
  return centres;
}

}  // namespace nearvote
