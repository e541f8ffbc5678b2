#include "host_fixture.hpp"

#include <doctest/doctest.h>

#include <filesystem>

namespace tenon::test {

Host::Host(const std::vector<std::string>& modules, Tree tree) : dir(tree == Tree::copy ? "/tmp" : TENON_TEST_SCRATCH), program(tenond()) {
  if (tree == Tree::copy) {
    const std::string runtime = program.substr(0, program.rfind('/')) + "/../lib/tenon/runtime";
    program = dir.copy(program, "bin/tenond");
    for (const auto& entry : std::filesystem::directory_iterator(runtime))
      if (entry.path().extension() == ".so") dir.copy(entry.path(), "lib/tenon/runtime/" + entry.path().filename().string());
  }
  plugins = dir.make_dir("plugins");
  state = dir / "state";
  trace_file = dir / "trace";
  config_file = dir / "host.yaml";
  options.environment["TENON_FIXTURE_TRACE"] = trace_file;
  write_config();
  for (const std::string& m : modules) add(m);
}

std::string Host::add(const std::string& fixture, const std::string& file_name) {
  const std::size_t slash = fixture.find('/');
  const std::string set = fixture.substr(0, slash), name = fixture.substr(slash + 1);
  return dir.copy(std::string(TENON_TEST_FIXTURES) + "/" + set + "/lib" + name + ".so",
                  "plugins/" + (file_name.empty() ? "lib" + name + ".so" : file_name));
}

void Host::write_config() {
  std::string text = extra_config.empty() ? "instance: {environment: local}\npaths: {manifests: []}\n" : extra_config;
  if (!modules_yaml_.empty()) text += "modules:\n" + modules_yaml_;
  dir.write("host.yaml", text);
}

void Host::configure(const std::string& yaml) {
  extra_config = yaml;
  write_config();
}

void Host::script(const std::string& module, const std::string& config, const std::string& settings) {
  modules_yaml_ += "  " + module + ": {" + (settings.empty() ? "" : settings + ", ") + "config: {" + config + "}}\n";
  write_config();
}

std::vector<std::string> Host::arguments(const std::vector<std::string>& more, const std::string& command) const {
  std::vector<std::string> out = {program, command, "--config", config_file, "--state-dir", state, "--plugins-dir", plugins};
  out.insert(out.end(), more.begin(), more.end());
  return out;
}

std::string Host::trace_text() const { return read_file(trace_file); }
std::vector<std::string> Host::trace() const { return lines_of(trace_text()); }

std::vector<std::string> Host::trace(const std::string& module) const {
  std::vector<std::string> out;
  for (const std::string& line : trace())
    if (line.starts_with(module + " ")) out.push_back(line.substr(module.size() + 1));
  return out;
}

bool Host::traced(const std::string& line) const {
  for (const std::string& l : trace())
    if (l == line) return true;
  return false;
}

Ran Host::run_command(const std::string& command, const std::vector<std::string>& more) const {
  return run(arguments(more, command), options);
}

void Host::give_to(uid_t user, const std::string& mode) const {
  const std::string owner = std::to_string(user) + ":" + std::to_string(user);
  REQUIRE(run({"/bin/chown", "-R", "-h", owner, dir.path()}).exit == 0);
  REQUIRE(run({"/bin/chmod", "-R", mode, dir.path()}).exit == 0);
}

Ran boot_and_stop(const Host& host, const std::vector<std::string>& more) { return boot_and_stop(host.arguments(more), host.options); }

std::vector<std::string> as_user(uid_t user, const std::vector<std::string>& arguments) {
  const std::string id = std::to_string(user);
  std::vector<std::string> out = {"/usr/bin/setpriv", "--reuid=" + id, "--regid=" + id, "--clear-groups", "--inh-caps=-all"};
  out.insert(out.end(), arguments.begin(), arguments.end());
  return out;
}

Ran boot_and_stop(const std::vector<std::string>& arguments, const ProcessOptions& options) {
  Process p(arguments, options);
  if (p.wait_for(" ready ")) p.signal(SIGTERM);
  const int exit = p.wait();
  return {exit, p.out(), p.err()};
}

}  // namespace tenon::test
