// One native call, in place or on the compute thread.
//
// Rules (each prevents a crash or a stall):
//  1. There is one compute thread per process, shared by all environments (main thread and workers); calls queue up.
//     libuv's pool stays free, and only one OpenMP team exists.
//  2. A job owns references to every object argument of its call, so no buffer it reads or writes is collected.
//     References are made and dropped on the environment's own thread.
//  3. Every environment has a registry of its jobs. When the environment ends (worker.terminate, process.exit) its
//     cleanup hook cancels them all, takes the queued ones out of the queue and waits for the running one.
//  4. A finished job is handed back through the environment's thread-safe function under the registry's lock, so that
//  it
//     can never be called after its release.
#pragma once

#include <functional>

#include "core/base/job.h"
#include "node/napi_setup.h"

namespace nearvote::node {

using Work = std::function<void(const JobControl& job)>;

// Runs `work` for a call whose last argument is its control: undefined -> at once, in the caller's thread; returns
// undefined. An Int32Array [cancel, progress] -> on the compute thread; returns a Promise<undefined>.
// `work` must not touch JavaScript. `then`, if given, runs afterwards on the environment's thread (report memory, say).
// Core errors become RangeError (bad argument), Error with code 'ABORT_ERR' (cancelled) or Error (out of memory,
// others).
Napi::Value run_call(const Napi::CallbackInfo& info, Work work, std::function<void(Napi::Env)> then = nullptr);

// The job with this cancel cell, if it has not started, settles as cancelled now and not only when the jobs before it
// are done.
void withdraw_job(Napi::Env env, const int32_t* cancel);

// Jobs queued or running in this process.
int64_t pending_jobs();

}  // namespace nearvote::node
