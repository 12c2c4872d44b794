#include "core/votes/bit_planes.h"

#include <algorithm>
#include <array>

#include "core/base/parallel.h"
#include "core/votes/plane_kernels.h"

namespace nearvote {

BitPlanes pack_votes(VoteMatrix votes, VoteDomain domain, int threads) {
  BitPlanes planes;
  planes.domain = domain;
  planes.rows = votes.rows;
  planes.lfs = votes.cols;
  planes.stride = (planes.row_words() + 7) / 8 * 8;
  planes.words = AlignedBuffer<uint64_t>(planes.stride * votes.cols * domain.classes);
  std::fill_n(planes.words.data(), planes.words.size(), uint64_t{0});

  const auto class_votes = domain.class_votes();
  constexpr int64_t rows_per_task = 64 * 8 * 64;  // whole cache lines of every plane
  const int64_t tasks = (votes.rows + rows_per_task - 1) / rows_per_task;
  parallel_for(tasks, effective_threads(threads, tasks), [&](int64_t task, int) {
    const int64_t begin = task * rows_per_task;
    const int64_t count = std::min(rows_per_task, votes.rows - begin);
    plane_kernels().pack(votes.row(begin), count, votes.cols, class_votes.data(), domain.classes,
                         planes.words.data() + begin / 64, planes.stride);
  });
  return planes;
}

}  // namespace nearvote
