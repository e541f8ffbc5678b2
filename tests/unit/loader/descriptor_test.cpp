// Descriptors in memory, each with one lie: refused by name, without following a pointer that leaves the file.
#include <doctest/doctest.h>

#include <cstring>
#include <functional>
#include <limits>
#include <memory>
#include <string>

#include "loader/descriptor.hpp"
#include "tenon/calls.h"
#include "tenon/config.h"
#include "tenon/health.h"
#include "tenon/log.h"

using namespace tenon::host;

namespace {

tenon_status create(tenon_ctx*, tenon_call*, void**, tenon_error*) noexcept { return TENON_OK; }
tenon_status phase(void*, tenon_call*, tenon_error*) noexcept { return TENON_OK; }
const void* every_table(tenon_str) noexcept {
  static const std::uint32_t table = sizeof table;
  return &table;
}
tenon_status answer(void*, tenon_call*, tenon_error*) noexcept { return TENON_OK; }
/// A table of checks that a test may change; inside the file, as the tests see it.
const tenon_health* current_health = nullptr;
const void* health_table(tenon_str id) noexcept { return std::string_view(id.ptr, id.len) == "tenon.health/1" ? current_health : nullptr; }

/// What a file would hold, in one piece of memory; honest until a test changes it.
struct File {
  tenon_entry entry{};
  const tenon_module* modules[2]{};
  tenon_module module{}, neighbour{};
  tenon_lifecycle lifecycle{};
  const tenon_need* needs[2]{};
  tenon_need log{}, config{};
  tenon_health_check check{};
  const tenon_health_check* checks[1]{};
  tenon_health health{};
  char text[512]{};
  std::size_t used = 0;

