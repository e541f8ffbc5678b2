#include "fake.hpp"

namespace tenon::test {

Stage::Stage(std::vector<Module> modules, RunnerOptions options) {
  std::map<std::string, std::uint32_t> index;
  for (std::uint32_t i = 0; i < modules.size(); ++i) index[modules[i].name] = i;
  std::vector<RunnerModule> rows;
  for (Module& m : modules) {
    auto fake = std::make_unique<FakeInstance>(m.name, journal, std::move(m.script), std::move(m.without));
    fake->trusted = m.trusted;
    fakes[m.name] = fake.get();
    RunnerModule row;
    row.name = m.name;
    row.version = "1.0.0";
    row.instance = std::move(fake);
    row.trusted = m.trusted;
    row.required = m.required;
    for (const std::string& r : m.requires_) row.requirements.push_back(index.at(r));
    for (const std::string& a : m.after) row.after.push_back(index.at(a));
    row.limits.fill(std::chrono::nanoseconds(std::chrono::seconds(5)).count());
    rows.push_back(std::move(row));
  }
  options.now = [this] { return clock_ns.load(); };
  runner = std::make_unique<Runner>(std::move(rows), std::move(options), observer);
}

void Stage::boot() {
  started = true;
  runner->start();
  while (!journal.has("host: ready") && !runner->finished()) std::this_thread::yield();
}

void Stage::end() {
  if (!started) return;
  started = false;
  runner->request_stop();
  runner->wait_finished();
}

std::string Stage::state(const std::string& name) const {
  for (const ModuleStatus& s : runner->status())
    if (s.name == name) return std::string(state_name(s.state));
  return "?";
}

}  // namespace tenon::test
