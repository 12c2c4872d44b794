// A session on disk: the neighbour lists, the labelling functions with what is known of their nearest voters, and a
// fingerprint of the embeddings, which are not stored. One file in the byte order of the machine:
//   magic (16 bytes), version, byte order mark (uint32 each), rows, dims, metric, classes (0: signed), list stride,
//   labelling functions, bytes of notes (int64 each), fingerprint (uint64), notes,
//   list counts (int32), list entries and scores (the used ones, row by row),
//   per labelling function: length of its name (int64), name, threshold, searched (float64), votes (int8), nearest
//   voters (int32), their scores (float32),
//   a checksum of all of it (uint64).
// `notes` is text of the caller's.
#pragma once

#include <string>

#include "core/session/session.h"

namespace nearvote {

struct SessionFileHeader {
  int64_t rows, dims, stride, lfs;
  Metric metric;
  VoteDomain domain;
  uint64_t fingerprint;
  std::string notes;
};

// Of the rows as they are used for scores; one bit of difference gives another one.
uint64_t fingerprint(const EmbeddingSet& set, int threads);

// Writes into a new or emptied file at `path`; whoever calls this renames it into place. Throws InvalidArgument when
// the file cannot be written, Cancelled when the job is.
void write_session(const Session& session, const std::string& notes, const std::string& path,
                   const RunOptions& options);

// Throw InvalidArgument: no such file, not a session, another version, cut off or damaged, other embeddings.
SessionFileHeader read_session_header(const std::string& path);
struct LoadedSession {
  Session session;   // without a state
  PendingEdit edit;  // its labelling functions
};
LoadedSession read_session(const std::string& path, std::shared_ptr<const EmbeddingSet> set, const RunOptions& options);

}  // namespace nearvote
