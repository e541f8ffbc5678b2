#include "path.hpp"

#include "support.hpp"

using namespace tenon::host::config_room;

namespace {
bool locks(std::string_view glob, const Path& path, bool any_case = false) {
  REQUIRE(glob_problem(glob).empty());
  return Glob(glob).locks(path, any_case);
}
}  // namespace

TEST_CASE("paths quote keys that are not plain") {
  CHECK(join_path(Path{"a", "b_c", "d-1"}) == "a.b_c.d-1");
  CHECK(join_path(Path{"a", "b.c"}) == "a.\"b.c\"");
  CHECK(join_path(Path{""}) == "\"\"");
  CHECK(join_path(Path{"a\nb"}) == "\"a\\nb\"");
  CHECK(join_path(Path{"a", "b"}) != join_path(Path{"a.b"}));
}

TEST_CASE("globs: words, one key, any number of keys") {
  CHECK(locks("storage.url", {"storage", "url"}));
  CHECK_FALSE(locks("storage.url", {"storage"}));
  CHECK_FALSE(locks("storage.url", {"storage", "urls"}));
  CHECK(locks("modules.*.database.url", {"modules", "a", "database", "url"}));
  CHECK_FALSE(locks("modules.*.database.url", {"modules", "a", "b", "database", "url"}));
  CHECK_FALSE(locks("modules.*.database.url", {"modules", "database", "url"}));
  CHECK(locks("database.**.url", {"database", "url"}));
  CHECK(locks("database.**.url", {"database", "servers", "main", "url"}));
  CHECK_FALSE(locks("database.**.url", {"database", "servers", "main", "admin_url"}));
  CHECK_FALSE(locks("database.**.url", {"other", "url"}));
  CHECK(locks("security.**", {"security"}));
  CHECK(locks("security.**", {"security", "path_checks"}));
  CHECK(locks("**", {"anything"}));
  CHECK(locks("**", {}));
  CHECK(locks("**.url", {"a", "b", "url"}));
  CHECK(locks("a.**.b.**.c", {"a", "x", "b", "y", "z", "c"}));
  CHECK(locks("a.**.b.**.c", {"a", "b", "c"}));
  CHECK(locks("a.**.b.**.c", {"a", "b", "b", "x", "b", "c"}));
  CHECK_FALSE(locks("a.**.b.**.c", {"a", "c", "b"}));
  CHECK(locks("modules.api.config.**.tls.**", {"modules", "api", "config", "listeners", "0", "tls", "key"}));
}

TEST_CASE("globs lock everything below what they match") {
  CHECK(locks("locked", {"locked", "0"}));
  CHECK(locks("modules.orders", {"modules", "orders", "config", "page_size"}));
}

TEST_CASE("globs regardless of case only on request") {
  CHECK_FALSE(locks("modules.api.config.iam.**", {"modules", "api", "config", "IAM"}));
  CHECK(locks("modules.api.config.iam.**", {"modules", "api", "config", "IAM"}, true));
}

TEST_CASE("globs that are none") {
  for (const char* glob : {"", ".", "a.", ".a", "a..b", "a*.b", "***", "a b", "a.ü", "a.**b"}) {
    CAPTURE(glob);
    CHECK_FALSE(glob_problem(glob).empty());
  }
  CHECK_FALSE(glob_problem(std::string(256, 'a')).empty());
  std::string long_glob = "**";
  for (int i = 0; i < 32; ++i) long_glob += ".**";
  CHECK_FALSE(glob_problem(long_glob).empty());
}

TEST_CASE("a glob of many stars costs no more than its length times the path") {
  std::string glob = "**.a";
  for (int i = 0; i < 14; ++i) glob += ".**.a";
  glob += ".**.b";
  const Path path(64, "a");
  for (int i = 0; i < 1000; ++i) CHECK_FALSE(locks(glob, path));
}
