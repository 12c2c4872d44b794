// What every heavy call of this room takes besides its data. No member ever changes a result.
#pragma once

#include "core/base/job.h"

namespace nearvote {

class Device;

struct RunOptions {
  int threads = 0;                 // <= 0: the process default
  JobControl job;                  // polled at every tile
  const Device* device = nullptr;  // neighbors/device.h; null: this CPU
};

}  // namespace nearvote
