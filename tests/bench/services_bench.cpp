// What a service call costs in the kernel, against a bare pointer call doing the same work. One process, a second thread alive. The limits of calls are
// those of the C table (services_table_bench), which puts its handlers into the middle of the short way; here are those of the rest. Compared is
// processor time, which is the steadier one on a busy machine; waiting ones (offload) by elapsed time.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "kernel/services.hpp"
#include "kernel/workers.hpp"

namespace {

using namespace tenon::host;

constexpr std::size_t message_size = 64;
constexpr int others = 1000;

Code echo(void*, ServiceCall&, const Request& request, Reply& reply) {
  return reply.assign(request.payload) ? Code::ok : Code::resource_exhausted;
}

/// The same work without a host around it.
struct BareReply {
  char* to;
  std::size_t size;
};
int bare_echo(void*, const std::string_view& request, BareReply& reply) {
  std::memcpy(reply.to, request.data(), request.size());
  reply.size = request.size();
  return 0;
}
int (*volatile bare_pointer)(void*, const std::string_view&, BareReply&) = &bare_echo;

struct Module {
  Module(Services& services, const std::string& name, Permissions permissions) : owner(name, 1, true) {
    owner.set_reach(Reach::callable);
    seat = services.join(owner, std::move(permissions), {});
  }
  Owner owner;
  std::shared_ptr<ServiceSeat> seat;
};

struct World {
  World() {
    for (int i = 0; i < others; ++i)
      if (!services.add(*provider.seat, {"orders.other" + std::to_string(i), &echo, nullptr, nullptr, {}})) std::abort();
    const auto add = [this](const char* name, ServiceOptions options) {
      if (!services.add(*provider.seat, {name, &echo, nullptr, nullptr, options})) std::abort();
      return services.resolve(*caller.seat, name).value();
    };
    handles[0] = add("orders.create", {});
    handles[1] = add("orders.list", {});
    offloaded = add("orders.report", {true, false});
  }
  ~World() {
    for (Module* m : {&caller, &plugin, &provider}) {
      m->owner.gate().advance(Gate::State::draining);
      services.leave(*m->seat, monotonic_ns() + 2'000'000'000);
      m->owner.gate().advance(Gate::State::closed);
      pool.leave(m->owner, monotonic_ns() + 2'000'000'000);
    }
  }
  static Permissions of_plugin() {
    PermissionSet asked;
    for (const char* p : {"devices.>", "catalog.*", "orders.create", "orders.list"})
      asked.service_calls.push_back(*parse_service_pattern(p));
    return Permissions::of_plugin("shop", asked, asked);
  }
  WorkerPool pool;
  Services services{pool};
  Module provider{services, "orders", Permissions::all("orders")};
  Module caller{services, "web", Permissions::all("web")};
  Module plugin{services, "shop", of_plugin()};
  std::uint64_t handles[2] = {};
  std::uint64_t offloaded = 0;
};
World* world = nullptr;

struct Message {
  char in[message_size] = {}, out[message_size];
  Request request{{in, message_size}, {}, {}};
};

void bare(benchmark::State& state) {
  Message m;
  for (auto _ : state) {
    BareReply reply{m.out, 0};
    benchmark::DoNotOptimize(bare_pointer(nullptr, m.request.payload, reply));
    benchmark::ClobberMemory();
  }
}

/// A pointer call behind the owner's gate, without anything of a service.
void gated(benchmark::State& state) {
  Message m;
  for (auto _ : state) {
    BareReply reply{m.out, 0};
    const GateEntry entry(world->provider.owner, Phase::run, ThreadTag::worker, nullptr, Gate::State::open);
    if (entry) benchmark::DoNotOptimize(bare_pointer(nullptr, m.request.payload, reply));
    benchmark::ClobberMemory();
  }
}

template <class Call>
void calls(benchmark::State& state, Call&& call) {
  Message m;
  Error error;
  for (auto _ : state) {
    Reply reply{std::span<char>(m.out)};
    const Code code = call(m.request, reply, error);
    if (code != Code::ok || reply.payload().size() != message_size) return state.SkipWithError("the call failed");
    benchmark::ClobberMemory();
  }
}

void by_handle(benchmark::State& state) {
  calls(state, [](const Request& q, Reply& r, Error& e) { return world->services.call(*world->caller.seat, world->handles[0], q, r, e); });
}
void by_handle_different(benchmark::State& state) {
  const std::uint64_t handle = world->handles[state.thread_index() % 2];
  calls(state, [handle](const Request& q, Reply& r, Error& e) { return world->services.call(*world->caller.seat, handle, q, r, e); });
}
void by_handle_deadline(benchmark::State& state) {
  const std::int64_t deadline = monotonic_ns() + 3'600'000'000'000;
  calls(state, [deadline](const Request& q, Reply& r, Error& e) {
    return world->services.call(*world->caller.seat, world->handles[0], q, r, e, {deadline, {}});
  });
}
void by_name(benchmark::State& state) {
  calls(state, [](const Request& q, Reply& r, Error& e) { return world->services.call(*world->caller.seat, "orders.create", q, r, e); });
}
void by_name_plugin(benchmark::State& state) {
  calls(state, [](const Request& q, Reply& r, Error& e) { return world->services.call(*world->plugin.seat, "orders.create", q, r, e); });
}
void clock_read(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(monotonic_ns());
}

void add_remove(benchmark::State& state) {
  for (auto _ : state) {
    const auto id = world->services.add(*world->provider.seat, {"orders.new", &echo, nullptr, nullptr, {}});
    if (!id || world->services.remove(*world->provider.seat, *id) != Code::ok) return state.SkipWithError("register failed");
  }
}

void offload(benchmark::State& state) {
  calls(state, [](const Request& q, Reply& r, Error& e) { return world->services.call(*world->caller.seat, world->offloaded, q, r, e); });
}

/// To another thread and back, with nothing but a mutex and two condition variables.
void hand_off(benchmark::State& state) {
  std::mutex mutex;
  std::condition_variable there, back;
  int turn = 0;
  std::thread other([&] {
    std::unique_lock lock(mutex);
    for (;;) {
      there.wait(lock, [&] { return turn != 0; });
      if (turn < 0) return;
      turn = 0;
      back.notify_one();
    }
  });
  for (auto _ : state) {
    std::unique_lock lock(mutex);
    turn = 1;
    there.notify_one();
    back.wait(lock, [&] { return turn == 0; });
  }
  {
    const std::lock_guard lock(mutex);
    turn = -1;
    there.notify_one();
  }
  other.join();
}

BENCHMARK(bare)->Threads(1)->Threads(2);
BENCHMARK(gated);
BENCHMARK(by_handle)->Threads(1)->Threads(2);
BENCHMARK(by_handle_different)->Threads(1)->Threads(2);
BENCHMARK(by_handle_deadline);
BENCHMARK(by_name);
BENCHMARK(by_name_plugin);
BENCHMARK(clock_read);
BENCHMARK(add_remove);
BENCHMARK(offload)->UseRealTime();
BENCHMARK(hand_off)->UseRealTime();

class LimitReporter : public benchmark::ConsoleReporter {
 public:
  void ReportRuns(const std::vector<Run>& runs) override {
    ConsoleReporter::ReportRuns(runs);
    for (const Run& run : runs)
      if (run.aggregate_name == "median")
        medians_[run.run_name.function_name + (run.threads > 1 ? "/2" : "")] = {run.GetAdjustedRealTime(), run.GetAdjustedCPUTime()};
  }
  void Finalize() override {
    const double base = medians_["bare"].cpu;
    if (base <= 0) return;
    std::printf("\nmedians                     ns     x bare     limit\n");
    const auto line = [&](const char* name, double most, bool elapsed = false) {
      const double ns = elapsed ? medians_[name].real : medians_[name].cpu;
      std::printf("%-22s %9.1f %8.1f   %7.0f ns: %s\n", name, ns, ns / base, most, ns <= most ? "within" : "ABOVE");
    };
    line("add_remove", 5000);
    line("offload", 20000, true);
    for (const char* name : {"by_handle", "by_handle_deadline", "by_name", "by_name_plugin", "bare", "gated", "clock_read"})
      std::printf("%-22s %9.1f %8.1f\n", name, medians_[name].cpu, medians_[name].cpu / base);
    std::printf("%-22s %9.1f (elapsed)\n", "hand_off", medians_["hand_off"].real);
    const double bare_scaling = medians_["bare"].cpu / medians_["bare/2"].cpu;
    for (const char* name : {"by_handle", "by_handle_different"}) {
      const double scaling = medians_[name].cpu / medians_[std::string(name) + "/2"].cpu / bare_scaling;
      std::printf("two threads, %-20s %5.2f of the scaling of bare, limit 0.90: %s\n", name, scaling, scaling >= 0.9 ? "within" : "BELOW");
    }
  }

 private:
  struct Median {
    double real = 0, cpu = 0;
  };
  std::map<std::string, Median> medians_;
};

}  // namespace

int main(int argc, char** argv) {
  prepare_gates();
  std::vector<char*> args(argv, argv + argc);
  std::string repetitions = "--benchmark_repetitions=9", interleave = "--benchmark_enable_random_interleaving=true",
              aggregates = "--benchmark_report_aggregates_only=true", least = "--benchmark_min_time=0.1";
  args.insert(args.begin() + 1, {repetitions.data(), interleave.data(), aggregates.data(), least.data()});
  int count = static_cast<int>(args.size());
  benchmark::Initialize(&count, args.data());
  if (benchmark::ReportUnrecognizedArguments(count, args.data())) return 1;
  const auto made = std::make_unique<World>();  // its pool and deadlines are the second thread
  world = made.get();
  LimitReporter reporter;
  benchmark::RunSpecifiedBenchmarks(&reporter);
  return 0;
}
