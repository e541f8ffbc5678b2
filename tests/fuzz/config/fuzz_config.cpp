// Any bytes as a configuration: the text before a line `%%` is the first file; each line after it is `set PATH=VALUE` or a variable NAME=VALUE.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/text.hpp"
#include "config/config.hpp"
#include "manifest/yaml.hpp"

using namespace tenon::host;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

// One file in memory, rewritten for every input.
int memory_file() {
  static const int fd = ::memfd_create("fuzz.yaml", MFD_CLOEXEC);
  require(fd >= 0);
  return fd;
}

void check_diagnostics(const Diagnostics& diagnostics) {
  for (const Diagnostic& d : diagnostics.items()) {
    require(!d.message.empty() && printable(d.message, SIZE_MAX) == d.message);
    require(printable(d.help, SIZE_MAX) == d.help);
  }
  require(invalid_utf8_at(to_text(diagnostics)) == std::string::npos);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view all(reinterpret_cast<const char*>(data), size);
  const std::size_t mark = all.find("\n%%\n");
  const std::string_view file = all.substr(0, mark);
  const int fd = memory_file();
  require(::ftruncate(fd, 0) == 0);
  require(file.empty() || ::pwrite(fd, file.data(), file.size(), 0) == static_cast<ssize_t>(file.size()));

  ConfigInput input;
  input.files = {"/proc/self/fd/" + std::to_string(fd)};
  input.files_given = true;
  input.euid = 1000;
  input.environment.emplace_back("HOME", "/home/fuzz");
  if (mark != std::string_view::npos) {
    for (std::string_view line : split(all.substr(mark + 4), '\n')) {
      if (line.substr(0, 4) == "set ") {
        input.sets.emplace_back(line.substr(4));
        continue;
      }
      // What a process can read without end or side effect only: /proc and /dev are no business of a fuzzer.
      if (line.find("${file:") != std::string_view::npos) continue;
      const std::size_t equals = line.find('=');
      if (equals != std::string_view::npos)
        input.environment.emplace_back(std::string(line.substr(0, equals)), std::string(line.substr(equals + 1)));
    }
  }

  Diagnostics diagnostics;
  const std::shared_ptr<const Config> config = load_config(input, diagnostics);
  require((config == nullptr) == diagnostics.has_errors());
  check_diagnostics(diagnostics);
  if (!config) return 0;

  static const Value schema = [] {
    Diagnostics none;
    const auto source =
        std::make_shared<const Source>(Source{"schema",
                                              "{type: object, properties: {n: {type: integer}, s: {type: string, secret: true}, l: {type: "
                                              "array}, o: {type: object}, x: {type: [string, \"null\"]}}}"});
    return *parse_yaml(source, none);
  }();
  Diagnostics of_module;
  const std::optional<ModuleConfig> module = resolve_module_config("m", schema, Value(), *config, of_module);
  require(module.has_value() != of_module.has_errors());
  check_diagnostics(of_module);
  require(diff_config(*config, *config).applied.empty() && diff_config(*config, *config).needs_restart.empty());
  const std::string text = config_to_text(*config, {{"m", module ? &*module : nullptr}});
  const std::string json = config_to_json(*config, {{"m", module ? &*module : nullptr}});
  require(invalid_utf8_at(text) == std::string::npos && invalid_utf8_at(json) == std::string::npos);
  return 0;
}
