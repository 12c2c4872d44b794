#include "core/session/session_file.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/votes/check_votes.h"

namespace nearvote {
namespace {

constexpr char kMagic[16] = "nearvote lists ";
constexpr uint32_t kVersion = 1;
constexpr uint32_t kByteOrder = 0x01020304;
constexpr int64_t kRowsPerTask = 1024;
constexpr int64_t kMostNotes = int64_t{1} << 30;

// 8 bytes at a time; the tail is padded with zeros, so the length has to be hashed apart.
class Hash {
 public:
  void add(const void* data, size_t bytes) {
    const auto* from = static_cast<const unsigned char*>(data);
    for (; bytes >= 8; from += 8, bytes -= 8) mix(from, 8);
    if (bytes > 0) mix(from, bytes);
  }
  void add(uint64_t word) { mix(&word, 8); }
  uint64_t value() const { return state_; }

 private:
  void mix(const void* from, size_t bytes) {
    uint64_t word = 0;
    std::memcpy(&word, from, bytes);
    state_ = (state_ ^ word) * 0x9e3779b97f4a7c15u;
    state_ ^= state_ >> 32;
  }
  uint64_t state_ = 0xcbf29ce484222325u;
};

struct File {
  File(const std::string& path, const char* mode) : path(path), stream(std::fopen(path.c_str(), mode)) {
    if (stream == nullptr)
      throw expected("a file that can be opened", "path", path + " (" + std::strerror(errno) + ")");
  }
  ~File() {
    if (stream != nullptr) std::fclose(stream);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  std::string path;
  std::FILE* stream;
};

class Writer {
 public:
  explicit Writer(const std::string& path) : file_(path, "wb") {}

  template <class T>
  void put(const T* values, int64_t count) {
    const size_t bytes = static_cast<size_t>(count) * sizeof(T);
    hash_.add(values, bytes);
    if (bytes > 0 && std::fwrite(values, 1, bytes, file_.stream) != bytes) fail();
  }
  template <class T>
  void put(T value) {
    put(&value, 1);
  }
  void finish() {
    put(hash_.value());
    if (std::fclose(std::exchange(file_.stream, nullptr)) != 0) fail();
  }

 private:
  [[noreturn]] void fail() {
    throw expected("a file that can be written", "path", file_.path + " (" + std::strerror(errno) + ")");
  }

  File file_;
  Hash hash_;
};

class Reader {
 public:
  explicit Reader(const std::string& path) : file_(path, "rb") {}

  template <class T>
  void get(T* values, int64_t count) {
    const size_t bytes = static_cast<size_t>(count) * sizeof(T);
    if (std::fread(values, 1, bytes, file_.stream) != bytes) damaged("a file that ends too early");
    hash_.add(values, bytes);
  }
  template <class T>
  T get() {
    T value;
    get(&value, 1);
    return value;
  }
  void finish() {
    const uint64_t computed = hash_.value();
    if (get<uint64_t>() != computed) damaged("a checksum that does not fit");
    if (std::fgetc(file_.stream) != EOF) damaged("more bytes than its contents take");
  }
  [[noreturn]] void damaged(const std::string& how) const {
    throw expected("an undamaged session file", "path", file_.path + ": " + how);
  }

