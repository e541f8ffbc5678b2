// The state alone: what a reader may see, and what the writer may do under it.
#include <algorithm>
#include <memory>
#include <set>
#include <thread>

#include "state_reader.hpp"
#include "state_space.hpp"
#include "support.hpp"

using namespace tenon::host;
using namespace tenon::host::test;

namespace {

bool put(State& state, std::string_view key, std::string_view value, std::uint64_t revision, std::int64_t expires_ns = 0) {
  return state.put(1, {key, "text/plain", value, revision, expires_ns});
}

std::string get(const State& state, std::string_view key) {
  char buffer[4096];
  ValueInfo info;
  const Code code = state.get(1, key, buffer, info);
  return code == Code::ok ? std::string(buffer, info.size) + "@" + std::to_string(info.revision) : "<" + std::string(code_name(code)) + ">";
}

std::vector<std::string> keys_of(const State& state, const std::string& prefix = {}) {
  std::vector<std::string> out;
  StorageBatch batch;
  for (StorageCursor cursor{1, prefix}; !cursor.done;) {
    state.keys(cursor, batch);
    for (std::size_t i = 0; i < batch.size(); ++i) out.emplace_back(batch[i].key);
  }
  return out;
}

}  // namespace

TEST_CASE("state: only what is newer is taken, and what was erased stays away") {
  State state;
  CHECK_FALSE(put(state, "a", "1", 1));  // not mirrored
  CHECK(get(state, "a") == "<NOT_FOUND>");
  state.open_space(1);
  CHECK(put(state, "a", "5", 5));
  CHECK_FALSE(put(state, "a", "4", 4));
  CHECK_FALSE(put(state, "a", "again", 5));
  CHECK(get(state, "a") == "5@5");
  CHECK_FALSE(state.erase(1, "a", 5));
  CHECK(state.erase(1, "a", 6));
  CHECK(get(state, "a") == "<NOT_FOUND>");
  CHECK(keys_of(state).empty());
  CHECK_FALSE(put(state, "a", "6", 6));
  CHECK_FALSE(put(state, "a", "2", 2));
  CHECK(get(state, "a") == "<NOT_FOUND>");
  CHECK(put(state, "a", "7", 7));
  CHECK(get(state, "a") == "7@7");
  // Erased before it was known.
  CHECK(state.erase(1, "b", 9));
  CHECK_FALSE(put(state, "b", "8", 8));
  CHECK(get(state, "b") == "<NOT_FOUND>");
}

TEST_CASE("state: a clear keeps out what is older than it") {
  State state;
  state.open_space(1);
  for (int i = 1; i <= 100; ++i) CHECK(put(state, std::to_string(i), "v", static_cast<std::uint64_t>(i)));
  state.clear(1, 200);
  CHECK(keys_of(state).empty());
  CHECK(get(state, "7") == "<NOT_FOUND>");
  CHECK_FALSE(put(state, "7", "v", 199));
  CHECK_FALSE(put(state, "new", "v", 200));
  CHECK(put(state, "7", "v", 201));
  CHECK(keys_of(state) == std::vector<std::string>{"7"});
}

TEST_CASE("state: what was erased is forgotten in time, and still cannot come back") {
  State state;
  state.open_space(1);
  std::uint64_t revision = 0;
  for (int i = 0; i < 5000; ++i) {
    CHECK(put(state, "k" + std::to_string(i), "v", ++revision));
    CHECK(state.erase(1, "k" + std::to_string(i), ++revision));
    state.notify();
  }
  CHECK(keys_of(state).empty());
  CHECK_FALSE(put(state, "k17", "v", 40));
  CHECK_FALSE(put(state, "k4999", "v", revision));
  CHECK(put(state, "k17", "v", revision + 1));
}

TEST_CASE("state: what one transaction erases and what it writes have one revision, and all of it is taken") {
  const auto key = [](int i) { return "k" + std::to_string(i); };
  for (int erased = 1; erased <= 200; ++erased) {
    CAPTURE(erased);
    State empty, full;
    for (State* state : {&empty, &full}) {
      state->open_space(1);
      if (state == &full)
        for (int i = 0; i < erased; ++i) CHECK(put(*state, key(i), "v", static_cast<std::uint64_t>(i + 1)));
      for (int i = 0; i < erased; ++i) CHECK(state->erase(1, key(i), 500));
      for (int i = 0; i < 10; ++i) CHECK(put(*state, "new" + std::to_string(i), "v", 500));
      CHECK(keys_of(*state).size() == 10);
      CHECK(get(*state, "new9") == "v@500");
      CHECK_FALSE(put(*state, key(0), "again", 500));
    }
  }
}

