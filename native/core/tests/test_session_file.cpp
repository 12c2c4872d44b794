// A session on disk: it comes back as it was, and whatever is damaged is refused.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>
#include <string>

#include "core/session/session_file.h"
#include "core/tests/check.h"
#include "core/tests/session_pair.h"

using namespace nearvote;

using reference::fit, reference::same_bits;

TEST(a_saved_session_comes_back_and_a_damaged_one_is_refused) {
  const std::string path = "test_session.tmp";
  for (const Metric metric : {Metric::cosine, Metric::l2}) {
    const auto rows = reference::embeddings(reference::Kind::clustered, 40, 7, 3);
    const auto set = std::make_shared<EmbeddingSet>(rows.view(), metric);
    Session session(set, {}, 5, {});
    const auto votes = reference::votes(40, 2, {}, 0.2, 4);
    std::vector<int8_t> a(40), b(40);
    for (size_t i = 0; i < 40; ++i) a[i] = votes.data[2 * i], b[i] = votes.data[2 * i + 1];
    PendingEdit edit = session.set_votes({{"a", a.data(), 0.4}, {"b", b.data(), 0.7}}, {});
    LabelModel model = fit(edit.counts);
    session.commit(std::move(edit), std::move(model), {});
    write_session(session, "notes of mine", path, {});

    CHECK(read_session_header(path).notes == "notes of mine");
    LoadedSession loaded = read_session(path, set, {});
    LabelModel again = fit(loaded.edit.counts);
    loaded.session.commit(std::move(loaded.edit), std::move(again), {});
    CHECK(same_bits(loaded.session.state()->proba, session.state()->proba));
    for (size_t j = 0; j < 2; ++j) {
      const LfColumn &before = *session.state()->lfs[j], &after = *loaded.session.state()->lfs[j];
      CHECK(after.name == before.name && after.threshold == before.threshold && after.searched == before.searched);
      CHECK(after.extended == before.extended && after.nearest == before.nearest);
    }
    for (int64_t row = 0; row < 40; ++row)
      CHECK(std::equal(session.lists().entries(row), session.lists().entries(row) + session.lists().count(row),
                       loaded.session.lists().entries(row)));

    auto other = rows;
    other.data[17] = std::nextafter(other.data[17], 100.0f);
    CHECK_THROWS(read_session(path, std::make_shared<EmbeddingSet>(other.view(), Metric::dot), {}), InvalidArgument);

    std::FILE* file = std::fopen(path.c_str(), "rb");
    std::vector<char> bytes(1 << 16);
    bytes.resize(std::fread(bytes.data(), 1, bytes.size(), file));
    std::fclose(file);
    const auto refused = [&](const std::vector<char>& content) {
      std::FILE* out = std::fopen(path.c_str(), "wb");
      if (!content.empty()) std::fwrite(content.data(), 1, content.size(), out);
      std::fclose(out);
      CHECK_THROWS(read_session(path, set, {}), InvalidArgument);
    };
    for (size_t at = 0; at < bytes.size(); at += 7) {
      auto flipped = bytes;
      flipped[at] = static_cast<char>(flipped[at] ^ 16);
      refused(flipped);
    }
    refused({bytes.begin(), bytes.end() - 1});
    refused({bytes.begin(), bytes.begin() + 20});
    refused({});
    auto longer = bytes;
    longer.push_back(0);
    refused(longer);
  }
  std::remove(path.c_str());
  CHECK_THROWS(read_session_header(path), InvalidArgument);
}

CHECK_MAIN
