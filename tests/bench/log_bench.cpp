// What a log line costs, against spdlog writing the same finished bytes, and what a line below the level costs.
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

#include "kernel/log.hpp"

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

BENCHMARK(spdlog_finished_bytes)->Iterations(lines_per_run);
BENCHMARK(tenon_json)->Iterations(lines_per_run);
BENCHMARK(tenon_json_rate_limit_on)->Iterations(lines_per_run);
BENCHMARK(tenon_json_with_receiver)->Iterations(lines_per_run);
BENCHMARK(tenon_text)->Iterations(lines_per_run);
BENCHMARK(tenon_below_level);

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
