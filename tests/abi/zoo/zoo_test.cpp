// Every animal is loaded as the host does it, and run by the fake host.
#include <dlfcn.h>
#include <doctest/doctest.h>

#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <tenon/testing.hpp>

using tenon::testing::Host;

namespace {

std::vector<std::string> animals() {
  std::vector<std::string> out;
  std::istringstream list(ZOO_ANIMALS);
  for (std::string name; std::getline(list, name, ',');) out.push_back(name);
  return out;
}

const tenon_entry& load(const std::string& name) {
  const std::string path = std::string(ZOO_DIR) + "/lib" + name + ".so";
  void* const library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);  // stays: code is never unmapped
  REQUIRE_MESSAGE(library != nullptr, path << ": " << dlerror());
  const auto* const entry = static_cast<const tenon_entry*>(dlsym(library, "tenon_entry_v1"));
  REQUIRE(entry != nullptr);
  return *entry;
}

}  // namespace

TEST_CASE("there are animals") { CHECK(animals().size() >= 5); }

TEST_CASE("every animal has a sound entry") {
  for (const std::string& name : animals()) {
    CAPTURE(name);
    const tenon_entry& entry = load(name);
    CHECK(entry.magic == TENON_MAGIC);
    CHECK(entry.struct_size >= sizeof(tenon_entry));
    CHECK(entry.abi_major == 1);
    REQUIRE(entry.module_count == 1);
    const tenon_module& module = *entry.modules[0];
    CHECK(tenon::view(module.name) == name);
    CHECK(tenon::view(module.version) == "1.0.0");
    REQUIRE(module.need_count == 2);
    CHECK(tenon::view(module.needs[0]->id) == TENON_LOG);
    CHECK((module.lifecycle->start != nullptr));
  }
}

TEST_CASE("every animal lives and dies") {
  for (const std::string& name : animals()) {
    CAPTURE(name);
    Host host(load(name));
    const tenon::Status status = host.boot();
    CHECK_MESSAGE(status.ok(), status.message());
    REQUIRE(host.log().size() == 1);
    CHECK(host.log()[0].message == "hello");
    CHECK(host.log()[0].field("animal") == name);
    CHECK(host.finish().empty());
  }
}

TEST_CASE("an error, or an exception inside, arrives as a status with its text") {
  for (const std::string& name : animals()) {
    CAPTURE(name);
    Host host(load(name), {{"fail", true}});
    const tenon::Status status = host.boot();
    CHECK(status.code() == TENON_INTERNAL);
    CHECK(status.message() == "told to fail");
    CHECK((status.reason() == "TOLD_TO_FAIL" || status.reason() == "CPP_EXCEPTION"));
    CHECK(host.finish().empty());
  }
}

TEST_CASE("every animal carries its manifest") {
  for (const std::string& name : animals()) {
    CAPTURE(name);
    std::ifstream file(std::string(ZOO_DIR) + "/lib" + name + ".so", std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(file), {}};
    const auto at = bytes.find(std::string("TENON\0\0\0manifest: 1\n", 20));
    REQUIRE(at != std::string::npos);
    CHECK(bytes.find("\nname: " + name + "\n", at) != std::string::npos);
  }
}
