// What a log line costs, in the host and through the C table a module has, against spdlog writing the same finished bytes; and what a line
// below the level costs, through the macro and the C++ wrapper.
// Prints the ratios of the medians at the end (processor time is the steadier one on a busy machine). One process, a second thread alive, files in the temporary directory.
#include <benchmark/benchmark.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/basic_file_sink.h>

#include <algorithm>
#include <condition_variable>
#include <cstdio>
#include <filesystem>
#include <map>
#include <mutex>
#include <string>
#include <thread>

#include "abi/instance.hpp"
#include "kernel/log.hpp"
#include "tenon/cpp/log.hpp"

namespace {

using namespace tenon::host;

constexpr int lines_per_run = 200'000;

constexpr std::string_view message = "batch stored";
constexpr LogField fields[] = {{"rows", "128"}, {"source", "warehouse/eu-central"}, {"took_us", "5321"}};

std::string bench_file(std::string_view name) {
  return (std::filesystem::temp_directory_path() / ("tenon-log-bench-" + std::string(name))).string();
}

LogOptions options_for(const std::string& path) {
  LogOptions options;
  options.format = LogOptions::Format::json;
  options.target = LogOptions::Target::file;
  options.file.path = path;
  options.rate = 0;
  return options;
}

/// A line as the log writes it, without its newline, which spdlog adds.
std::string finished_line() {
  const LogRecordView record{info, 1'234'567, 1'790'737'445'123'456'789, 0, 123456, "orders", "run", message, fields};
  std::string line = log_line(record, options_for(""));
  line.pop_back();
  return line;
}

void spdlog_finished_bytes(benchmark::State& state) {
  const std::string path = bench_file("spdlog");
  const std::string line = finished_line();
  {
    spdlog::logger logger("bench", std::make_shared<spdlog::sinks::basic_file_sink_mt>(path, true));
    logger.set_pattern("%v");
    for (auto _ : state) logger.info(line);
  }
  std::filesystem::remove(path);
}

void tenon_line(benchmark::State& state, bool with_receiver, LogOptions::Format format) {
  const std::string path = bench_file("tenon");
  std::filesystem::remove(path);
  {
    LogCore core;
    LogOptions options = options_for(path);
    options.format = format;
    if (!core.open(options)) return state.SkipWithError("cannot open the log");
    core.end_early();
    if (with_receiver) core.add_receiver([](const LogRecordView& record) { benchmark::DoNotOptimize(record.seq); });
    const auto module = core.module("orders");
    for (auto _ : state) module->write(info, message, fields, "run", 0);
  }
  std::filesystem::remove(path);
}
void tenon_json(benchmark::State& state) { tenon_line(state, false, LogOptions::Format::json); }
void tenon_json_with_receiver(benchmark::State& state) { tenon_line(state, true, LogOptions::Format::json); }
void tenon_text(benchmark::State& state) { tenon_line(state, false, LogOptions::Format::text); }

void tenon_json_rate_limit_on(benchmark::State& state) {
  const std::string path = bench_file("tenon");
  {
    LogCore core;
    LogOptions options = options_for(path);
    options.rate = 1'000'000'000;
    options.burst = 1'000'000'000;
    if (!core.open(options)) return state.SkipWithError("cannot open the log");
    core.end_early();
    const auto module = core.module("orders");
    for (auto _ : state) module->write(info, message, fields, "run", 0);
  }
  std::filesystem::remove(path);
}

void tenon_below_level(benchmark::State& state) {
  LogCore core;
  const auto module = core.module("orders");
  for (auto _ : state) {
    module->write(debug, message, fields, "run", 0);
    benchmark::ClobberMemory();
  }
}

/// A module as the host keeps it; what it logs goes to `path`.
struct Module {
  explicit Module(const std::string& path) {
    std::filesystem::remove(path);
    opened = static_cast<bool>(core.open(options_for(path)));
    core.end_early();
    instance.set_phase(Phase::run);
  }
  LogCore core;
  HostContext host{core, "bench", make_uuid()};
  Instance instance{host, [] {
                      InstanceOptions options;
                      options.name = "orders";
                      return options;
                    }()};
  bool opened = false;
};

/// As a module writes it: through the C table, from a thread of its own or inside a callback.
void through_table(benchmark::State& state, bool inside_call) {
  const std::string path = bench_file("table");
  {
    Module module(path);
    if (!module.opened) return state.SkipWithError("cannot open the log");
    const auto* table = static_cast<const tenon_log*>(module.instance.ctx()->host->query(module.instance.ctx(), TENON_STR(TENON_LOG)));
    const tenon_kv kv[] = {{c_str(fields[0].key), c_str(fields[0].value)},
                           {c_str(fields[1].key), c_str(fields[1].value)},
                           {c_str(fields[2].key), c_str(fields[2].value)}};
    const auto lines = [&] {
      for (auto _ : state) table->write(module.instance.ctx(), TENON_LEVEL_INFO, c_str(message), kv, std::size(kv));
    };
    if (inside_call)
      module.instance.enter(Phase::run, no_deadline, Gate::State::open, {}, [&](tenon_call*, tenon_error*) -> tenon_status {
        lines();
        return TENON_OK;
      });
    else
      lines();
  }
  std::filesystem::remove(path);
}
void abi_json(benchmark::State& state) { through_table(state, false); }
void abi_json_inside_call(benchmark::State& state) { through_table(state, true); }

/// The same line through the C++ wrapper, which renders the numbers.
void wrapper_json(benchmark::State& state) {
  const std::string path = bench_file("wrapper");
  {
    Module module(path);
    if (!module.opened) return state.SkipWithError("cannot open the log");
    const tenon::Log log{tenon::Ctx(module.instance.ctx())};
    for (auto _ : state) log.info(message, "rows", 128, "source", fields[1].value, "took_us", 5321);
  }
  std::filesystem::remove(path);
}

void macro_below_level(benchmark::State& state) {
  Module module(bench_file("below"));
  const auto* table = static_cast<const tenon_log*>(module.instance.ctx()->host->query(module.instance.ctx(), TENON_STR(TENON_LOG)));
  for (auto _ : state) {
    if (TENON_LOG_ENABLED(table, TENON_LEVEL_DEBUG)) table->write(module.instance.ctx(), TENON_LEVEL_DEBUG, c_str(message), nullptr, 0);
    benchmark::ClobberMemory();
  }
  std::filesystem::remove(bench_file("below"));
}

void wrapper_below_level(benchmark::State& state) {
  Module module(bench_file("below"));
  const tenon::Log log{tenon::Ctx(module.instance.ctx())};
  int rows = 128;
  for (auto _ : state) {
    benchmark::DoNotOptimize(rows);
    log.debug(message, "rows", rows, "source", fields[1].value);
    benchmark::ClobberMemory();
  }
  std::filesystem::remove(bench_file("below"));
}

BENCHMARK(spdlog_finished_bytes)->Iterations(lines_per_run);
BENCHMARK(tenon_json)->Iterations(lines_per_run);
BENCHMARK(tenon_json_rate_limit_on)->Iterations(lines_per_run);
BENCHMARK(tenon_json_with_receiver)->Iterations(lines_per_run);
BENCHMARK(tenon_text)->Iterations(lines_per_run);
BENCHMARK(abi_json)->Iterations(lines_per_run);
BENCHMARK(abi_json_inside_call)->Iterations(lines_per_run);
BENCHMARK(wrapper_json)->Iterations(lines_per_run);
BENCHMARK(tenon_below_level);
BENCHMARK(macro_below_level);
BENCHMARK(wrapper_below_level);

class RatioReporter : public benchmark::ConsoleReporter {
 public:
  void ReportRuns(const std::vector<Run>& runs) override {
    ConsoleReporter::ReportRuns(runs);
    for (const Run& run : runs)
      if (run.aggregate_name == "median") medians_[run.run_name.function_name] = {run.GetAdjustedRealTime(), run.GetAdjustedCPUTime()};
  }
  void Finalize() override {
    const Median base = medians_["spdlog_finished_bytes"];
    if (base.real <= 0) return;
    std::printf("\n%-28s %20s %20s\n", "median per line", "elapsed", "processor time");
    for (const auto& [name, ns] : medians_)
      std::printf("%-28s %9.1f ns %5.2f x  %9.1f ns %5.2f x\n", name.c_str(), ns.real, ns.real / base.real, ns.cpu, ns.cpu / base.cpu);
    const auto limit = [](const char* name, double figure, double most, const char* unit) {
      std::printf("%-28s %5.2f %s, limit %.1f: %s\n", name, figure, unit, most, figure <= most ? "within" : "ABOVE");
    };
    std::printf("\nprocessor time against its limit\n");
    for (const char* name : {"abi_json", "abi_json_inside_call"}) limit(name, medians_[name].cpu / base.cpu, 1.3, "x");
    for (const char* name : {"macro_below_level", "wrapper_below_level"}) limit(name, medians_[name].cpu, 3, "ns");
  }

 private:
  struct Median {
    double real = 0, cpu = 0;
  };
  std::map<std::string, Median> medians_;
};

/// Alive but asleep: with a second thread glibc and libstdc++ do not skip atomics.
class SecondThread {
 public:
  ~SecondThread() {
    {
      const std::lock_guard lock(mutex_);
      done_ = true;
    }
    changed_.notify_one();
    thread_.join();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool done_ = false;
  std::thread thread_{[this] {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return done_; });
  }};
};

}  // namespace

int main(int argc, char** argv) {
  std::vector<char*> args(argv, argv + argc);
  // Interleaved and repeated, so that a slow moment of the machine hits both sides.
  std::string repetitions = "--benchmark_repetitions=15", interleave = "--benchmark_enable_random_interleaving=true",
              aggregates = "--benchmark_report_aggregates_only=true";
  args.insert(args.begin() + 1, {repetitions.data(), interleave.data(), aggregates.data()});
  int count = static_cast<int>(args.size());
  benchmark::Initialize(&count, args.data());
  if (benchmark::ReportUnrecognizedArguments(count, args.data())) return 1;
  const SecondThread second;
  RatioReporter reporter;
  benchmark::RunSpecifiedBenchmarks(&reporter);
  return 0;
}
