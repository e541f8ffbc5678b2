// What a service costs through the C table, with handler and caller in a loaded file, against the same handler called by a pointer. One process, a
// second thread alive. Medians over batches, and the best batch: on a busy machine the best says more.
#include <dlfcn.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include "abi/instance.hpp"
#include "kernel/kernel.hpp"
#include "services_module.h"

namespace {

using namespace tenon::host;

constexpr std::size_t batch = 2000;
constexpr int batches = 1500, others = 1000;

struct Figure {
  double median = 0, best = 0;
};

/// `run(n)`: n of them, false if one failed.
template <class Run>
Figure measure_batches(int count, std::size_t size, Run&& run) {
  std::vector<double> ns;
  for (int i = 0; i < count; ++i) {
    const std::int64_t from = monotonic_ns();
    if (!run(size)) {
      std::fputs("a call failed\n", stderr);
      std::_Exit(1);
    }
    ns.push_back(static_cast<double>(monotonic_ns() - from) / static_cast<double>(size));
  }
  std::sort(ns.begin(), ns.end());
  return {ns[ns.size() / 2], ns.front()};
}

Figure measure(const bench_module& module, const bench_job& job) {
  return measure_batches(batches, batch, [&](std::size_t n) { return module.loop(&job, n) == n; });
}

Figure measure_two(const bench_module& module, const bench_job& first, const bench_job& second) {
  Figure a, b;
  std::thread other([&] { a = measure(module, second); });
  b = measure(module, first);
  other.join();
  return {(a.median + b.median) / 2, (a.best + b.best) / 2};
}

void print(const char* name, Figure f, double most) {
  std::printf("%-28s %8.1f %8.1f", name, f.median, f.best);
  if (most > 0) std::printf("   limit %5.0f ns: %s", most, f.median <= most ? "within" : f.best <= most ? "best batch within" : "ABOVE");
  std::puts("");
}

Instance& make_instance(HostContext& host, const char* name) {
  InstanceOptions options;
  options.name = name;
  options.trusted = true;
  auto* instance = new Instance(host, std::move(options));  // the process ends before it
  instance->set_phase(Phase::init);
  return *instance;
}

}  // namespace

int main() {
  prepare_gates();
  void* file = ::dlopen(SERVICES_MODULE, RTLD_NOW | RTLD_LOCAL);
  const auto* module = file == nullptr ? nullptr : static_cast<const bench_module*>(::dlsym(file, "bench_module_v1"));
  if (module == nullptr) {
    std::printf("%s\n", ::dlerror());
    return 1;
  }
  LogCore log;
  auto kernel = Kernel::make(log, {});
  if (!kernel) return 1;
  HostContext host(log, "1.0.0", make_uuid(), kernel->get());
  Instance& orders = make_instance(host, "orders");
  Instance& web = make_instance(host, "web");
  const auto* services = static_cast<const tenon_services*>(orders.query(TENON_SERVICES));
  web.query(TENON_SERVICES);
  const auto offer = [&](const std::string& name, std::uint32_t flags = 0) {
    const tenon_service service = {sizeof service, flags, c_str(name), flags == 0 ? module->echo : module->report, nullptr, nullptr};
    tenon_id id = 0;
    if (services->register_service(orders.ctx(), &service, &id, nullptr) != TENON_OK) std::_Exit(1);
  };
  for (int i = 0; i < others; ++i) offer("orders.other" + std::to_string(i));
  offer("orders.create");
  offer("orders.list");
  offer("orders.report", TENON_SERVICE_OFFLOAD);
  orders.reach_to(Reach::callable);
  web.reach_to(Reach::callable);
  bench_job handle = {services, web.ctx(), 0, {}, 0}, second = handle;
  services->resolve(web.ctx(), TENON_STR("orders.create"), &handle.handle, nullptr);
  services->resolve(web.ctx(), TENON_STR("orders.list"), &second.handle, nullptr);
  bench_job name = handle, deadline = handle, offloaded = handle;
  services->resolve(web.ctx(), TENON_STR("orders.report"), &offloaded.handle, nullptr);
  name.name = TENON_STR("orders.create");
  deadline.deadline_ns = monotonic_ns() + 3'600'000'000'000;
  const bench_job bare = {};

  std::puts("64 bytes there and back          median     best (ns)");
  const Figure one_bare = measure(*module, bare), one = measure(*module, handle);
  print("pointer", one_bare, 0);
  print("by handle", one, 20);
  print("by handle, with deadline", measure(*module, deadline), 60);
  print("by name", measure(*module, name), 100);
  print("offloaded", measure_batches(100, 200, [&](std::size_t n) { return module->loop(&offloaded, n) == n; }), 20'000);
  const auto come_and_go = [&](const char* what, const tenon_service& fresh) {
    print(what,
          measure_batches(100, 200,
                          [&](std::size_t n) {
                            bool good = true;
                            for (tenon_id id = 0; n > 0 && good; --n)
                              good = services->register_service(orders.ctx(), &fresh, &id, nullptr) == TENON_OK &&
                                     services->unregister(orders.ctx(), id) == TENON_OK;
                            return good;
                          }),
          5'000);
  };
  const auto freed = [](void*) noexcept {};
  come_and_go("register and unregister", {sizeof(tenon_service), 0, TENON_STR("orders.new"), module->echo, nullptr, nullptr});
  come_and_go("the same with a release", {sizeof(tenon_service), 0, TENON_STR("orders.new"), module->echo, nullptr, freed});
  const Figure two_bare = measure_two(*module, bare, bare);
  for (const auto& [what, job] : {std::pair{"two threads, same service", handle}, std::pair{"two threads, two services", second}}) {
    const Figure two = measure_two(*module, handle, job);
    const double scaling = (one.median / two.median) / (one_bare.median / two_bare.median);
    std::printf("%-28s %8.1f %8.1f   %.2f of the scaling of a pointer, limit 0.90: %s\n", what, two.median, two.best, scaling,
                scaling >= 0.9 ? "within" : "BELOW");
  }
  std::fflush(nullptr);
  std::_Exit(0);
}
