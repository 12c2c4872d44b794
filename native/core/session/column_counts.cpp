#include "core/session/column_counts.h"

#include <algorithm>

#include "core/votes/plane_kernels.h"

namespace nearvote {
namespace {

// Overlaps, conflicts and coverage depend on every column; they take a few passes over all planes.
void count_masks(const Columns& columns, int64_t words, VoteCounts& counts) {
  const PlaneKernels& kernels = plane_kernels();
  const int classes = counts.domain.classes;
  std::vector<uint64_t> once(static_cast<size_t>(words)), twice(once), other(once);
  std::vector<uint64_t> by_class(static_cast<size_t>(words * classes));
  for (const auto& column : columns) {
    for (int c = 0; c < classes; ++c) {
      const uint64_t* plane = column->direct->planes.data() + c * words;
      uint64_t* same = by_class.data() + c * words;
      for (int64_t w = 0; w < words; ++w) {
        same[w] |= plane[w];
        twice[static_cast<size_t>(w)] |= once[static_cast<size_t>(w)] & plane[w];
        once[static_cast<size_t>(w)] |= plane[w];
      }
    }
  }
  counts.covered = kernels.overlap(once.data(), once.data(), words);
  for (int c = 0; c < classes; ++c) {
    std::fill(other.begin(), other.end(), uint64_t{0});
    for (int k = 0; k < classes; ++k) {
      if (k == c) continue;
      for (int64_t w = 0; w < words; ++w) other[static_cast<size_t>(w)] |= by_class[static_cast<size_t>(k * words + w)];
    }
    for (size_t j = 0; j < columns.size(); ++j) {
      const uint64_t* plane = columns[j]->direct->planes.data() + c * words;
      const size_t u = j * static_cast<size_t>(classes) + static_cast<size_t>(c);
      counts.overlaps[u] = kernels.overlap(plane, twice.data(), words);
      counts.conflicts[u] = kernels.overlap(plane, other.data(), words);
    }
  }
}

}  // namespace

VoteCounts count_columns(const Columns& columns, VoteDomain domain, int64_t rows, const VoteCounts& old,
                         const Columns& old_columns) {
  const PlaneKernels& kernels = plane_kernels();
  const int64_t words = DirectVotes::plane_words(rows), classes = domain.classes;
  VoteCounts counts(domain, static_cast<int64_t>(columns.size()));
  counts.rows = rows;
  std::vector<int64_t> kept(columns.size());  // the column's place among the old ones, -1: new
  for (size_t j = 0; j < columns.size(); ++j) {
    const auto found = std::find_if(old_columns.begin(), old_columns.end(),
                                    [&](const auto& known) { return known->direct == columns[j]->direct; });
    kept[j] = found == old_columns.end() ? -1 : found - old_columns.begin();
  }
  const auto plane = [&](int64_t u) {
    return columns[static_cast<size_t>(u / classes)]->direct->planes.data() + u % classes * words;
  };
  const int64_t size = counts.indicators();
  for (int64_t u = 0; u < size; ++u) {
    const int64_t i = kept[static_cast<size_t>(u / classes)];
    for (int64_t v = u; v < size; ++v) {
      const int64_t j = kept[static_cast<size_t>(v / classes)];
      const int64_t both = i >= 0 && j >= 0 ? old.both(i * classes + u % classes, j * classes + v % classes)
                                            : kernels.overlap(plane(u), plane(v), words);
      counts.joint[static_cast<size_t>(u * size + v)] = both;
      counts.joint[static_cast<size_t>(v * size + u)] = both;
    }
  }
  count_masks(columns, words, counts);
  return counts;
}

}  // namespace nearvote