 private:
  File file_;
  Hash hash_;
};

SessionFileHeader read_header(Reader& reader) {
  char magic[16];
  reader.get(magic, 16);
  if (std::memcmp(magic, kMagic, 16) != 0) reader.damaged("another kind of file");
  const auto version = reader.get<uint32_t>();
  if (reader.get<uint32_t>() != kByteOrder) reader.damaged("written on a machine of another byte order");
  if (version != kVersion) reader.damaged("version " + std::to_string(version));
  SessionFileHeader header{};
  header.rows = reader.get<int64_t>();
  header.dims = reader.get<int64_t>();
  const auto metric = reader.get<int64_t>(), classes = reader.get<int64_t>();
  header.stride = reader.get<int64_t>();
  header.lfs = reader.get<int64_t>();
  const auto notes = reader.get<int64_t>();
  header.fingerprint = reader.get<uint64_t>();
  const bool sizes = header.rows >= 0 && header.rows < (int64_t{1} << 31) && header.dims > 0 && header.stride > 0 &&
                     header.stride <= 4097 && header.lfs >= 0 && header.lfs < (1 << 20) && metric >= 0 && metric <= 2 &&
                     (classes == 0 || (classes >= 2 && classes <= 127)) && notes >= 0 && notes < kMostNotes;
  if (!sizes) reader.damaged("sizes out of range");
  header.metric = static_cast<Metric>(metric);
  header.domain = classes == 0 ? VoteDomain{2, true} : VoteDomain{static_cast<int>(classes), false};
  header.notes.resize(static_cast<size_t>(notes));
  reader.get(header.notes.data(), notes);
  return header;
}

std::shared_ptr<const LfColumn> read_column(Reader& reader, const SessionFileHeader& header,
                                            const ColumnContext& context) {
  const auto length = reader.get<int64_t>();
  if (length < 0 || length > (1 << 20)) reader.damaged("the name of a labelling function of impossible length");
  std::string name(static_cast<size_t>(length), ' ');
  reader.get(name.data(), length);
  const auto threshold = reader.get<double>(), searched = reader.get<double>();
  std::vector<int8_t> votes(static_cast<size_t>(header.rows));
  RowValues<int32_t> nearest(header.rows);
  RowValues<float> score(header.rows);
  reader.get(votes.data(), header.rows);
  reader.get(nearest.writable(), header.rows);
  reader.get(score.writable(), header.rows);
  const bool valid = first_invalid_vote({votes.data(), header.rows, 1}, header.domain) < 0 &&
                     std::all_of(
                         nearest.begin(), nearest.end(),
                         [&](int32_t row) {
                           return row >= kTie && row < header.rows && (row < 0 || votes[static_cast<size_t>(row)] != 0);
                         });
  if (!valid) reader.damaged("votes or neighbours out of range");
  return restore_column(context, std::move(name), votes.data(), threshold, searched, std::move(nearest),
                        std::move(score));
}

}  // namespace

uint64_t fingerprint(const EmbeddingSet& set, int threads) {
  const int64_t tasks = (set.rows() + kRowsPerTask - 1) / kRowsPerTask;
  std::vector<uint64_t> parts(static_cast<size_t>(tasks));
  parallel_for(tasks, effective_threads(threads, tasks), [&](int64_t task, int) {
    Hash hash;
    for (int64_t row = task * kRowsPerTask; row < std::min(set.rows(), (task + 1) * kRowsPerTask); ++row)
      hash.add(set.row(row), static_cast<size_t>(set.dims()) * sizeof(float));
    parts[static_cast<size_t>(task)] = hash.value();
  });
  Hash all;
  for (const uint64_t part : parts) all.add(part);
  return all.value();
}

void write_session(const Session& session, const std::string& notes, const std::string& path,
                   const RunOptions& options) {
  const SessionState& state = *session.state();
  const NeighborLists& lists = session.lists();
  const int64_t rows = state.rows();
  Writer writer(path);
  writer.put(kMagic, 16);
  writer.put(kVersion);
  writer.put(kByteOrder);
  for (const int64_t number :
       {rows, state.set->dims(), static_cast<int64_t>(state.set->metric()),
        static_cast<int64_t>(state.domain.signed_votes ? 0 : state.domain.classes), lists.length() + 1,
        static_cast<int64_t>(state.lfs.size()), static_cast<int64_t>(notes.size())})
    writer.put(number);
  writer.put(fingerprint(*state.set, options.threads));
  writer.put(notes.data(), static_cast<int64_t>(notes.size()));
  for (int64_t row = 0; row < rows; ++row) writer.put(static_cast<int32_t>(lists.count(row)));
  for (int64_t row = 0; row < rows; ++row) {
    if (row % kRowsPerTask == 0) {
      options.job.check();
      options.job.report(row, rows);
    }
    writer.put(lists.entries(row), lists.count(row));
    writer.put(lists.scores(row), lists.count(row));
  }
  for (const auto& lf : state.lfs) {
    options.job.check();
    writer.put(static_cast<int64_t>(lf->name.size()));
    writer.put(lf->name.data(), static_cast<int64_t>(lf->name.size()));
    writer.put(lf->threshold);
    writer.put(lf->searched);
    writer.put(lf->votes().data(), rows);
    writer.put(lf->nearest.data(), rows);
    writer.put(lf->score.data(), rows);
  }
  writer.finish();
}

SessionFileHeader read_session_header(const std::string& path) {
  Reader reader(path);
  return read_header(reader);
}

LoadedSession read_session(const std::string& path, std::shared_ptr<const EmbeddingSet> set,
                           const RunOptions& options) {
  Reader reader(path);
  const SessionFileHeader header = read_header(reader);
  if (header.rows != set->rows() || header.dims != set->dims() || header.metric != set->metric() ||
      header.fingerprint != fingerprint(*set, options.threads))
    throw expected("the embeddings the session was saved with", "embeddings", "others");
  std::vector<int32_t> counts(static_cast<size_t>(header.rows));
  for (int32_t& count : counts) {
    count = reader.get<int32_t>();
    if (count < 0 || count > header.stride || count >= header.rows) reader.damaged("a list of impossible length");
  }
  NeighborLists lists(header.rows, header.stride - 1);
  for (int64_t row = 0; row < header.rows; ++row) {
    if (row % kRowsPerTask == 0) {
      options.job.check();
      options.job.report(row, header.rows);
    }
    const int64_t count = counts[static_cast<size_t>(row)];
    reader.get(lists.entries(row), count);
    reader.get(lists.scores(row), count);
    lists.close(row, count);
    for (int64_t e = 0; e < count; ++e)
      if (NeighborLists::row_of(lists.entries(row)[e]) >= header.rows) reader.damaged("a neighbour that is no row");
  }
  LoadedSession loaded{Session(std::move(set), header.domain, std::move(lists)), {}};
  Columns lfs;
  for (int64_t j = 0; j < header.lfs; ++j) {
    options.job.check();
    lfs.push_back(read_column(reader, header, loaded.session.context(options)));
  }
  reader.finish();
  loaded.edit = loaded.session.with_columns(std::move(lfs), 0);
  return loaded;
}

}  // namespace nearvote
