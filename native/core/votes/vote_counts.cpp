#include "core/votes/vote_counts.h"

#include <algorithm>
#include <array>
#include <string>

#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/votes/plane_kernels.h"

namespace nearvote {
namespace {

// Rows a chunk: planes of about 1 MiB, so that the pair loop reads them from the second-level cache.
int64_t chunk_words(int64_t indicators) {
  const int64_t words = (int64_t{1} << 17) / std::max<int64_t>(indicators, 1);
  return std::clamp<int64_t>(words / 8 * 8, 64, 1024);
}

// One thread's counts and the masks it needs; the upper triangle of joint only.
class Accumulator {
 public:
  Accumulator(VoteDomain domain, int64_t lfs, int64_t words)
      : counts_(domain, lfs), once_(words), twice_(words), by_class_(words * domain.classes), other_(words) {}

  // Adds `words` words of every plane; plane u starts at planes + u * stride.
  void add(const uint64_t* planes, int64_t stride, int64_t words) {
    const PlaneKernels& kernels = plane_kernels();
    const int classes = counts_.domain.classes;
    std::fill_n(once_.data(), words, uint64_t{0});
    std::fill_n(twice_.data(), words, uint64_t{0});
    std::fill_n(by_class_.data(), words * classes, uint64_t{0});
    active_.clear();
    index_.clear();
    for (int64_t u = 0; u < counts_.indicators(); ++u) {
      const uint64_t* plane = planes + u * stride;
      uint64_t* same = by_class_.data() + (u % classes) * words;
      uint64_t any = 0;
      for (int64_t w = 0; w < words; ++w) {
        any |= plane[w];
        same[w] |= plane[w];
        twice_[w] |= once_[w] & plane[w];
        once_[w] |= plane[w];
      }
      if (any == 0) continue;  // sparse LFs: most chunks hold none of their votes
      active_.push_back(plane);
      index_.push_back(static_cast<int32_t>(u));
    }
    counts_.covered += kernels.overlap(once_.data(), once_.data(), words);
    for (int c = 0; c < classes; ++c) {
      std::fill_n(other_.data(), words, uint64_t{0});
      for (int k = 0; k < classes; ++k) {
        if (k == c) continue;
        for (int64_t w = 0; w < words; ++w) other_[w] |= by_class_[k * words + w];
      }
      for (size_t a = 0; a < active_.size(); ++a) {
        const auto u = static_cast<size_t>(index_[a]);
        if (index_[a] % classes != c) continue;
        counts_.overlaps[u] += kernels.overlap(active_[a], twice_.data(), words);
        counts_.conflicts[u] += kernels.overlap(active_[a], other_.data(), words);
      }
    }
    kernels.joint(active_.data(), index_.data(), static_cast<int64_t>(active_.size()), words, counts_.joint.data(),
                  counts_.indicators());
  }

  VoteCounts& counts() { return counts_; }

