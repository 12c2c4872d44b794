/* The C ABI between nearvote and a device backend: a shared library that the addon opens by path and that exports one
 * function, nearvote_device_api. Nothing links against the backend and the backend links against nothing of nearvote.
 *
 * Every struct starts with its size as the writer knew it; members are only ever appended. Calls return a
 * NearvoteStatus and, unless it is NEARVOTE_OK, put a sentence into `error`. No call throws, and a call that failed
 * leaves the device usable. Calls may come from any thread; those on one device run one after the other.
 *
 * Rows are compared by keys for which larger is nearer: the canonical dot, or minus the canonical squared distance
 * (core/neighbors/canonical.h). All results are decided by canonical keys, ties by the lower row: the bits do not
 * depend on the device. */
#pragma once

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define NEARVOTE_DEVICE_ABI 1

enum NearvoteStatus {
  NEARVOTE_OK = 0,
  NEARVOTE_CANCELLED = 1,     /* a callback asked for it */
  NEARVOTE_OUT_OF_MEMORY = 2, /* the text names what was needed and what there was */
  NEARVOTE_UNAVAILABLE = 3,   /* no driver, a driver too old, no device */
  NEARVOTE_INVALID = 4,       /* arguments that do not fit together */
  NEARVOTE_FAILED = 5         /* the device reported an error */
};

enum NearvoteMetric { NEARVOTE_COSINE = 0, NEARVOTE_DOT = 1, NEARVOTE_L2 = 2 };

typedef struct NearvoteText {
  uint32_t size;
  char text[508];
} NearvoteText;

typedef struct NearvoteDeviceInfo {
  uint32_t size;
  int32_t capability; /* compute capability, 10 * major + minor */
  int32_t multiprocessors;
  int32_t driver; /* CUDA version the driver supports, 1000 * major + 10 * minor */
  uint64_t memory_total, memory_free;
  char name[256];
} NearvoteDeviceInfo;

/* Embedding rows resident on a device. */
typedef struct NearvoteDeviceSet NearvoteDeviceSet;

typedef struct NearvoteSetArgs {
  uint32_t size;
  int32_t device;
  /* Finite, normalised under cosine; row i starts at values + i * stride. Stays as it is until destroy_set: a device
   * without room for the rows reads them there. */
  const float* values;
  int64_t rows, dims, stride;
  int32_t metric;       /* NearvoteMetric */
  int32_t rows_on_host; /* 1: leave the rows in host memory also where the device has room; never changes a result */
} NearvoteSetArgs;

/* What every search takes besides its data. */
typedef struct NearvoteRun {
  uint32_t size;
  /* Called in the caller's thread, at least once per chunk of queries; non-zero cancels. May be null. */
  int32_t (*poll)(void* context, int64_t done, int64_t total);
  void* context;
  uint64_t scratch_bytes; /* device memory for scratch, at most; 0: the backend's choice. Never changes a result. */
} NearvoteRun;

typedef struct NearvoteWinner {
  double key;
  int32_t row;       /* support row; -1: no voter */
  int32_t contested; /* cells per LF only: voters of different classes share the winning key */
} NearvoteWinner;

/* The nearest voter of every query and open cell. A cell is an LF (classes_per_lf == 1) or an LF and class
 * (cell = lf * classes_per_lf + class). It is open where the query's vote is 0 and the query is no zero row under
 * cosine; the winner of a closed cell is row -1. */
typedef struct NearvoteVotersArgs {
  uint32_t size;
  int32_t classes_per_lf;
  const NearvoteDeviceSet* queries;
  const NearvoteDeviceSet* support;
  const int8_t* query_votes;   /* queries x lfs, valid */
  const int8_t* support_votes; /* support x lfs, valid; non-zero votes are told apart, class c of a vote v is v - 1 */
  int64_t lfs;
  const int32_t* searched; /* the support rows searched, ascending; each has a vote */
  int64_t searched_rows;
  const double* least_key; /* per LF: voters with smaller keys may be left out; or null */
  /* Receives the winners of `count` queries from `first` on, count x cells; in the caller's thread, chunk after chunk.
   * Non-zero cancels. */
  int32_t (*take)(void* context, int64_t first, int64_t count, const NearvoteWinner* winners);
  void* take_context;
  const NearvoteRun* run;
} NearvoteVotersArgs;

typedef struct NearvoteTopKArgs {
  uint32_t size;
  int32_t k; /* 1 .. min(support rows, NEARVOTE_DEVICE_MAX_K) */
  const NearvoteDeviceSet* queries;
  const NearvoteDeviceSet* support;
  int32_t* rows; /* queries x k, nearest first */
  double* keys;  /* queries x k */
  const NearvoteRun* run;
} NearvoteTopKArgs;

#define NEARVOTE_DEVICE_MAX_K 1024

/* Every value of a x b as a float: the similarity, 1 - similarity (complement), or the true distance (l2). */
typedef struct NearvotePairwiseArgs {
  uint32_t size;
  int32_t precise;    /* canonical values; otherwise float32 accumulation in order of the columns */
  int32_t complement; /* cosine distances */
  const NearvoteDeviceSet* a;
  const NearvoteDeviceSet* b;
  float* out; /* row-major */
  const NearvoteRun* run;
} NearvotePairwiseArgs;

typedef struct NearvoteDeviceApi {
  uint32_t size;
  uint32_t abi;
  const char* backend; /* what it is and what it was built for */
  /* Number of usable devices, >= 1, or NEARVOTE_UNAVAILABLE with the reason. */
  int32_t (*device_count)(int32_t* count, NearvoteText* error);
  int32_t (*device_info)(int32_t device, NearvoteDeviceInfo* info, NearvoteText* error);
  int32_t (*create_set)(const NearvoteSetArgs* args, NearvoteDeviceSet** set, NearvoteText* error);
  void (*destroy_set)(NearvoteDeviceSet* set);
  uint64_t (*set_bytes)(const NearvoteDeviceSet* set); /* device memory held */
  int32_t (*nearest_voters)(const NearvoteVotersArgs* args, NearvoteText* error);
  int32_t (*top_k)(const NearvoteTopKArgs* args, NearvoteText* error);
  int32_t (*pairwise)(const NearvotePairwiseArgs* args, NearvoteText* error);
} NearvoteDeviceApi;

/* The one export. `api->size` is set by the caller; NEARVOTE_INVALID when the versions do not fit. */
typedef int32_t (*NearvoteDeviceApiEntry)(uint32_t abi, NearvoteDeviceApi* api);
#define NEARVOTE_DEVICE_API_ENTRY "nearvote_device_api"

#ifdef __cplusplus
}
#endif
