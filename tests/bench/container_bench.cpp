// What a lease costs, against a bare pointer call: acquire and release through the C tables of an instance, with 1000 other tokens, and a call through a
// leased table. One process, a second thread alive.
#include <benchmark/benchmark.h>

#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "abi/host_context.hpp"
#include "abi/instance.hpp"
#include "kernel/kernel.hpp"
#include "tenon/container.h"

namespace {

using namespace tenon::host;

struct Client {
  std::uint32_t struct_size, reserved;
  std::int64_t (*price)(void* self, std::int64_t article) noexcept;
};
std::int64_t price(void* self, std::int64_t article) noexcept { return *static_cast<std::int64_t*>(self) + article; }
const Client table{sizeof(Client), 0, &price};
std::int64_t self = 17;
std::int64_t (*volatile bare_pointer)(void*, std::int64_t) noexcept = &price;

tenon_str text(const std::string& s) { return {s.data(), s.size()}; }

struct World {
  World() : catalog(context, options("catalog", {})), orders(context, options("orders", {"logger", "catalog"})) {
    for (Instance* i : {&catalog, &orders}) {
      container = static_cast<const tenon_container*>(i->query(TENON_CONTAINER));
      lease = static_cast<const tenon_lease*>(i->query(TENON_LEASE));
    }
    const tenon_instance instance{sizeof instance, 0, &table, &self};
    const auto provide = [&](const std::string& name, const std::string& key) {
      const tenon_token token{sizeof token, 0, text(name), text(key)};
      tenon_id id = 0;
      if (container->provide(catalog.ctx(), &token, &instance, 0, nullptr, nullptr, &id, nullptr) != TENON_OK) std::abort();
    };
    for (int i = 0; i < 1000; ++i) provide("catalog.other" + std::to_string(i) + "/1", "");
    provide("catalog.client/1", "");
    provide("catalog.client/1", "second");
    const tenon_token token{sizeof token, 0, TENON_STR("catalog.made/1"), {}};
    const tenon_factory factory{sizeof factory, TENON_TRANSIENT,
                                [](void*, tenon_call*, tenon_id, tenon_instance* out, tenon_error*) noexcept -> tenon_status {
                                  out->table = &table;
                                  out->self = &self;
                                  return TENON_OK;
                                },
                                nullptr};
    tenon_id id = 0;
    if (container->provide_factory(catalog.ctx(), &token, &factory, 0, nullptr, nullptr, &id, nullptr) != TENON_OK) std::abort();
    for (Instance* i : {&catalog, &orders}) i->reach_to(Reach::callable);
  }
  ~World() {
    const std::int64_t until = monotonic_ns() + 5'000'000'000;
    for (Instance* i : {&orders, &catalog}) {
      i->gate().advance(Gate::State::draining);
      static_cast<void>(i->leave_parts(until));
      i->gate().advance(Gate::State::closed);
      static_cast<void>(i->close_parts(until));
      static_cast<void>(i->finish_parts(until));
      i->parts_destroyed();
    }
  }
  static InstanceOptions options(std::string name, std::vector<std::string> required) {
    InstanceOptions out;
    out.name = std::move(name);
    out.trusted = true;
    out.required = std::move(required);
    return out;
  }
  LogCore log;
  std::unique_ptr<Kernel> kernel = Kernel::make(log, {}).value();
  HostContext context{log, "1.0.0", make_uuid(), kernel.get()};
  Instance catalog, orders;
  const tenon_container* container = nullptr;
  const tenon_lease* lease = nullptr;
};
World* world = nullptr;

void bare(benchmark::State& state) {
  std::int64_t n = 0;
  for (auto _ : state) benchmark::DoNotOptimize(n += bare_pointer(&self, 1));
}

void leased_call(benchmark::State& state) {
  const tenon_token token{sizeof token, sizeof(Client), TENON_STR("catalog.client/1"), {}};
  tenon_leased leased{sizeof leased, 0, 0, nullptr, nullptr};
  if (world->lease->acquire(world->orders.ctx(), &token, 0, &leased, nullptr) != TENON_OK) return state.SkipWithError("no lease");
  const auto* volatile t = static_cast<const Client*>(leased.table);
  std::int64_t n = 0;
  for (auto _ : state) benchmark::DoNotOptimize(n += t->price(leased.self, 1));
  static_cast<void>(world->lease->release(world->orders.ctx(), leased.id));
}

void acquire_release(benchmark::State& state, tenon_str name, tenon_str key) {
  const tenon_token token{sizeof token, sizeof(Client), name, key};
  for (auto _ : state) {
    tenon_leased leased{sizeof leased, 0, 0, nullptr, nullptr};
    tenon_error error;
    error.struct_size = sizeof error;
    if (world->lease->acquire(world->orders.ctx(), &token, 0, &leased, &error) != TENON_OK ||
        world->lease->release(world->orders.ctx(), leased.id) != TENON_OK)
      return state.SkipWithError("no lease");
  }
}

BENCHMARK(bare);
BENCHMARK(leased_call);
BENCHMARK_CAPTURE(acquire_release, by_name, TENON_STR("catalog.client/1"), tenon_str{})->Threads(1)->Threads(2);
BENCHMARK_CAPTURE(acquire_release, by_name_and_key, TENON_STR("catalog.client/1"), TENON_STR("second"));
BENCHMARK_CAPTURE(acquire_release, transient, TENON_STR("catalog.made/1"), tenon_str{})->Iterations(100000);

class LimitReporter : public benchmark::ConsoleReporter {
 public:
  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs)
      if (run.benchmark_name() == "acquire_release/by_name/threads:1") lease_ns_ = run.GetAdjustedCPUTime();
    ConsoleReporter::ReportRuns(runs);
  }
  void Finalize() override {
    std::printf("\nacquire and release of a lease: %.1f ns, at most 60: %s\n", lease_ns_, lease_ns_ <= 60 ? "ok" : "TOO SLOW");
  }

 private:
  double lease_ns_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  prepare_gates();
  benchmark::Initialize(&argc, argv);
  std::atomic<bool> over{false};
  std::thread second([&] {
    while (!over) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  });
  {
    World w;
    world = &w;
    LimitReporter reporter;
    benchmark::RunSpecifiedBenchmarks(&reporter);
  }
  over = true;
  second.join();
  return 0;
}
