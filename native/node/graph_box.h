// The graph that posteriors are smoothed on, as JavaScript holds it: made before a job fills it.
#pragma once

#include <memory>

#include "core/neighbors/posterior_graph.h"
#include "node/handle.h"

namespace nearvote::node {

struct GraphBox {
  std::shared_ptr<const PosteriorGraph> graph;  // null: not filled yet
};

template <>
struct HandleTraits<GraphBox> {
  static constexpr const char* name = "PosteriorGraph";
  static constexpr napi_type_tag tag = {0x6e65617276746535, 0x706f737467726170};
};

}  // namespace nearvote::node
