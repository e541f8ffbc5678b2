// How long the plan takes: the pure resolution, and everything from candidates to the plan.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "graph/plan.hpp"
#include "graph/resolve.hpp"

namespace tenon::host {
namespace {

/// `modules` plugins with `edges` requirements on random earlier ones, each with a version range; names and numbers are shuffled.
class Graph {
 public:
  Graph(std::size_t modules, std::size_t edges) : version_(*Version::parse("1.4.2")), range_(*VersionRange::parse(">=1.2 <2")) {
    std::mt19937 random(1);
    for (std::size_t i = 0; i < modules; ++i) names_.push_back("module_" + std::to_string(100'000 + i));
    std::shuffle(names_.begin(), names_.end(), random);
    requirements_.resize(modules);
    for (std::size_t e = 0; e < edges; ++e) {
      const std::size_t from = 1 + random() % (modules - 1);
      requirements_[from].push_back(random() % from);
    }
  }

  [[nodiscard]] std::vector<GraphModule> vertices() const {
    std::vector<GraphModule> list(names_.size());
    for (std::size_t i = 0; i < list.size(); ++i) {
      list[i].name = names_[i];
      list[i].version = &version_;
      for (const std::size_t r : requirements_[i]) list[i].requirements.push_back({names_[r], &range_});
    }
    return list;
  }

  [[nodiscard]] Discovery discovery() const {
    Discovery d;
    for (std::size_t i = 0; i < names_.size(); ++i) {
      auto manifest = std::make_shared<Manifest>();
      manifest->name = names_[i];
      manifest->version = version_;
      manifest->capabilities.push_back({"runnable", {}});
      manifest->needs.push_back({"tenon.log/1", false, {}});
      for (const std::size_t r : requirements_[i]) manifest->requirements.push_back({names_[r], range_, {}});
      Candidate c;
      c.name = names_[i];
      c.file = LibraryFile{};
      c.file->path = "/plugins/lib" + names_[i] + ".so";
      c.manifest = std::move(manifest);
      d.candidates.push_back(std::move(c));
    }
    std::sort(d.candidates.begin(), d.candidates.end(), [](const Candidate& a, const Candidate& b) { return a.name < b.name; });
    return d;
  }

 private:
  Version version_;
  VersionRange range_;
  std::vector<std::string> names_;
  std::vector<std::vector<std::size_t>> requirements_;
};

void resolve_graph(benchmark::State& state) {
  const Graph graph(static_cast<std::size_t>(state.range(0)), static_cast<std::size_t>(state.range(1)));
  const auto vertices = graph.vertices();
  for (auto _ : state) {
    const Resolution r = resolve(vertices);
    if (r.order.size() != vertices.size()) state.SkipWithError("not everything was planned");
    benchmark::DoNotOptimize(r.order.data());
  }
  state.SetItemsProcessed(state.iterations() * (state.range(0) + state.range(1)));
}
BENCHMARK(resolve_graph)
    ->Args({100, 300})
    ->Args({1'000, 3'000})
    ->Args({10'000, 30'000})
    ->Args({100'000, 300'000})
    ->Unit(benchmark::kMillisecond);

/// All modules in one ring: the most that can go wrong with cycles.
void resolve_ring(benchmark::State& state) {
  const auto n = static_cast<std::size_t>(state.range(0));
  auto vertices = Graph(n, 0).vertices();
  for (std::size_t i = 0; i < n; ++i) vertices[i].requirements = {{vertices[(i + 1) % n].name, nullptr}};
  for (auto _ : state) benchmark::DoNotOptimize(resolve(vertices).problems.size());
}
BENCHMARK(resolve_ring)->Arg(10'000)->Unit(benchmark::kMillisecond);

void plan_from_candidates(benchmark::State& state) {
  const Graph graph(static_cast<std::size_t>(state.range(0)), static_cast<std::size_t>(state.range(1)));
  HostOffer offer;
  offer.host_version = "0.1.0";
  offer.interfaces = {{"tenon.log/1", false}};
  offer.capabilities = {"runnable"};
  Config config;
  config.effective = Value(ValueMap());
  for (auto _ : state) {
    state.PauseTiming();
    Discovery discovery = graph.discovery();
    state.ResumeTiming();
    Plan plan = make_plan(std::move(discovery), {}, offer, config, {});
    state.PauseTiming();  // taking it down is not part of making it
    if (plan.planned != plan.modules.size()) state.SkipWithError("not everything was planned");
    plan = Plan();
    state.ResumeTiming();
  }
}
BENCHMARK(plan_from_candidates)
    ->Args({100, 300})
    ->Args({1'000, 3'000})
    ->Args({10'000, 30'000})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

}  // namespace
}  // namespace tenon::host

BENCHMARK_MAIN();
