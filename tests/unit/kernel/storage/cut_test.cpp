// The power fails: what was acknowledged is there, nothing is half there. The disk is a shim that knows what was synced.
#include <sys/stat.h>

#include <cstdlib>
#include <optional>

#include "shim_vfs.hpp"
#include "support.hpp"

using namespace tenon::host;
using namespace tenon::host::test;

namespace {

constexpr int default_cuts = 200;

int cuts() {
  const char* const wanted = std::getenv("TENON_STORAGE_CUTS");
  return wanted != nullptr ? std::max(1, std::atoi(wanted)) : default_cuts;
}

/// Each transaction puts the same number under two keys, larger than a page every now and then, and counts; some erase.
struct Load {
  int acknowledged = 0;  ///< transactions of `full`
  int sent = 0;
  int normal_sent = 0;
};

std::string padded(int i, const char* what) { return std::string(what) + std::to_string(10'000 + i); }
std::string content(int i) {
  return std::to_string(i) + ":" + std::string(static_cast<std::size_t>(i * 37 % 300 + (i % 11 == 0 ? 9000 : 0)), 'x');
}

Load run_load(Storage& storage, int transactions) {
  Load load;
  const Result<NamespaceId> full = storage.define("full", {.quota = UINT64_MAX});
  const Result<NamespaceId> normal = storage.define("normal", {.durability = NamespaceOptions::Durability::normal});
  if (!full || !normal) return load;
  for (int i = 1; i <= transactions; ++i) {
    ++load.normal_sent;
    if (!storage.put(*normal, padded(i, "n"), std::to_string(i))) return load;
    StorageTransaction t(*full);
    t.put(padded(i, "a"), content(i)).put(padded(i, "b"), content(i)).put("count", std::to_string(i));
    if (i % 3 == 0) t.erase(padded(i - 2, "a")).erase(padded(i - 2, "b"));
    ++load.sent;
    if (!storage.commit(std::move(t))) return load;
    load.acknowledged = i;
  }
  return load;
}

bool is_erased(int i, int count) { return i % 3 == 1 && i + 2 <= count; }

/// Everything there is about a store after the failure. Empty: all is well.
std::vector<std::string> wrong_in(Store& store, const Load& load) {
  std::vector<std::string> wrong;
  const NamespaceId full = store.define("full");
  const NamespaceId normal = store.define("normal");
  const Result<Storage::Stored> counted = store.storage->get(full, "count");
  const int count = counted ? std::stoi(counted->value) : 0;
  if (count < load.acknowledged) wrong.push_back("lost: " + std::to_string(count) + " of " + std::to_string(load.acknowledged));
  if (count > load.sent) wrong.push_back("more than was sent");
  for (int i = 1; i <= load.sent; ++i)
    for (const char* const what : {"a", "b"}) {
      const std::string expected = i > count || is_erased(i, count) ? "<NOT_FOUND>" : content(i);
      if (value_in(store, full, padded(i, what)) != expected) wrong.push_back("half-written: " + padded(i, what));
    }
  // What did not wait for the disk may be gone, but only from the end.
  const auto rows = scan_all(*store.storage, normal);
  for (int i = 1; i <= static_cast<int>(rows.size()); ++i)
    if (!rows.contains(padded(i, "n"))) wrong.push_back("a hole: " + padded(i, "n"));
  if (static_cast<int>(rows.size()) < load.acknowledged) wrong.push_back("lost although a later one was acknowledged");
  for (const NamespaceId ns : {full, normal})
    if (state_all(store, ns) != scan_all(*store.storage, ns)) wrong.push_back("the state differs from the storage");
  if (!store.storage->put(full, "alive", "1")) wrong.push_back("cannot be written");
  return wrong;
}

struct Outcome {
  bool cut = false;
  std::vector<std::string> wrong;
};

/// One life until the power fails at the operation, and a look at what is left.
Outcome live_and_look(std::uint64_t operation, ShimVfs::Unsynced unsynced, bool sync, std::uint64_t seed, int transactions,
                      std::uint64_t* operations = nullptr) {
  std::mt19937_64 random(seed);
  ShimVfs shim;
  StoreDir before;
  StoreDir after;
  Load load;
  {
    shim.cut_at(operation);
    SqliteOptions options = before.sqlite();
    options.vfs = shim.name();
    options.sync = sync;
    Result<std::unique_ptr<Storage>> storage = Storage::open(sqlite_storage_backend(options));
    if (storage) {
      load = run_load(**storage, transactions);
      (void)(*storage)->close();
    }
  }
  if (operations != nullptr) *operations = shim.operations();
  if (!shim.is_cut()) return {};
  shim.write_image(after.path(), unsynced, random);
  write_bytes(after / "kernel.db.life", "open\n");
  if (std::filesystem::exists(after / "kernel.db")) ::chmod((after / "kernel.db").c_str(), 0600);
  SqliteOptions options = after.sqlite();
  Store store(options);
  Outcome outcome{true, wrong_in(store, load)};
  store.reopen();  // checks its accounts
  return outcome;
}

}  // namespace

TEST_CASE("cut: whenever the power fails, what was acknowledged is there and nothing is half there") {
  constexpr int transactions = 120;
  std::uint64_t operations = 0;
  CHECK_FALSE(live_and_look(0, ShimVfs::Unsynced::lost, true, 1, transactions, &operations).cut);
  REQUIRE(operations > 500);
  std::mt19937_64 random(20'260'101);
  for (int i = 0; i < cuts(); ++i) {
    // Half of them early, when the file is made.
    const std::uint64_t at = 1 + random() % (i % 4 == 0 ? std::min<std::uint64_t>(operations, 60) : operations);
    const auto unsynced = i % 2 == 0 ? ShimVfs::Unsynced::lost : ShimVfs::Unsynced::some_of_it;
    const Outcome outcome = live_and_look(at, unsynced, true, random(), transactions);
    CHECK(outcome.cut);
    CHECK_MESSAGE(outcome.wrong.empty(), "cut at operation ", at, ", ", i % 2 == 0 ? "all" : "some",
                  " unsynced bytes lost: ", outcome.wrong.empty() ? "" : outcome.wrong.front());
  }
}

TEST_CASE("cut: without waiting for the disk acknowledged writes are lost, which this suite sees") {
  constexpr int transactions = 120;
  std::uint64_t operations = 0;
  live_and_look(0, ShimVfs::Unsynced::lost, false, 1, transactions, &operations);
  std::mt19937_64 random(1);
  int lossy = 0;
  for (int i = 0; i < 10; ++i) {
    const Outcome outcome =
        live_and_look(operations / 2 + random() % (operations / 2), ShimVfs::Unsynced::lost, false, random(), transactions);
    lossy += outcome.wrong.empty() ? 0 : 1;
  }
  CHECK(lossy >= 9);
}

TEST_CASE("cut: with checkpoints in between") {
  // Large enough for the WAL to begin anew several times.
  constexpr int transactions = 700;
  std::uint64_t operations = 0;
  live_and_look(0, ShimVfs::Unsynced::lost, true, 1, transactions, &operations);
  std::mt19937_64 random(7);
  const int count = std::max(6, cuts() / 8);
  for (int i = 0; i < count; ++i) {
    const std::uint64_t at = operations / 3 + random() % (operations - operations / 3);
    const Outcome outcome =
        live_and_look(at, i % 2 == 0 ? ShimVfs::Unsynced::lost : ShimVfs::Unsynced::some_of_it, true, random(), transactions);
    CHECK(outcome.cut);
    CHECK_MESSAGE(outcome.wrong.empty(), "cut at operation ", at, ": ", outcome.wrong.empty() ? "" : outcome.wrong.front());
  }
}
