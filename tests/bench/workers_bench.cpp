// What it costs to have a worker do something and to wait for it, against the same hand-off to a bare thread and back.
// Prints the medians and their ratio. One process, a second thread alive.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "kernel/owner.hpp"
#include "kernel/workers.hpp"

namespace {

using namespace tenon::host;

/// A flag one thread raises and another waits for.
class Flag {
 public:
  void raise() {
    {
      const std::lock_guard lock(mutex_);
      raised_ = true;
    }
    changed_.notify_one();
  }
  void wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return raised_; });
    raised_ = false;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool raised_ = false;
};

void bare_hand_off(benchmark::State& state) {
  Flag there, back;
  std::atomic<bool> stop{false};
  std::thread thread([&] {
    for (;;) {
      there.wait();
      if (stop) return;
      back.raise();
    }
  });
  for (auto _ : state) {
    there.raise();
    back.wait();
  }
  stop = true;
  there.raise();
  thread.join();
}

void pool_round_trip(benchmark::State& state) {
  Owner owner("bench", 1, false);
  WorkerPool pool;
  struct Work {
    Owner& owner;
    Flag back;
  } work{owner, {}};
  Job job;
  job.run = [](void* data) noexcept {
    auto& w = *static_cast<Work*>(data);
    const GateEntry entry(w.owner, Phase::run, ThreadTag::worker, nullptr, Gate::State::open);
    benchmark::DoNotOptimize(static_cast<bool>(entry));
  };
  job.end = [](void* data, JobEnd) noexcept { static_cast<Work*>(data)->back.raise(); };
  job.data = &work;
  for (auto _ : state) {
    if (!pool.post(owner, job)) state.SkipWithError("refused");
    work.back.wait();
  }
  owner.gate().advance(Gate::State::closed);
  pool.leave(owner, no_deadline);
}

BENCHMARK(bare_hand_off)->UseRealTime()->Repetitions(9);
BENCHMARK(pool_round_trip)->UseRealTime()->Repetitions(9);

class Medians : public benchmark::ConsoleReporter {
 public:
  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs)
      if (run.run_type == Run::RT_Aggregate && run.aggregate_name == "median")
        median[run.run_name.function_name] = run.real_accumulated_time * 1e6;
  }
  std::map<std::string, double> median;
};

}  // namespace

int main(int argc, char** argv) {
  prepare_gates();
  benchmark::Initialize(&argc, argv);
  Medians medians;
  benchmark::RunSpecifiedBenchmarks(&medians);
  const double bare = medians.median["bare_hand_off"], pool = medians.median["pool_round_trip"];
  std::printf("bare hand-off and back %.2f us, through the worker pool %.2f us (at most 20), ratio %.2f\n", bare, pool, pool / bare);
}
