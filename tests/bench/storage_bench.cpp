// What storage costs against the same statements on SQLite by hand, what group commit brings, and what reading the state costs against a map.
// One process, a second thread alive, the store in the working directory (the temporary one may not be a disk). Prints its ratios at the end, and never gates.
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/prctl.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "abi/host_context.hpp"
#include "abi/instance.hpp"
#include "base/file.hpp"
#include "kernel/gate.hpp"
#include "kernel/kernel.hpp"
#include "kernel/state.hpp"
#include "kernel/storage.hpp"
#include "tenon/state.h"

namespace {

using namespace tenon::host;

constexpr int batch_size = 100;
constexpr int key_count = 10'000;
constexpr std::size_t read_keys = 64;  // what is read often is in the cache, for both

class BenchDir {
 public:
  BenchDir() {
    std::string name = (std::filesystem::current_path() / "storage-bench-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) std::abort();
    path_ = name;
    fd_.reset(::open(name.c_str(), O_DIRECTORY | O_RDONLY | O_CLOEXEC));
  }
  ~BenchDir() { std::filesystem::remove_all(path_); }
  BenchDir(const BenchDir&) = delete;
  BenchDir& operator=(const BenchDir&) = delete;
  [[nodiscard]] SqliteOptions sqlite() const { return {fd_.get(), "kernel.db", path_ + "/kernel.db", {}, true}; }
  [[nodiscard]] std::string file() const { return path_ + "/kernel.db"; }

 private:
  std::string path_;
  UniqueFd fd_;
};

std::string key_of(int i) { return "sensors.room." + std::to_string(100'000 + i); }

/// 100 bytes that differ from one another: SQLite does not write what has not changed.
std::string value_of(std::uint64_t i) {
  std::string out = std::to_string(i * 0x9e3779b97f4a7c15U);
  while (out.size() < 100) out += static_cast<char>('a' + (i + out.size()) % 26);
  out.resize(100);
  return out;
}

struct Values {
  Values() {
    for (int i = 0; i < 4096; ++i) values.push_back(value_of(static_cast<std::uint64_t>(i)));
    for (int i = 0; i < key_count; ++i) keys.push_back(key_of(i));
  }
  std::vector<std::string> values, keys;
};
const Values& data() {
  static const Values values;
  return values;
}

struct Host {
  Host() : state(std::make_unique<State>()) {
    StorageOptions options;
    options.state = state.get();
    auto opened = Storage::open(sqlite_storage_backend(dir.sqlite()), options);
    if (!opened) std::abort();
    storage = std::move(*opened);
    space = *storage->define("bench");
  }
  BenchDir dir;
  std::unique_ptr<State> state;
  std::unique_ptr<Storage> storage;
  NamespaceId space = 0;
};

/// The tables and settings of a store, the statements of a put, no more.
void batch_by_hand(benchmark::State& state) {
  const BenchDir dir;
  {
    auto storage = Storage::open(sqlite_storage_backend(dir.sqlite()));
    if (!storage || !(*storage)->define("bench") || !(*storage)->put(1, "k", "v") || !(*storage)->close())
      return state.SkipWithError("cannot make a store");
  }
  sqlite3* db = nullptr;
  sqlite3_stmt *begin = nullptr, *commit = nullptr, *put = nullptr, *account = nullptr;
  sqlite3_open_v2(dir.file().c_str(), &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  sqlite3_exec(db, "PRAGMA synchronous=FULL", nullptr, nullptr, nullptr);
  sqlite3_prepare_v3(db, "BEGIN IMMEDIATE", -1, SQLITE_PREPARE_PERSISTENT, &begin, nullptr);
  sqlite3_prepare_v3(db, "COMMIT", -1, SQLITE_PREPARE_PERSISTENT, &commit, nullptr);
  sqlite3_prepare_v3(
      db,
      "INSERT INTO entry(ns, key, revision, expires, type, value) VALUES(?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT(ns, key) DO UPDATE SET"
      " revision=excluded.revision, expires=excluded.expires, type=excluded.type, value=excluded.value",
      -1, SQLITE_PREPARE_PERSISTENT, &put, nullptr);
  sqlite3_prepare_v3(db, "UPDATE namespace SET bytes=?1, revision=?2 WHERE id=1", -1, SQLITE_PREPARE_PERSISTENT, &account, nullptr);
  const auto run = [](sqlite3_stmt* s) {
    sqlite3_step(s);
    return sqlite3_reset(s);
  };
  std::uint64_t n = 0;
  bool well = true;
  for (auto _ : state) {
    well = well && run(begin) == SQLITE_OK;
    for (int i = 0; i < batch_size; ++i, ++n) {
      const std::string& key = data().keys[n * 7 % key_count];
      const std::string& value = data().values[n % 4096];
      sqlite3_bind_int64(put, 1, 1);
      sqlite3_bind_blob(put, 2, key.data(), static_cast<int>(key.size()), SQLITE_STATIC);
      sqlite3_bind_int64(put, 3, static_cast<sqlite3_int64>(n));
      sqlite3_bind_int64(put, 4, 0);
      sqlite3_bind_text(put, 5, "text/plain", 10, SQLITE_STATIC);
      sqlite3_bind_blob(put, 6, value.data(), static_cast<int>(value.size()), SQLITE_STATIC);
      well = well && run(put) == SQLITE_OK;
    }
    sqlite3_bind_int64(account, 1, static_cast<sqlite3_int64>(n));
    sqlite3_bind_int64(account, 2, static_cast<sqlite3_int64>(n));
    well = well && run(account) == SQLITE_OK && run(commit) == SQLITE_OK;
  }
  for (sqlite3_stmt* s : {begin, commit, put, account}) sqlite3_finalize(s);
  sqlite3_close(db);
  if (!well) state.SkipWithError("SQLite failed");
}

void batch_by_storage(benchmark::State& state) {
  Host host;
  std::uint64_t n = 0;
  for (auto _ : state) {
    StorageTransaction transaction(host.space);
    for (int i = 0; i < batch_size; ++i, ++n)
      transaction.put(data().keys[n * 7 % key_count], data().values[n % 4096], {.content_type = "text/plain"});
    if (!host.storage->commit(std::move(transaction))) return state.SkipWithError("commit failed");
  }
}

/// `threads` of them, each with one durable value at a time; time per value.
void durable_puts(benchmark::State& state, int threads) {
  Host host;
  constexpr int per_thread = 200;
  std::atomic<bool> failed{false};
  const std::uint64_t groups_before = host.storage->statistics().groups;
  for (auto _ : state) {
    std::vector<std::thread> all;
    for (int t = 0; t < threads; ++t)
      all.emplace_back([&, t] {
        for (int i = 0; i < per_thread; ++i)
          if (!host.storage->put(host.space, data().keys[static_cast<std::size_t>(t * per_thread + i)],
                                 data().values[static_cast<std::size_t>(i)]))
            failed = true;
      });
    for (std::thread& t : all) t.join();
  }
  if (failed) state.SkipWithError("put failed");
  state.SetItemsProcessed(state.iterations() * threads * per_thread);
  state.counters["per_group"] =
      static_cast<double>(host.storage->statistics().committed) / static_cast<double>(host.storage->statistics().groups - groups_before);
}
void puts_1_thread(benchmark::State& state) { durable_puts(state, 1); }
void puts_8_threads(benchmark::State& state) { durable_puts(state, 8); }

void state_get(benchmark::State& state, std::int64_t expires_ns) {
  State mirror;
  mirror.open_space(1);
  for (int i = 0; i < 1000; ++i)
    mirror.put(1, {data().keys[static_cast<std::size_t>(i)], "text/plain", data().values[static_cast<std::size_t>(i)],
                   static_cast<std::uint64_t>(i + 1), expires_ns});
  char buffer[256];
  ValueInfo info;
  std::size_t n = 0;
  for (auto _ : state) {
    if (mirror.get(1, data().keys[n++ % read_keys], buffer, info) != Code::ok) return state.SkipWithError("not found");
    benchmark::DoNotOptimize(buffer);
  }
}
void state_get_plain(benchmark::State& state) { state_get(state, 0); }
void state_get_ttl(benchmark::State& state) { state_get(state, INT64_MAX); }

/// As a module does it: through the C table.
void state_get_table(benchmark::State& state, std::int64_t ttl_ns) {
  const BenchDir dir;
  LogCore log;
  auto kernel = Kernel::make(log, {});
  if (!kernel || !(*kernel)->open_storage(sqlite_storage_backend(dir.sqlite()))) return state.SkipWithError("no kernel");
  HostContext host(log, "1.0.0", make_uuid(), kernel->get());
  {
    InstanceOptions options;
    options.name = "bench";
    Instance instance(host, std::move(options));
    const auto* const table = static_cast<const tenon_state*>(instance.query(TENON_STATE));
    tenon_id space = 0;
    if (table == nullptr || table->open(instance.ctx(), TENON_STR("bench"), &space, nullptr) != TENON_OK)
      return state.SkipWithError("no state");
    Storage& storage = *(*kernel)->storage();
    StorageTransaction all(*storage.find("bench"));
    for (std::size_t i = 0; i < 1000; ++i) all.put(data().keys[i], data().values[i], {.content_type = "text/plain", .ttl_ns = ttl_ns});
    if (!storage.commit(std::move(all))) return state.SkipWithError("commit failed");
    std::uint8_t buffer[256];
    tenon_value_info info{};
    info.struct_size = sizeof info;
    std::size_t n = 0;
    for (auto _ : state) {
      const std::string& key = data().keys[n++ % read_keys];
      if (table->get(instance.ctx(), space, {reinterpret_cast<const std::uint8_t*>(key.data()), key.size()}, buffer, sizeof buffer,
                     &info) != TENON_OK)
        return state.SkipWithError("not found");
      benchmark::DoNotOptimize(buffer);
    }
    instance.gate().advance(Gate::State::closed);
    static_cast<void>(instance.close_parts(monotonic_ns() + 1'000'000'000));
  }
  static_cast<void>((*kernel)->end(monotonic_ns() + 2'000'000'000));
  static_cast<void>((*kernel)->close_storage(no_deadline));
}
void state_table_plain(benchmark::State& state) { state_get_table(state, 0); }
void state_table_ttl(benchmark::State& state) { state_get_table(state, INT64_MAX); }

/// What a program would do that needs neither threads nor revisions: look up, copy.
void map_get(benchmark::State& state) {
  std::unordered_map<std::string, std::string> map;
  for (std::size_t i = 0; i < 1000; ++i) map[data().keys[i]] = data().values[i];
  char buffer[256];
  std::size_t n = 0;
  for (auto _ : state) {
    const std::string& value = map.find(data().keys[n++ % read_keys])->second;
    value.copy(buffer, sizeof buffer);
    benchmark::DoNotOptimize(buffer);
  }
}

/// Remembers the medians, for the ratios.
class Medians : public benchmark::ConsoleReporter {
 public:
  void ReportRuns(const std::vector<Run>& runs) override {
    ConsoleReporter::ReportRuns(runs);
    for (const Run& run : runs)
      if (run.run_type == Run::RT_Aggregate && run.aggregate_name == "median") {
        time[run.run_name.function_name] = run.GetAdjustedRealTime();
        processor[run.run_name.function_name] = run.GetAdjustedCPUTime();
        if (const auto at = run.counters.find("items_per_second"); at != run.counters.end()) rate[run.run_name.function_name] = at->second;
      }
  }
  std::map<std::string, double> time, processor, rate;
};

}  // namespace

int main(int argc, char** argv) {
  prepare_gates();
  std::atomic<bool> stop{false};
  std::thread second([&] { stop.wait(false); });
  for (const auto& [name, run] : {std::pair("batch_by_hand", &batch_by_hand), std::pair("batch_by_storage", &batch_by_storage)})
    benchmark::RegisterBenchmark(name, run)
        ->Repetitions(21)
        ->ReportAggregatesOnly()
        ->UseRealTime()
        ->Unit(benchmark::kMicrosecond)
        ->MinTime(0.1);
  for (const auto& [name, run] : {std::pair("puts_1_thread", &puts_1_thread), std::pair("puts_8_threads", &puts_8_threads)})
    benchmark::RegisterBenchmark(name, run)
        ->Repetitions(9)
        ->ReportAggregatesOnly()
        ->UseRealTime()
        ->Unit(benchmark::kMillisecond)
        ->MinTime(0.2);
  for (const auto& [name, run] :
       {std::pair("map_get", &map_get), std::pair("state_get_plain", &state_get_plain), std::pair("state_get_ttl", &state_get_ttl),
        std::pair("state_table_plain", &state_table_plain), std::pair("state_table_ttl", &state_table_ttl)})
    benchmark::RegisterBenchmark(name, run)->Repetitions(9)->ReportAggregatesOnly();
  // Interleaved, as the speed of a disk changes from one second to the next.
  std::vector<char*> arguments(argv, argv + argc);
  std::string interleaved = "--benchmark_enable_random_interleaving=true";
  arguments.insert(arguments.begin() + 1, interleaved.data());
  int count = argc + 1;
  benchmark::Initialize(&count, arguments.data());
  Medians medians;
  benchmark::RunSpecifiedBenchmarks(&medians);
  stop = true;
  stop.notify_all();
  second.join();
  std::printf("batch of 100, storage / by hand: %.2f (at most 1.3)\n", medians.time["batch_by_storage"] / medians.time["batch_by_hand"]);
  std::printf("durable puts, 8 threads / 1 thread: %.2f (at least 3)\n", medians.rate["puts_8_threads"] / medians.rate["puts_1_thread"]);
  // Processor time: it is the steadier one on a busy machine, and nothing here waits.
  std::printf("state get: %.0f ns (at most 50), with time to live %.0f ns (at most 60), an unordered_map %.0f ns\n",
              medians.processor["state_get_plain"], medians.processor["state_get_ttl"], medians.processor["map_get"]);
  std::printf("state get through the C table: %.0f ns (at most 50), with time to live %.0f ns (at most 60)\n",
              medians.processor["state_table_plain"], medians.processor["state_table_ttl"]);
  return 0;
}
