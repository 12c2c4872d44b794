#include "core/neighbors/digits.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/base/parallel.h"

namespace nearvote {

DigitRows::DigitRows(const EmbeddingSet& set, int64_t capacity, bool turned)
    : set_(set),
      turned_(turned),
      steps_((set.dims() + simd::kLineBytes - 1) / simd::kLineBytes),
      panel_size_(steps_ * simd::kDigits * simd::kPanelStep),
      panels_((capacity + simd::kLanes - 1) / simd::kLanes * panel_size_),
      exponents_(static_cast<size_t>((capacity + simd::kLanes - 1) / simd::kLanes * simd::kLanes)) {}

void DigitRows::load(int64_t first, int64_t count, int threads, const JobControl& job) {
  const simd::Kernels& kernels = set_.kernels();
  const int64_t tasks = (count + simd::kLanes - 1) / simd::kLanes;
  threads = effective_threads(threads, tasks);
  struct Scratch {
    AlignedBuffer<uint8_t> panel;  // before it is turned
    float least = std::numeric_limits<float>::max();
  };
  std::vector<Scratch> scratch(static_cast<size_t>(threads));
  parallel_for(tasks, threads, [&](int64_t p, int thread) {
    job.check();
    auto& [panel, least] = scratch[static_cast<size_t>(thread)];
    if (turned_ && panel.size() == 0) panel = AlignedBuffer<uint8_t>(panel_size_);
    uint8_t* target = panels_.data() + p * panel_size_;
    uint8_t* digits = turned_ ? panel.data() : target;
    for (int64_t lane = 0; lane < simd::kLanes; ++lane) {
      const int64_t i = p * simd::kLanes + lane;
      uint8_t* place = digits + lane * simd::kLineBytes;
      if (i >= count) {
        for (int64_t line = 0; line < panel_size_; line += simd::kPanelStep)
          std::fill_n(place + line, simd::kLineBytes, uint8_t{0});
        continue;
      }
      const simd::DigitRow row = kernels.split_digits(set_.row(first + i), set_.stride(), place);
      exponents_[static_cast<size_t>(i)] = row.exponent;
      if (row.squares > 0) least = std::min(least, row.squares);
    }
    if (turned_) kernels.turn_digits(panel.data(), steps_, target);
  });
  float least = std::numeric_limits<float>::max();
  for (const Scratch& s : scratch) least = std::min(least, s.least);
  spread_ = std::sqrt(static_cast<double>(set_.dims()) / least) * (1 + 0x1p-8);
}

int digit_orders(const DigitRows& a, const DigitRows& b) {
  const double x = a.spread(), y = b.spread();
  const double lost = 0x1p-17 * (x + y + 0x1p-17 * x * y) + 0x1.01p-9 * x * y + 32 * 0x1p-24;
  return lost <= static_cast<double>(a.dims() + 8) * 0x1p-24 ? 3 : 4;
}

}  // namespace nearvote
