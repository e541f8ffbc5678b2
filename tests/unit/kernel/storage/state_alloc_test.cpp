// Reading the state costs no memory and no lock. An executable of its own: operator new and locks are counted.
#include <doctest/doctest.h>

#include <string>

#include "counters.hpp"
#include "kernel/gate.hpp"
#include "kernel/state.hpp"

using namespace tenon::host;

TEST_CASE("state alloc: a get allocates nothing and locks nothing") {
  prepare_gates();
  State state;
  state.open_space(1);
  const std::string large(3000, 'x');
  for (int i = 0; i < 100; ++i)
    CHECK(state.put(
        1, {"sensors.room." + std::to_string(i), "text/plain", large, static_cast<std::uint64_t>(i + 1), i % 2 == 0 ? 0 : INT64_MAX}));
  char buffer[4096];
  ValueInfo info;
  const std::string keys[] = {"sensors.room.1", "sensors.room.2", "none"};
  CHECK(state.get(1, keys[0], buffer, info) == Code::ok);  // the thread's first
  const tenon::test::Counts before = tenon::test::counts_here();
  int found = 0;
  for (int i = 0; i < 3000; ++i) found += state.get(1, keys[i % 3], buffer, info) == Code::ok ? 1 : 0;
  const tenon::test::Counts after = tenon::test::counts_here();
  CHECK(found == 2000);
  CHECK(after.allocations == before.allocations);
  CHECK(after.locks == before.locks);
  // They do count.
  StorageBatch batch;
  StorageCursor cursor{1, {}};
  state.keys(cursor, batch);
  CHECK(batch.size() == 100);
  CHECK(tenon::test::counts_here().allocations > after.allocations);
  CHECK(tenon::test::counts_here().locks > after.locks);
}
