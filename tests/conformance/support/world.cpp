#include "world.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <span>

#include "abi/strict.hpp"
#include "base/clock.hpp"
#include "base/sha256.hpp"
#include "waiting.hpp"

namespace tenon::test {

using namespace host;

void Puppet::run(Phase phase) {
  const Outcome outcome = instance_->run(phase, soon());
  REQUIRE_MESSAGE(outcome.kind != Outcome::Kind::failed, phase_name(phase), ": ", outcome.error.message);
}

void Puppet::boot() {
  for (const Phase phase : {Phase::load, Phase::create, Phase::init, Phase::start}) {
    if (instance_->has(phase))
      run(phase);
    else
      instance_->skipped(phase);
  }
}

bool Puppet::end() {
  const Outcome stopped = instance_->run(Phase::stop, soon());
  const Outcome destroyed = instance_->run(Phase::destroy, soon());
  return stopped.kind == Outcome::Kind::done && destroyed.kind == Outcome::Kind::done;
}

World::World(KernelOptions options, bool strict) {
  auto kernel = Kernel::make(log_, std::move(options));
  REQUIRE(kernel);
  kernel_ = std::move(*kernel);
  host_ = std::make_unique<HostContext>(log_, "1.0.0", make_uuid(), kernel_.get());
  if (strict) host_->check_strictly();
  auto store = ModuleStore::open(dir_.path());
  REQUIRE(store);
  store_ = std::move(*store);
}

World::~World() {
  static_cast<void>(kernel_->end(soon()));
  const Strict* strict = host_->strict();
  if (strict == nullptr) return;
  std::vector<std::string> found, expected = std::move(expected_);
  std::string messages;
  for (const Violation& v : strict->violations()) {
    found.push_back(v.module + " " + v.rule);
    messages += v.module + " " + v.rule + ": " + v.message + "\n";
  }
  std::sort(found.begin(), found.end());
  std::sort(expected.begin(), expected.end());
  INFO("expected ", expected.size(), ", the strict host found ", found.size(), ":\n", messages);
  CHECK(found == expected);
}

std::vector<std::unique_ptr<Puppet>> World::prepare(const std::vector<PuppetSpec>& specs) {
  std::vector<LoadSpec> loads;
  std::vector<std::uint32_t> order;
  for (const PuppetSpec& spec : specs) {
    const std::string bytes = read_file(spec.file);
    REQUIRE_MESSAGE(!bytes.empty(), spec.file, " cannot be read");
    LoadSpec load;
    load.expected.name = spec.name;
    load.expected.version = spec.version;
    for (const std::string& need : spec.needs) load.expected.needs.emplace_back(need, false);
    load.expected.capabilities = spec.capabilities;
    load.trusted = spec.trusted;
    load.file = {spec.name, spec.file, bytes.size(), sha256(std::as_bytes(std::span(bytes.data(), bytes.size())))};
    load.may_change = [](std::string_view) { return true; };
    load.required = spec.required;
    load.permissions = spec.permissions;
    order.push_back(static_cast<std::uint32_t>(loads.size()));
    loads.push_back(std::move(load));
  }
  loaders_.push_back(std::make_unique<Loader>(*host_, &*store_, ranges_, LoaderOptions{}));
  std::vector<std::unique_ptr<Puppet>> out;
  for (auto& instance : loaders_.back()->prepare(std::move(loads), order)) {
    instance->on_completed([](Phase, const Outcome&) {});
    out.push_back(std::make_unique<Puppet>(std::move(instance)));
  }
  return out;
}

}  // namespace tenon::test
