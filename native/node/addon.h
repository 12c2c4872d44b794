// What each file of the binding adds to the module's exports.
#pragma once

#include "node/napi_setup.h"

namespace nearvote::node {

void register_runtime(Napi::Env env, Napi::Object exports);
void register_embedding_set(Napi::Env env, Napi::Object exports);
void register_neighbors(Napi::Env env, Napi::Object exports);
void register_votes(Napi::Env env, Napi::Object exports);
void register_label_model(Napi::Env env, Napi::Object exports);
void register_end_model(Napi::Env env, Napi::Object exports);
void register_graph_model(Napi::Env env, Napi::Object exports);
void register_cuda(Napi::Env env, Napi::Object exports);
void register_session(Napi::Env env, Napi::Object exports);
void register_partitions(Napi::Env env, Napi::Object exports);
void register_soft_votes(Napi::Env env, Napi::Object exports);
void register_knn_posterior(Napi::Env env, Napi::Object exports);
void register_posterior_graph(Napi::Env env, Napi::Object exports);
void register_embedding_transform(Napi::Env env, Napi::Object exports);

}  // namespace nearvote::node
