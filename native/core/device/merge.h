// The nearer of two voters of a cell: the larger key, equal keys keep the lower row and remember whether their classes
// differ. Associative, commutative and idempotent, so the order of candidates never matters.
#pragma once

#include "core/device/device_api.h"
#include "core/device/hd.h"

namespace nearvote::device {

NEARVOTE_HD bool nearer(double key, int32_t row, double other_key, int32_t other_row) {
  return key > other_key || (key == other_key && row < other_row);
}

// class_of(row): the class the row votes for.
template <class ClassOf>
NEARVOTE_HD void merge_voter(NearvoteWinner& winner, double key, int32_t row, ClassOf&& class_of) {
  if (winner.row >= 0 && key < winner.key) return;
  if (winner.row < 0 || key > winner.key) {
    winner.key = key;
    winner.row = row;
    winner.contested = 0;
    return;
  }
  if (class_of(row) != class_of(winner.row)) winner.contested = 1;
  if (row < winner.row) winner.row = row;
}

}  // namespace nearvote::device
