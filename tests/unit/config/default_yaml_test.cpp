#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "key_table.hpp"
#include "support.hpp"

using namespace tenon::test;

namespace {
std::string read(const std::string& path) {
  std::ifstream in(path);
  INFO(path);
  REQUIRE(in);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}
}  // namespace

TEST_CASE("config/tenon.yaml is what the table says") {
  // Mended by running this test with TENON_UPDATE_GOLDEN=1.
  const std::string path = std::string(CONFIG_DIR) + "/tenon.yaml";
  if (::getenv("TENON_UPDATE_GOLDEN") != nullptr) std::ofstream(path) << default_config_yaml();
  CHECK(read(path) == default_config_yaml());
}

TEST_CASE("config/tenon.yaml as it is gives the defaults") {
  Loader file, none;
  const Value with_file = file.file(default_config_yaml()).good().effective;
  CHECK(with_file == none.good().effective);
  CHECK(file.config->host.environment == "production");
}

TEST_CASE("config/tenon.yaml with every key uncommented is valid, too") {
  std::string text;
  std::istringstream in(default_config_yaml());
  for (std::string line; std::getline(in, line);) {
    const std::size_t sign = line.find_first_not_of(' ');
    if (sign != std::string::npos && line.compare(sign, 2, "##") == 0) continue;
    if (sign != std::string::npos && line.compare(sign, 2, "# ") == 0) line.erase(sign, 2);
    const std::size_t inner = line.find_first_not_of(' ');
    if (inner != std::string::npos && line.compare(inner, 2, "##") == 0) continue;
    if (line == "  environment: production") line = "  environment: local";
    // A module has a server or a database of its own.
    if (line.find("postgres://orders") != std::string::npos) continue;
    text += line + "\n";
  }
  INFO(text);
  Loader l;
  l.directory.write("cred/db", "a");
  l.directory.write("cred/db_admin", "b");
  l.input.credentials_dir = l.directory.file("cred");
  const Config& c = l.file(text).good();
  std::set<std::string> missing;
  for (const auto& rule : config_room::key_rules()) {
    std::string path(rule.pattern);
    if (path == "database.servers.*.url" || path == "database.servers.*.admin_url")
      path.replace(path.find('*'), 1, "main");
    else if (path == "modules.*.loops.*")
      path = "modules.orders.loops.poll";
    else if (path.find('*') != std::string::npos)
      path.replace(path.find('*'), 1, "orders");
    if (path == "modules.orders.database.url") continue;
    if (at(c.effective, path).is_null()) missing.insert(path);
  }
  CHECK(missing == std::set<std::string>{});
}

TEST_CASE("config/dev.yaml loads") {
  Loader l;
  l.input.files = {std::string(CONFIG_DIR) + "/dev.yaml"};
  l.input.files_given = true;
  const Config& c = l.good();
  CHECK(c.host.environment == "local");
  CHECK(c.host.log.format == "text");
  CHECK_FALSE(c.host.plugin_dirs.empty());
}
