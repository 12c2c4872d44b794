// How two rows are compared. cosine and dot: larger is nearer. l2: true (not squared) distance, smaller is nearer.
#pragma once

namespace nearvote {

enum class Metric { cosine, dot, l2 };

}  // namespace nearvote