TEST_CASE("state: it grows, and every key is found and listed in order") {
  State state;
  state.open_space(1);
  std::vector<std::string> expected;
  for (int i = 0; i < 3000; ++i) {
    // Lengths around the steps of the hash.
    const std::string key = std::to_string(10'000 + i) + std::string(static_cast<std::size_t>(i % 40), 'x');
    expected.push_back(key);
    CHECK(put(state, key, key, static_cast<std::uint64_t>(i + 1)));
  }
  CHECK(put(state, "", "empty", 4000));
  std::sort(expected.begin(), expected.end());
  for (const std::string& key : expected) CHECK(get(state, key).substr(0, key.size()) == key);
  expected.insert(expected.begin(), "");
  CHECK(keys_of(state) == expected);
  CHECK(keys_of(state, "1299").size() == 10);
  CHECK(get(state, std::string(1000, 'x')) == "<NOT_FOUND>");
}

TEST_CASE("state: the hash uses every byte and the seed") {
  std::set<std::uint64_t> seen;
  std::size_t made = 0;
  for (std::size_t size = 0; size <= 70; ++size)
    for (std::size_t at = 0; at < std::max<std::size_t>(size, 1); ++at) {
      std::string key(size, 'k');
      if (size > 0) key[at] = 'l';
      seen.insert(state_hash(key, 1));
      seen.insert(state_hash(key, 2));
      made += 2;
    }
  CHECK(seen.size() == made);
}

TEST_CASE("state: readers see whole values while a writer replaces, erases, grows and clears") {
  prepare_gates();
  State state;
  state.open_space(1);
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> reads{0};
  std::vector<std::thread> readers;
  for (int t = 0; t < 3; ++t)
    readers.emplace_back([&, t] {
      char buffer[2048];
      ValueInfo info;
      std::uint64_t newest[50] = {};
      for (int i = t; !stop; ++i) {
        const int k = i % 50;
        if (state.get(1, "k" + std::to_string(k), buffer, info) != Code::ok) continue;
        // One byte over and over, as long as its revision says; and never an older one than before.
        const std::string_view value(buffer, info.size);
        const bool whole = info.size == 1 + info.revision % 1500 && value.find_first_not_of(value[0]) == std::string_view::npos &&
                           value[0] == static_cast<char>('a' + info.revision % 26) && info.content_type() == "text/plain";
        if (!whole || info.revision < newest[k]) {
          CHECK_MESSAGE(false, "revision ", info.revision, " after ", newest[k], ", ", info.size, " bytes");
          return;
        }
        newest[k] = info.revision;
        ++reads;
      }
    });
  std::uint64_t revision = 0;
  for (int round = 0; round < 4000 || reads < 10'000; ++round) {
    ++revision;
    const std::string key = "k" + std::to_string(round * 7 % 50);
    if (round % 500 == 499)
      state.clear(1, revision);
    else if (round % 13 == 12)
      state.erase(1, key, revision);
    else
      put(state, key, std::string(1 + revision % 1500, static_cast<char>('a' + revision % 26)), revision);
    if (round % 3 == 0) put(state, "grows" + std::to_string(round), "v", ++revision);
    state.notify();
  }
  stop = true;
  for (std::thread& t : readers) t.join();
}

TEST_CASE("state: what was replaced is freed, but not while somebody reads") {
  prepare_gates();
  static int freed = 0;
  freed = 0;
  const auto retire = [](StateReclaimer& reclaimer, int count) {
    for (int i = 0; i < count; ++i) reclaimer.retire(nullptr, 1, [](void*) { ++freed; });
  };
  StateReclaimer reclaimer;
  retire(reclaimer, 10);
  reclaimer.collect();
  CHECK(freed == 0);  // not worth it yet
  retire(reclaimer, 90);
  reclaimer.collect();
  CHECK(freed == 100);
  CHECK(reclaimer.kept() == 0);
  {
    const StateReader reader;
    retire(reclaimer, 100);
    reclaimer.collect();
    reclaimer.collect();
    CHECK(freed == 100);
    retire(reclaimer, 100);
    reclaimer.collect();
    CHECK(reclaimer.kept() == 200);
  }
  {
    const StateReader later;  // came when they were out of sight already
    reclaimer.collect();
    CHECK(freed == 200);
  }
  reclaimer.collect();
  CHECK(freed == 300);
}
