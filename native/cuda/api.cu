// The library's one export: the table of core/device/device_api.h. Exceptions end here.
#include <cstdio>
#include <cstring>
#include <memory>
#include <mutex>
#include <new>

#include "cuda/pairwise.h"
#include "cuda/search.h"

namespace nearvote::cuda {
namespace {

#define NEARVOTE_STRING_OF(x) #x
#define NEARVOTE_STRING(x) NEARVOTE_STRING_OF(x)
#if defined(NEARVOTE_EMULATED)
constexpr const char* kBackend = "emulation on the host, for tests";
#else
constexpr const char* kBackend =
    "CUDA " NEARVOTE_STRING(__CUDACC_VER_MAJOR__) "." NEARVOTE_STRING(__CUDACC_VER_MINOR__) ", sm_80 and up";
#endif
constexpr int kLeastCapability = 80;

int32_t report(NearvoteText* error, int32_t status, const char* text) {
  if (error != nullptr) std::snprintf(error->text, sizeof error->text, "%s", text);
  return status;
}

// Calls run one after the other. A failed one leaves no work behind and no memory idle.
template <class Body>
int32_t guarded(NearvoteText* error, int device, Body&& body) {
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  const auto failed = [&](int32_t status, const char* text) {
    cudaDeviceSynchronize();
    cudaGetLastError();
    device_blocks().drop_idle();
    pinned_blocks().drop_idle();
    return report(error, status, text);
  };
  try {
    check(cudaSetDevice(device), "choosing the device");
    body();
    return NEARVOTE_OK;
  } catch (const CallCancelled& cancelled) {
    return failed(NEARVOTE_CANCELLED, cancelled.what());
  } catch (const OutOfDeviceMemory& memory) {
    return failed(NEARVOTE_OUT_OF_MEMORY, memory.what());
  } catch (const std::bad_alloc&) {
    return failed(NEARVOTE_OUT_OF_MEMORY, "Not enough host memory for this call");
  } catch (const std::exception& other) {
    return failed(NEARVOTE_FAILED, other.what());
  }
}

template <class Body>
int32_t guarded_search(NearvoteText* error, int device, Body&& body) {
  return guarded(error, device, [&] {
    body();
    device_blocks().end_of_call();
    pinned_blocks().end_of_call();
  });
}

int32_t device_count(int32_t* count, NearvoteText* error) {
  int driver = 0, devices = 0;
  char text[400];
  if (cudaDriverGetVersion(&driver) != cudaSuccess || driver == 0)
    return report(error, NEARVOTE_UNAVAILABLE, "no NVIDIA driver is installed");
  const cudaError_t status = cudaGetDeviceCount(&devices);
  if (status != cudaSuccess) cudaGetLastError();
  if (status == cudaErrorInsufficientDriver) {
    std::snprintf(text, sizeof text, "the NVIDIA driver is too old: it supports CUDA %d.%d", driver / 1000,
                  driver % 1000 / 10);
    return report(error, NEARVOTE_UNAVAILABLE, text);
  }
  if (status == cudaErrorNoDevice || (status == cudaSuccess && devices == 0))
    return report(error, NEARVOTE_UNAVAILABLE, "the NVIDIA driver sees no device");
  if (status != cudaSuccess) return report(error, NEARVOTE_UNAVAILABLE, cudaGetErrorString(status));
  cudaDeviceProp properties{};
  if (cudaGetDeviceProperties(&properties, 0) != cudaSuccess ||
      properties.major * 10 + properties.minor < kLeastCapability) {
    std::snprintf(text, sizeof text, "the device %s has compute capability %d.%d, below 8.0", properties.name,
                  properties.major, properties.minor);
    return report(error, NEARVOTE_UNAVAILABLE, text);
  }
  *count = devices;
  return NEARVOTE_OK;
}

int32_t device_info(int32_t device, NearvoteDeviceInfo* info, NearvoteText* error) {
  return guarded(error, device, [&] {
    cudaDeviceProp properties{};
    check(cudaGetDeviceProperties(&properties, device), "reading the device");
    size_t free = 0, total = 0;
    check(cudaMemGetInfo(&free, &total), "reading the device's memory");
    info->capability = properties.major * 10 + properties.minor;
    info->multiprocessors = properties.multiProcessorCount;
    info->memory_total = total;
    info->memory_free = free;
    check(cudaDriverGetVersion(&info->driver), "reading the driver");
    std::snprintf(info->name, sizeof info->name, "%s", properties.name);
  });
}

int live_sets = 0;  // under the lock of guarded

int32_t create_set(const NearvoteSetArgs* args, NearvoteDeviceSet** set, NearvoteText* error) {
  return guarded(error, args->device, [&] {
    *set = make_set(*args);
    ++live_sets;
  });
}

void destroy_set(NearvoteDeviceSet* set) {
  if (set == nullptr) return;
  guarded(nullptr, set->device, [&] {
    delete set;
    if (--live_sets > 0) return;
    device_blocks().drop_idle();
    pinned_blocks().drop_idle();
  });
}

uint64_t set_bytes(const NearvoteDeviceSet* set) { return set->values.bytes() + set->halves.bytes(); }

bool comparable(const NearvoteDeviceSet* a, const NearvoteDeviceSet* b) {
  return a->device == b->device && a->dims == b->dims && a->l2 == b->l2 && a->cosine == b->cosine;
}

int32_t nearest_voters(const NearvoteVotersArgs* args, NearvoteText* error) {
  if (!comparable(args->queries, args->support) || args->lfs < 1 || args->classes_per_lf < 1 || args->searched_rows < 1)
    return report(error, NEARVOTE_INVALID, "queries, support and votes do not fit together");
  return guarded_search(error, args->queries->device, [&] { search_voters(*args); });
}

int32_t top_k(const NearvoteTopKArgs* args, NearvoteText* error) {
  if (!comparable(args->queries, args->support) || args->k < 1 || args->k > NEARVOTE_DEVICE_MAX_K ||
      args->k > args->support->rows)
    return report(error, NEARVOTE_INVALID, "queries, support and k do not fit together");
  return guarded_search(error, args->queries->device, [&] { search_top_k(*args); });
}

int32_t pairwise(const NearvotePairwiseArgs* args, NearvoteText* error) {
  if (!comparable(args->a, args->b)) return report(error, NEARVOTE_INVALID, "the two sets do not fit together");
  return guarded_search(error, args->a->device, [&] { compute_pairwise(*args); });
}

}  // namespace
}  // namespace nearvote::cuda

extern "C"
#if defined(__GNUC__)
    __attribute__((visibility("default")))
#endif
    int32_t nearvote_device_api(uint32_t abi, NearvoteDeviceApi* api) {
  if (abi != NEARVOTE_DEVICE_ABI || api->size < sizeof(NearvoteDeviceApi)) return NEARVOTE_INVALID;
  namespace cuda = nearvote::cuda;
  *api = {sizeof(NearvoteDeviceApi), NEARVOTE_DEVICE_ABI, cuda::kBackend,    cuda::device_count,
          cuda::device_info,         cuda::create_set,    cuda::destroy_set, cuda::set_bytes,
          cuda::nearest_voters,      cuda::top_k,         cuda::pairwise};
  return NEARVOTE_OK;
}
