// Cancellation and progress of one call: two int32 cells that another thread (the JavaScript side, through a
// SharedArrayBuffer) writes and reads. Both may be null: the call then can neither be cancelled nor observed.
#pragma once

#include <atomic>
#include <cstdint>

#include "core/base/error.h"

namespace nearvote {

struct JobControl {
  int32_t* cancel = nullptr;    // non-zero: stop at the next tile
  int32_t* progress = nullptr;  // parts per thousand of the work done, 0..1000
  int32_t begin = 0;            // what report() makes of no and of all work done
  int32_t end = 1000;

  // For part i of so many equal ones: its whole is that part of this.
  JobControl part(int64_t i, int64_t parts) const {
    const int64_t span = end - begin;
    return {cancel, progress, static_cast<int32_t>(begin + span * i / parts),
            static_cast<int32_t>(begin + span * (i + 1) / parts)};
  }

  bool cancelled() const {
    return cancel != nullptr && std::atomic_ref<int32_t>(*cancel).load(std::memory_order_relaxed) != 0;
  }

  void check() const {
    if (cancelled()) throw Cancelled();
  }

  void report(int64_t done, int64_t total) const {
    if (progress == nullptr) return;
    const auto permille = static_cast<int32_t>(total > 0 ? begin + done * (end - begin) / total : end);
    std::atomic_ref<int32_t>(*progress).store(permille, std::memory_order_relaxed);
  }
};

}  // namespace nearvote
