// What every heavy call of this room takes besides its data. Neither member ever changes a result.
#pragma once

#include "core/base/job.h"

namespace nearvote {

struct RunOptions {
  int threads = 0;  // <= 0: the process default
  JobControl job;   // polled at every tile
};

}  // namespace nearvote
