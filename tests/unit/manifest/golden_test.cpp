// Messages as a person sees them: golden/<name>.yaml read as a manifest by a host with SDK 1.0 prints golden/<name>.txt.
// With TENON_UPDATE_GOLDEN=1 in the environment the expected texts are written anew; look at the difference before you keep it.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

#include "support.hpp"

using namespace tenon::host;
namespace fs = std::filesystem;

namespace {

std::string contents(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  REQUIRE_MESSAGE(in.good(), path.string());
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

}  // namespace

TEST_CASE("golden: messages about manifests") {
  std::set<std::string> names;
  for (const fs::directory_entry& e : fs::directory_iterator(TENON_GOLDEN_DIR))
    if (e.path().extension() == ".yaml") names.insert(e.path().stem().string());
  CHECK(names.size() >= 20);
  for (const std::string& name : names) {
    const fs::path base = fs::path(TENON_GOLDEN_DIR) / name;
    Diagnostics d;
    (void)read_manifest(test::source(contents(base.string() + ".yaml"), name + ".yaml"), "1.0", d);
    d.sort();
    const std::string text = to_text(d);
    CHECK_MESSAGE(!text.empty(), name);
    if (std::getenv("TENON_UPDATE_GOLDEN") != nullptr) std::ofstream(base.string() + ".txt", std::ios::binary) << text;
    CHECK_MESSAGE(text == contents(base.string() + ".txt"), name << " prints\n" << text);
  }
}
