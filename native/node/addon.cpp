// The module: each room registers its functions; see the file of the same name for their arguments.
#include "node/addon.h"

namespace {

Napi::Object init(Napi::Env env, Napi::Object exports) {
  nearvote::node::register_runtime(env, exports);
  nearvote::node::register_embedding_set(env, exports);
  nearvote::node::register_neighbors(env, exports);
  nearvote::node::register_votes(env, exports);
  nearvote::node::register_label_model(env, exports);
  nearvote::node::register_end_model(env, exports);
  nearvote::node::register_graph_model(env, exports);
  nearvote::node::register_cuda(env, exports);
  nearvote::node::register_session(env, exports);
  nearvote::node::register_partitions(env, exports);
  nearvote::node::register_soft_votes(env, exports);
  nearvote::node::register_knn_posterior(env, exports);
  nearvote::node::register_posterior_graph(env, exports);
  nearvote::node::register_embedding_transform(env, exports);
  return exports;
}

}  // namespace

NODE_API_MODULE(nearvote, init)