 private:
  VoteCounts counts_;
  AlignedBuffer<uint64_t> once_, twice_, by_class_, other_;
  std::vector<const uint64_t*> active_;
  std::vector<int32_t> index_;
};

// Runs add(accumulator, first word, words) over chunks of the rows and sums the threads' counts.
template <class Add>
VoteCounts count_chunks(VoteDomain domain, int64_t lfs, int64_t rows, int threads, const JobControl& job, Add&& add) {
  const int64_t total = (rows + 63) / 64;
  const int64_t step = chunk_words(lfs * domain.classes);
  const int64_t tasks = (total + step - 1) / step;
  const int team = effective_threads(threads, tasks);
  std::vector<Accumulator> parts;
  parts.reserve(static_cast<size_t>(team));
  for (int t = 0; t < team; ++t) parts.emplace_back(domain, lfs, std::min(step, std::max<int64_t>(total, 1)));
  parallel_for(tasks, team, [&](int64_t task, int thread) {
    job.check();
    const int64_t first = task * step;
    add(parts[static_cast<size_t>(thread)], first, std::min(step, total - first), thread);
  });
  VoteCounts counts = std::move(parts[0].counts());
  for (size_t t = 1; t < parts.size(); ++t) counts.merge(parts[t].counts());
  counts.rows = rows;
  const int64_t size = counts.indicators();
  for (int64_t u = 0; u < size; ++u)
    for (int64_t v = 0; v < u; ++v) counts.joint[static_cast<size_t>(u * size + v)] = counts.both(v, u);
  return counts;
}

}  // namespace

VoteCounts::VoteCounts(VoteDomain d, int64_t m)
    : domain(d),
      lfs(m),
      overlaps(static_cast<size_t>(m * d.classes)),
      conflicts(static_cast<size_t>(m * d.classes)),
      joint(static_cast<size_t>(m * d.classes) * static_cast<size_t>(m * d.classes)) {}

int64_t VoteCounts::lf_votes(int64_t lf) const {
  int64_t total = 0;
  for (int c = 0; c < domain.classes; ++c) total += votes(lf * domain.classes + c);
  return total;
}

int64_t VoteCounts::lf_both(int64_t i, int64_t j) const {
  int64_t total = 0;
  for (int a = 0; a < domain.classes; ++a)
    for (int b = 0; b < domain.classes; ++b) total += both(i * domain.classes + a, j * domain.classes + b);
  return total;
}

int64_t VoteCounts::lf_agree(int64_t i, int64_t j) const {
  int64_t total = 0;
  for (int c = 0; c < domain.classes; ++c) total += both(i * domain.classes + c, j * domain.classes + c);
  return total;
}

void VoteCounts::merge(const VoteCounts& other) {
  rows += other.rows;
  covered += other.covered;
  for (size_t u = 0; u < overlaps.size(); ++u) {
    overlaps[u] += other.overlaps[u];
    conflicts[u] += other.conflicts[u];
  }
  for (size_t at = 0; at < joint.size(); ++at) joint[at] += other.joint[at];
}

void VoteCounts::subtract(const VoteCounts& other) {
  bool contained = other.rows <= rows && other.covered <= covered;
  for (size_t u = 0; contained && u < overlaps.size(); ++u) {
    contained = other.overlaps[u] <= overlaps[u] && other.conflicts[u] <= conflicts[u];
  }
  for (size_t at = 0; contained && at < joint.size(); ++at) contained = other.joint[at] <= joint[at];
  if (!contained) throw expected("counts of rows that were counted before", "other", "counts that exceed these");
  rows -= other.rows;
  covered -= other.covered;
  for (size_t u = 0; u < overlaps.size(); ++u) {
    overlaps[u] -= other.overlaps[u];
    conflicts[u] -= other.conflicts[u];
  }
  for (size_t at = 0; at < joint.size(); ++at) joint[at] -= other.joint[at];
}

VoteCounts count_votes(VoteMatrix votes, VoteDomain domain, int threads, const JobControl& job) {
  const auto class_votes = domain.class_votes();
  const int64_t indicators = votes.cols * domain.classes;
  const int64_t step = chunk_words(indicators);
  const int64_t total = (votes.rows + 63) / 64;
  const int team = effective_threads(threads, (total + step - 1) / step);
  std::vector<AlignedBuffer<uint64_t>> packed;
  const int64_t stride = std::min(step, total) + 8;  // not a power of two: planes must not share cache sets
  for (int t = 0; t < team; ++t) packed.emplace_back(stride * indicators);
  return count_chunks(domain, votes.cols, votes.rows, threads, job,
                      [&](Accumulator& part, int64_t first, int64_t words, int thread) {
                        uint64_t* planes = packed[static_cast<size_t>(thread)].data();
                        const int64_t rows = std::min(words * 64, votes.rows - first * 64);
                        plane_kernels().pack(votes.row(first * 64), rows, votes.cols, class_votes.data(),
                                             domain.classes, planes, stride);
                        part.add(planes, stride, words);
                      });
}

VoteCounts count_planes(const BitPlanes& planes, int threads, const JobControl& job) {
  return count_chunks(planes.domain, planes.lfs, planes.rows, threads, job,
                      [&](Accumulator& part, int64_t first, int64_t words, int) {
                        part.add(planes.words.data() + first, planes.stride, words);
                      });
}

}  // namespace nearvote