  tenon_str put(std::string_view s) {
    std::memcpy(text + used, s.data(), s.size());
    used += s.size();
    return {text + used - s.size(), s.size()};
  }
  File() {
    log = {sizeof log, TENON_UP_TO(tenon_log, write), 0, 0, put(TENON_LOG)};
    config = {sizeof config, 0, 1, 0, put(TENON_CONFIG)};
    needs[0] = &log;
    needs[1] = &config;
    lifecycle.struct_size = sizeof lifecycle;
    lifecycle.create = &create;
    lifecycle.start = &phase;
    module = {sizeof module, TENON_SERIAL, put("orders"), put("1.4.2"), needs, 2, &lifecycle, nullptr};
    neighbour = module;
    neighbour.name = put("neighbour");
    modules[0] = &neighbour;
    modules[1] = &module;
    check = {sizeof check, 1, 0, 0, put("database"), &answer};
    checks[0] = &check;
    health = {sizeof health, 0, checks, 1};
    current_health = &health;
    entry = {TENON_MAGIC, sizeof entry, TENON_ABI_MAJOR, TENON_ABI_MINOR, modules, 2};
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  [[nodiscard]] MappedImage image() const {
    const auto begin = reinterpret_cast<std::uintptr_t>(this);
    return {begin, begin + sizeof *this};
  }
};

const ExpectedDescriptor honest{"orders", "1.4.2", {{TENON_CONFIG, true}, {TENON_LOG, false}}, {"runnable"}};

std::string refusal(const std::function<void(File&)>& lie, const ExpectedDescriptor& expected = honest) {
  const auto file = std::make_unique<File>();
  lie(*file);
  const auto bound = bind_descriptor(file->entry, file->image(), expected);
  if (bound) return {};
  CHECK(bound.error().exit == ExitCode::unavailable);
  CHECK(bound.error().reason == "DESCRIPTOR");
  return bound.error().message;
}

// Not part of any file.
const tenon_module outside_module{};
const tenon_need outside_need{};
const tenon_lifecycle outside_lifecycle{};
const tenon_module* const outside_modules[64]{};
const tenon_need* const outside_needs[64]{};

template <class T>
const T* at_the_end(const File& f, std::size_t bytes) {
  return reinterpret_cast<const T*>(f.image().end - bytes);
}

}  // namespace

TEST_CASE("descriptor: an honest one is bound, whatever its place in the list") {
  const auto file = std::make_unique<File>();
  const auto bound = bind_descriptor(file->entry, file->image(), honest);
  REQUIRE(bound);
  CHECK(*bound == &file->module);
  ExpectedDescriptor other = honest;
  other.name = "neighbour";
  const auto second = bind_descriptor(file->entry, file->image(), other);
  REQUIRE(second);
  CHECK(*second == &file->neighbour);
}

TEST_CASE("descriptor: the entry") {
  struct {
    std::function<void(File&)> lie;
    const char* says;
  } const lies[] = {
      {[](File& f) { f.entry.magic ^= 1; }, "no TENON-V1 magic"},
      {[](File& f) { f.entry.magic = 0; }, "no TENON-V1 magic"},
      {[](File& f) { f.entry.struct_size = sizeof(tenon_entry) - 1; }, "says it has 31 bytes, expected at least 32"},
      {[](File& f) { f.entry.struct_size = 0; }, "says it has 0 bytes"},
      {[](File& f) { f.entry.abi_major = 2; }, "says ABI 2.0; this host has 1.0"},
      {[](File& f) { f.entry.abi_major = 0; }, "says ABI 0.0"},
      {[](File& f) { f.entry.module_count = 0; }, "says it has 0 modules"},
      {[](File& f) { f.entry.module_count = 65; }, "says it has 65 modules"},
      {[](File& f) { f.entry.module_count = SIZE_MAX / 8 + 2; }, "modules, expected 1 to 64"},
      {[](File& f) { f.entry.modules = nullptr; }, "list of modules is not inside the file"},
      {[](File& f) { f.entry.modules = outside_modules; }, "list of modules is not inside the file"},
      {[](File& f) { f.entry.modules = at_the_end<const tenon_module*>(f, 8); }, "list of modules is not inside the file"},
  };
  for (const auto& l : lies) CHECK_MESSAGE(refusal(l.lie).find(l.says) != std::string::npos, refusal(l.lie), " should say ", l.says);
  CHECK(refusal([](File& f) { f.entry.abi_minor = 999; }).empty());     // additions only
  CHECK(refusal([](File& f) { f.entry.struct_size = 4096; }).empty());  // a later header's is larger
  const auto file = std::make_unique<File>();
  CHECK_FALSE(bind_descriptor(file->entry, {}, honest));  // an entry outside its file
  CHECK_FALSE(bind_descriptor(file->entry, {file->image().begin, file->image().begin + sizeof(tenon_entry) - 1}, honest));
}

TEST_CASE("descriptor: the modules") {
  struct {
    std::function<void(File&)> lie;
    const char* says;
  } const lies[] = {
      {[](File& f) { f.modules[0] = nullptr; }, "descriptor 0 of the file is not inside the file"},
      {[](File& f) { f.modules[1] = &outside_module; }, "descriptor 1 of the file is not inside the file"},
      {[](File& f) { f.modules[1] = at_the_end<tenon_module>(f, 16); }, "descriptor 1 of the file is not inside the file"},
      {[](File& f) { f.module.struct_size = 16; }, "too small"},
      {[](File& f) { f.module.struct_size = UINT32_MAX; }, "descriptor 1 of the file is not inside the file"},
      {[](File& f) {
         f.module.name = {nullptr, 5};
       },
       "name or version of descriptor 1"},
      {[](File& f) { f.module.name.len = SIZE_MAX; }, "name or version of descriptor 1"},
      {[](File& f) {
         f.module.name = {"orders", 6};
       },
       "name or version of descriptor 1"},
      {[](File& f) {
         f.module.version = {f.text, 257};
       },
       "name or version of descriptor 1"},
      {[](File& f) {
         f.module.version = {at_the_end<char>(f, 4), 5};
       },
       "name or version of descriptor 1"},
      {[](File& f) { f.module.name.len = 5; }, "the manifest says `orders`, the file's descriptor says `neighbour`, `order`"},
      {[](File& f) { f.module.name = f.put("or\x1b[2J\n"); }, "`or\\x1b[2J\\n`"},
      {[](File& f) { f.module.version.len = 3; }, "field `version`: the manifest says 1.4.2, the descriptor says 1.4"},
      {[](File& f) {
         f.module.version = {nullptr, 0};
       },
       "field `version`"},
      {[](File& f) { f.module.flags |= 0x8000; }, "flags this host does not understand (bits 32768)"},
      {[](File& f) { f.module.lifecycle = nullptr; }, "no lifecycle table inside the file"},
      {[](File& f) { f.module.lifecycle = &outside_lifecycle; }, "no lifecycle table inside the file"},
      {[](File& f) { f.lifecycle.struct_size = 8; }, "no lifecycle table inside the file"},
      {[](File& f) { f.lifecycle.struct_size = UINT32_MAX; }, "no lifecycle table inside the file"},
  };
  for (const auto& l : lies) CHECK_MESSAGE(refusal(l.lie).find(l.says) != std::string::npos, refusal(l.lie), " should say ", l.says);
  CHECK(refusal([](File& f) { f.module.flags |= 0xFFFF0000; }).empty());  // may be ignored
}

TEST_CASE("descriptor: the needs") {
  struct {
    std::function<void(File&)> lie;
    const char* says;
  } const lies[] = {
      {[](File& f) { f.module.needs = nullptr; }, "needs are not inside the file"},
      {[](File& f) { f.module.needs = outside_needs; }, "needs are not inside the file"},
      {[](File& f) { f.module.need_count = 65; }, "has 65 needs; at most 64 are allowed"},
      {[](File& f) { f.module.need_count = SIZE_MAX; }, "needs; at most 64 are allowed"},
      {[](File& f) { f.needs[1] = nullptr; }, "need 1 of the descriptor is not inside the file"},
      {[](File& f) { f.needs[1] = &outside_need; }, "need 1 of the descriptor is not inside the file"},
      {[](File& f) { f.needs[1] = at_the_end<tenon_need>(f, 8); }, "need 1 of the descriptor is not inside the file"},
      {[](File& f) { f.log.struct_size = sizeof(tenon_need) - 1; }, "need 0 of the descriptor is not inside the file, or too small"},
      {[](File& f) {
         f.log.id = {nullptr, 3};
       },
       "need 0 of the descriptor is not inside the file"},
      {[](File& f) { f.log.min_size = sizeof(tenon_log) + 1; }, "this host's table has 16: it was written for a newer host"},
      {[](File& f) { f.module.need_count = 1; },
       "field `needs`: the manifest says tenon.config/1 (optional), tenon.log/1; the descriptor says tenon.log/1"},
      {[](File& f) { f.config.optional = 0; }, "the descriptor says tenon.config/1, tenon.log/1"},
      {[](File& f) { f.config.id = f.put("tenon.calls/1"); }, "the descriptor says tenon.calls/1 (optional), tenon.log/1"},
      {[](File& f) { f.module.need_count = 0; }, "the descriptor says nothing"},
      {[](File& f) { f.needs[1] = &f.log; }, "the descriptor says tenon.log/1, tenon.log/1"},
  };
  for (const auto& l : lies) CHECK_MESSAGE(refusal(l.lie).find(l.says) != std::string::npos, refusal(l.lie), " should say ", l.says);
  CHECK(refusal([](File& f) { f.config.min_size = UINT32_MAX; }).empty());  // optional: the module looks before it uses
}

TEST_CASE("descriptor: all lies of a file are told together, each with its field") {
  const std::string told = refusal([](File& f) {
    f.modules[0] = &f.module;
    f.entry.module_count = 1;
    f.module.name.len = 5;
    f.module.version.len = 3;
    f.module.need_count = 1;
    f.lifecycle.start = nullptr;
    f.lifecycle.pre_init = &phase;
  });
  CHECK(told ==
        "field `name`: the manifest says `orders`, the file's descriptor says `order`; "
        "field `version`: the manifest says 1.4.2, the descriptor says 1.4; "
        "field `needs`: the manifest says tenon.config/1 (optional), tenon.log/1; the descriptor says tenon.log/1; "
        "field `capabilities`: the manifest declares `runnable`, but the descriptor has no `start`; "
        "field `capabilities`: the descriptor has `pre_init` or `post_init`, but the manifest does not declare `system`");
  // What cannot be followed ends the comparison, not what was found before.
  const std::string cut = refusal([](File& f) {
    f.module.version.len = 3;
    f.module.needs = nullptr;
  });
  CHECK(cut == "field `version`: the manifest says 1.4.2, the descriptor says 1.4; the descriptor's needs are not inside the file");
  // Of several modules none is meant under another name.
  CHECK(refusal([](File& f) {
          f.module.name.len = 5;
          f.module.version.len = 3;
        }) == "field `name`: the manifest says `orders`, the file's descriptor says `neighbour`, `order`");
}

TEST_CASE("descriptor: capabilities are tables, and tables are capabilities") {
  const auto declares = [](std::vector<std::string> words) {
    ExpectedDescriptor e = honest;
    e.capabilities = std::move(words);
    return e;
  };
  const auto unchanged = [](File&) {};
  CHECK(refusal(unchanged, declares({})).find("has `start`, but the manifest does not declare `runnable`") != std::string::npos);
  CHECK(refusal([](File& f) { f.lifecycle.start = nullptr; }).find("declares `runnable`, but the descriptor has no `start`") !=
        std::string::npos);
  CHECK(refusal([](File& f) { f.lifecycle.struct_size = offsetof(tenon_lifecycle, start); }).find("no `start`") != std::string::npos);
  CHECK(refusal([](File& f) { f.lifecycle.pre_init = &phase; }).find("does not declare `system`") != std::string::npos);
  CHECK(refusal([](File& f) { f.lifecycle.post_init = &phase; }).find("does not declare `system`") != std::string::npos);
  CHECK(refusal(unchanged, declares({"runnable", "system"})).find("declares `system`") != std::string::npos);
  CHECK(refusal([](File& f) { f.module.query = &every_table; }).find("has table tenon.migrations/1") != std::string::npos);
  CHECK(refusal([](File& f) { f.module.query = &health_table; }, declares({"runnable", "health"})).empty());
  CHECK(refusal([](File& f) { f.module.query = &health_table; }).find("does not declare `health`") != std::string::npos);
  CHECK(refusal([](File& f) { f.module.query = &health_table; }, declares({"runnable", "health", "reload"}))
            .find("declares `reload`, but the descriptor has no table tenon.reload/1") != std::string::npos);
  CHECK(refusal(unchanged, declares({"runnable", "health"})).find("no table tenon.health/1") != std::string::npos);
  CHECK(refusal(
            [](File& f) {
              f.module.query = &health_table;
              f.module.struct_size = offsetof(tenon_module, query);
            },
            declares({"runnable", "health"}))
            .find("no table tenon.health/1") != std::string::npos);
}

TEST_CASE("descriptor: the table of health checks") {
  ExpectedDescriptor expected = honest;
  expected.capabilities = {"runnable", "health"};
  static const tenon_health_check outside_check{sizeof(tenon_health_check), 1, 0, 0, TENON_STR("out"), &answer};
  const auto lie = [&](const std::function<void(File&)>& change) {
    return refusal(
        [&](File& f) {
          f.module.query = &health_table;
          change(f);
        },
        expected);
  };
  CHECK(lie([](File&) {}).empty());
  CHECK(lie([](File& f) { f.health.struct_size = 8; }).find("too small") != std::string::npos);
  CHECK(lie([](File& f) { f.health.struct_size = 1 << 20; }).find("not inside the file") != std::string::npos);
  CHECK(lie([](File& f) { f.health.check_count = 0; }).find("1 to 64 checks") != std::string::npos);
  CHECK(lie([](File& f) { f.health.check_count = SIZE_MAX; }).find("1 to 64 checks") != std::string::npos);
  CHECK(lie([](File& f) { f.health.check_count = 64; }).find("check 1 is not inside the file") != std::string::npos);
  CHECK(lie([](File& f) { f.checks[0] = nullptr; }).find("check 0 is not inside the file") != std::string::npos);
  CHECK(lie([](File& f) { f.checks[0] = &outside_check; }).find("check 0 is not inside the file") != std::string::npos);
  CHECK(lie([](File& f) { f.check.struct_size = 40; }).find("check 0 is not inside the file, or too small") != std::string::npos);
  CHECK(lie([](File& f) { f.check.name = TENON_STR("elsewhere"); }).find("name that is not inside the file") != std::string::npos);
  CHECK(lie([](File& f) { f.check.check = nullptr; }).find("`database` has no function") != std::string::npos);
  CHECK(lie([](File& f) { f.check.name.len = 0; }).find("has no name") != std::string::npos);
  CHECK(lie([](File& f) { f.check.timeout_ns = -1; }).find("timeout") != std::string::npos);
  CHECK(lie([](File& f) { f.check.interval_ns = 1; }).find("interval") != std::string::npos);
}

TEST_CASE("descriptor: an image contains what lies wholly inside, whatever the numbers") {
  const MappedImage image{0x1000, 0x2000};
  const auto contains = [&](std::uintptr_t at, std::size_t bytes) { return image.contains(reinterpret_cast<const void*>(at), bytes); };
  CHECK(contains(0x1000, 0x1000));
  CHECK(contains(0x1fff, 1));
  CHECK_FALSE(contains(0x1fff, 2));
  CHECK_FALSE(contains(0xfff, 1));
  CHECK_FALSE(contains(0x2001, 0));
  CHECK_FALSE(contains(0x1800, SIZE_MAX));
  CHECK_FALSE(contains(UINTPTR_MAX, 1));
  CHECK_FALSE(contains(0, 1));
}
